"""Documents and pages."""

from __future__ import annotations

from docmill.domain.models import Document, RunPage
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.domain.quality import PageQuality
from docmill.rpc.convert.common import to_fault, to_timestamp
from docmill.v1 import documents_pb2, pages_pb2

__all__ = ["to_box", "to_document", "to_page"]

_UNITS = {Unit.PIXEL: pages_pb2.LENGTH_UNIT_PIXEL, Unit.POINT: pages_pb2.LENGTH_UNIT_POINT}


def to_document(document: Document) -> documents_pb2.Document:
    """A document."""
    return documents_pb2.Document(
        id=document.id,
        filename=document.filename,
        mime_type=document.media_type or document.declared_type,
        declared_mime_type=document.declared_type,
        size=document.size,
        sha256=document.sha256,
        status=documents_pb2.DocumentStatus.Value(f"DOCUMENT_STATUS_{document.probe}"),
        page_count=document.page_count,
        error=to_fault(document.fault),
        created_at=to_timestamp(document.created_at),
    )


def to_page(page: RunPage, text: Page | None = None) -> pages_pb2.Page:
    """A page's progress, and its text where given."""
    return pages_pb2.Page(
        page_number=page.number,
        status=pages_pb2.PageStatus.Value(f"PAGE_STATUS_{page.state}"),
        attempts=page.attempts,
        engine=page.engine,
        confidence=page.confidence,
        words=page.words,
        duration_ms=page.duration_ms,
        error=to_fault(page.fault),
        text=to_text(text) if text else None,
        quality=to_quality(page.quality) if page.quality else None,
        cached=page.cached,
    )


def to_quality(quality: PageQuality) -> pages_pb2.PageQuality:
    """Signals of how well a page could be read."""
    return pages_pb2.PageQuality(
        mean_confidence=quality.mean_confidence,
        dictionary_share=quality.dictionary_share,
        skew_degrees=quality.skew_degrees,
        resolution_dpi=quality.resolution_dpi,
        sharpness=quality.sharpness,
        unread_share=quality.unread_share,
        needs_review=quality.needs_review,
        warnings=[pages_pb2.PageWarning.Value(f"PAGE_WARNING_{warning.name}") for warning in quality.warnings],
    )


def to_text(page: Page) -> pages_pb2.PageText:
    """What is written on a page."""
    return pages_pb2.PageText(
        width=page.width,
        height=page.height,
        unit=_UNITS[page.unit],
        rotation=page.rotation,
        lines=[to_line(line) for line in page.lines],
    )


def to_line(line: Line) -> pages_pb2.Line:
    """A line with its words."""
    words = [to_word(word) for word in line.words]
    return pages_pb2.Line(text=line.text, bbox=to_box(line.box) if words else None, words=words)


def to_word(word: Word) -> pages_pb2.Word:
    """A word."""
    return pages_pb2.Word(text=word.text, bbox=to_box(word.box), confidence=word.confidence)


def to_box(box: Box) -> pages_pb2.BoundingBox:
    """A box."""
    return pages_pb2.BoundingBox(x=box.x, y=box.y, w=box.w, h=box.h)
