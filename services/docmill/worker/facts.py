"""What a child says of its work, believed field by field: it opens untrusted bytes and may be taken over by them.

Each function takes the header of a reply, and raises `faults.internal()` if what it needs is not there or out of its
bounds: an odd number costs one attempt of one job, whether a document or an OCR plug-in made the child say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import structlog

from docmill.domain import quality
from docmill.domain.messages import PageFacts, ProbeFacts, StepFacts
from docmill.domain.models import PageSize
from docmill.domain.pages import Unit
from docmill.worker import faults
from docmill.worker.frames import Frame

__all__ = [
    "batch_size",
    "engine_ms",
    "fingerprint",
    "fingerprints",
    "page_facts",
    "parts",
    "png",
    "probe_facts",
    "step_facts",
]

log = structlog.stdlib.get_logger("docmill.worker")

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,127}")
_MAX_TEXT = 200  # characters of a name
_MAX_PAGES = 100_000
_MAX_SIDE = 1e9  # pixels or points
_MAX_WORDS = 100_000_000  # of a page
_MAX_TOKENS = 1_000_000_000
_MAX_STEPS = 1000
_MAX_BATCH = 64
_MAX_MODES = 20
_MAX_MS = 7 * 24 * 3600 * 1000
_PNG = b"\x89PNG\r\n\x1a\n"
_ROUNDING = 1e-6  # a mean of ones may come out a little larger

Header = Mapping[str, Any]


def probe_facts(header: Header) -> ProbeFacts:
    """`media_type` and `pages`."""
    with _checked():
        if not header["pages"]:
            raise ValueError("a document has pages")
        pages = tuple(
            PageSize(width=_number(width, _MAX_SIDE), height=_number(height, _MAX_SIDE), unit=Unit(_text(unit)))
            for width, height, unit in _rows(header["pages"], _MAX_PAGES)
        )
        return ProbeFacts(media_type=_text(header["media_type"]), pages=pages)


def page_facts(header: Header, page_key: str, *, cached: bool = False) -> PageFacts:
    """`engine`, `confidence`, `words` and `quality` (see `docmill.ocr.codec.summary`) of the page whose text is kept under `page_key`."""
    with _checked():
        measured = header.get("quality")
        return PageFacts(
            quality=None if measured is None else quality.from_json(measured),
            cached=cached,
            page_key=page_key,
            engine=_text(header["engine"]),
            confidence=min(_number(header["confidence"], 1.0 + _ROUNDING), 1.0),
            words=_count(header["words"], _MAX_WORDS),
        )


def step_facts(header: Header) -> Sequence[StepFacts]:
    """`steps`."""
    with _checked():
        return tuple(
            StepFacts(
                step_id=_text(step),
                node_type=_text(node),
                duration_ms=_count(duration, _MAX_MS),
                input_tokens=_count(given, _MAX_TOKENS),
                output_tokens=_count(answered, _MAX_TOKENS),
            )
            for step, node, duration, given, answered in _rows(header["steps"], _MAX_STEPS)
        )


def parts(reply: Frame, count: int) -> Sequence[Frame]:
    """`pages` and `sizes` of an answer about `count` pages: the answer about each."""
    with _checked():
        headers, sizes = _rows(reply.header["pages"], count), _rows(reply.header["sizes"], count)
        if not len(headers) == len(sizes) == count or not all(isinstance(header, dict) for header in headers):
            raise ValueError(f"not {count} answers")
        ends = [*accumulate((_count(size, len(reply.body)) for size in sizes), initial=0)]
        if ends[-1] != len(reply.body):
            raise ValueError("the answers are not as long as they say")
        return [Frame(header, reply.body[a:b]) for header, (a, b) in zip(headers, pairwise(ends), strict=True)]


def png(body: bytes) -> bytes:
    """`body`, which begins as a PNG does: what is shown to people under that name is no page of a browser's."""
    with _checked():
        if not body.startswith(_PNG):
            raise ValueError("no PNG")
        return body


def batch_size(header: Header) -> int:
    """How many pages the child's engine gains from at once; 1 where it does not say."""
    with _checked():
        return max(1, _count(header.get("batch_size", 1), _MAX_BATCH))


def engine_ms(header: Header) -> int:
    """Milliseconds inside a reading engine."""
    with _checked():
        return _count(header["engine_ms"], _MAX_MS)


def fingerprint(header: Header) -> str:
    """`fingerprint`, which is one segment of a blob's key: a child must not name other blobs."""
    with _checked():
        return _segment(header["fingerprint"])


def fingerprints(header: Header) -> Mapping[str, str]:
    """`fingerprints` by reading mode; none where the child does not say."""
    with _checked():
        said = dict(header.get("fingerprints", {}))
        if len(said) > _MAX_MODES:
            raise ValueError(f"more than {_MAX_MODES} reading modes")
        return {_text(mode): _segment(value) for mode, value in said.items()}


@contextmanager
def _checked() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        log.warning("a child's answer is not to be believed", event_key="child.unbelievable", error=repr(error)[:500])
        raise faults.internal() from error


def _rows(value: object, most: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"no list of at most {most}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT or "\0" in value:
        raise ValueError(f"no text of at most {_MAX_TEXT} characters")
    return value


def _segment(value: object) -> str:
    text = _text(value)
    if not _SEGMENT.fullmatch(text):
        raise ValueError("not a segment of a key")
    return text


def _count(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"no whole number from 0 to {most}")
    return value


def _number(value: object, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:  # NaN is in no range
        raise ValueError(f"no number from 0 to {most:g}")
    return float(value)
