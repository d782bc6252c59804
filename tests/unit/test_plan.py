"""Planning: what a run has to do, from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import (
    Document,
    FlowLimits,
    FlowVersion,
    JobKind,
    Mode,
    PageSize,
    Priority,
    Run,
)
from docmill.domain.pages import Unit
from docmill.domain.plan import OnPageFailure, Plan, Step, after_page, check_size, plan, weight
from docmill.domain.retry import RetryPolicy
from docmill.domain.states import ProbeState, RunState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FLOW = FlowVersion(
    flow_id="lab-report",
    org_id="",
    version="1.0.0",
    name="Lab report",
    description="",
    hidden=False,
    input_schema={},
    output_schema={},
    limits=FlowLimits(
        supported_formats=("application/pdf",), max_pages=3, max_file_size_mb=1, estimated_credits_per_page=2
    ),
    definition={},
    created_at=NOW,
)
DOCUMENT = Document(
    id="doc_1",
    org_id="org_1",
    mode=Mode.LIVE,
    filename="a.pdf",
    declared_type="application/pdf",
    sha256="0" * 64,
    size=10,
    blob_key="documents/org_1/doc_1",
    created_at=NOW,
    probe=ProbeState.READY,
    media_type="application/pdf",
    pages=(PageSize(width=595, height=842, unit=Unit.POINT),) * 3,
)
RUN = Run(
    id="run_1",
    org_id="org_1",
    mode=Mode.LIVE,
    flow_id="lab-report",
    flow_version="1.0.0",
    document_id="doc_1",
    state=RunState.RUNNING,
    priority=Priority.STANDARD,
    created_at=NOW,
    pages_total=3,
)


def test_a_plan_has_every_page() -> None:
    """A document within the limits is planned page by page."""
    assert plan(FLOW, DOCUMENT) == Plan(pages=3)


def test_too_many_pages_are_refused_with_both_numbers() -> None:
    """One page over the limit is refused, and the message says how many there are and may be."""
    fault = plan(FLOW, replace(DOCUMENT, pages=DOCUMENT.pages * 2))
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.MEDIA_TOO_MANY_PAGES
    assert dict(fault.details) == {"pages": "6", "maxPages": "3"}


def test_a_media_type_the_flow_does_not_take_is_refused() -> None:
    """What the bytes are decides, and the message lists what the flow takes."""
    fault = plan(FLOW, replace(DOCUMENT, media_type="image/png"))
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.MEDIA_UNSUPPORTED
    assert "application/pdf" in fault.message


def test_a_rejected_document_keeps_its_own_reason() -> None:
    """What the probe found wrong is what the run says."""
    broken = Fault(reason=Reason.MEDIA_ENCRYPTED, message="locked")
    assert plan(FLOW, replace(DOCUMENT, probe=ProbeState.REJECTED, pages=(), fault=broken)) == broken


@pytest.mark.parametrize(("size", "refused"), [(1024 * 1024, False), (1024 * 1024 + 1, True)])
def test_the_size_limit_is_inclusive(size: int, refused: bool) -> None:  # noqa: FBT001 - a table of cases
    """A document of exactly the limit is taken, one byte more is not."""
    assert (check_size(FLOW, size) is not None) is refused


@pytest.mark.parametrize(
    ("done", "failed", "policy", "step"),
    [
        (1, 0, OnPageFailure.FAIL, Step.WAIT),
        (3, 0, OnPageFailure.FAIL, Step.ASSEMBLE),
        (1, 1, OnPageFailure.FAIL, Step.FAIL),
        (1, 1, OnPageFailure.SKIP, Step.WAIT),
        (2, 1, OnPageFailure.SKIP, Step.ASSEMBLE),
        (0, 3, OnPageFailure.SKIP, Step.FAIL),
    ],
)
def test_what_follows_a_page(done: int, failed: int, policy: OnPageFailure, step: Step) -> None:
    """The run waits, goes on or fails as its pages and its policy say."""
    assert after_page(replace(RUN, pages_done=done, pages_failed=failed), policy) is step


def test_dispatch_order_lets_runs_begin_and_end_before_more_pages() -> None:
    """Within a priority, looking at documents and finishing runs go before pages; a higher priority goes before all."""
    kinds = [JobKind.PROBE, JobKind.DOCUMENT, JobKind.PAGE]
    ordered = [weight(priority, kind) for priority in Priority for kind in kinds]
    assert ordered == sorted(ordered)
    assert weight(Priority.STANDARD, JobKind.DOCUMENT) < weight(Priority.STANDARD, JobKind.PAGE)
    assert weight(Priority.INTERACTIVE, JobKind.PAGE) < weight(Priority.STANDARD, JobKind.PROBE)


def test_retries_back_off_and_end() -> None:
    """A retryable fault is tried three times, further apart each time; another fault is final at once."""
    policy = RetryPolicy()
    crash = Fault(reason=Reason.WORKER_CRASHED, message="", retryable=True)
    assert [policy.delay_after(failures, crash) for failures in (1, 2, 3)] == [0.5, 2.0, None]
    assert policy.delay_after(1, Fault(reason=Reason.MEDIA_CORRUPT, message="")) is None


def test_an_outage_is_waited_out_longer_than_a_crash() -> None:
    """While a part is away, a job is tried for minutes."""
    policy = RetryPolicy()
    away = Fault(reason=Reason.OVERLOADED, message="", retryable=True)
    delays = [policy.delay_after(failures, away) for failures in range(1, policy.max_outages)]
    assert sum(delay for delay in delays if delay) > 180
    assert policy.delay_after(policy.max_outages, away) is None
