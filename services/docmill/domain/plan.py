"""What a run has to do next. Pure: facts in, decision out; `engine/advance.py` carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import Document, FlowVersion, JobKind, Priority, Run
from docmill.domain.states import ProbeState


class OnPageFailure(Enum):
    """What a page that cannot be read means for its run."""

    FAIL = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The pages of a run."""

    pages: int


def plan(version: FlowVersion, document: Document) -> Plan | Fault:
    """The plan of a run of `version` over the probed `document`, or why there is none."""
    if document.probe is ProbeState.REJECTED:
        return document.fault or Fault(reason=Reason.MEDIA_CORRUPT, message="The document cannot be opened")
    limits = version.limits
    if document.media_type not in limits.supported_formats:
        return Fault(
            reason=Reason.MEDIA_UNSUPPORTED,
            message=f"Flow {version.flow_id} does not take {document.media_type}; it takes {_listed(limits.supported_formats)}",
            details={"detected": document.media_type, "supported": " ".join(limits.supported_formats)},
        )
    if not document.pages:
        return Fault(reason=Reason.MEDIA_EMPTY, message="The document has no pages")
    return check_pages(version, len(document.pages)) or Plan(pages=len(document.pages))


def check_pages(version: FlowVersion, pages: int) -> Fault | None:
    """Why a document of so many pages is too long for the flow, or None."""
    limit = version.limits.max_pages
    if pages <= limit:
        return None
    return Fault(
        reason=Reason.MEDIA_TOO_MANY_PAGES,
        message=f"The document has {pages} pages; flow {version.flow_id} takes at most {limit}. Split it",
        details={"pages": str(pages), "maxPages": str(limit)},
    )


def check_size(version: FlowVersion, size: int) -> Fault | None:
    """Why a document of `size` bytes is too large for the flow, or None. Known before any probe."""
    limit = version.limits.max_file_size
    if size <= limit:
        return None
    return Fault(
        reason=Reason.MEDIA_TOO_LARGE,
        message=f"The document has {size:,} bytes; flow {version.flow_id} takes at most {limit:,}",
        details={"bytes": str(size), "maxFileSizeMB": str(version.limits.max_file_size_mb)},
    )


class Step(Enum):
    """What follows when a page of a run has ended."""

    WAIT = auto()  # other pages are open
    ASSEMBLE = auto()  # all pages ended: make the DOCUMENT job
    FAIL = auto()  # the run cannot succeed any more


def after_page(run: Run, on_failure: OnPageFailure) -> Step:
    """The step after a page ended; `run` already counts it."""
    total = run.pages_total or 0
    if run.pages_failed and (on_failure is OnPageFailure.FAIL or run.pages_failed == total):
        return Step.FAIL
    return Step.ASSEMBLE if run.pages_done + run.pages_failed >= total else Step.WAIT


WEIGHTS = 2 * len(Priority)
"""How many weights there are; jobs that call a language model have as many again, from here on."""


def weight(priority: Priority, kind: JobKind, *, calls_llm: bool = False) -> int:
    """Dispatch order, lowest first: by priority, and within one what lets runs begin and end before more pages.

    Jobs that call a language model wait on a network and not for each other: they stand in lines of their own.
    """
    return priority.rank * 2 + (kind is JobKind.PAGE) + calls_llm * WEIGHTS


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
