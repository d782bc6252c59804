"""Statements about documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from docmill.domain.errors import Fault
from docmill.domain.messages import ProbeFacts
from docmill.domain.models import Document, Mode, PageSize
from docmill.domain.pages import Unit
from docmill.domain.states import ProbeState
from docmill.store import Op, Row, Statement
from docmill.store._codec import dump, dump_fault, load, load_fault, micros, moment

_COLUMNS = (
    "id, org_id, mode, filename, declared_type, sha256, size, blob_key, created_at, probe, media_type, pages, fault"
)


def insert(document: Document) -> Op[None]:
    """Record an uploaded document."""
    yield Statement(
        f"INSERT INTO documents ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",  # noqa: S608 - constant columns
        (
            document.id,
            document.org_id,
            document.mode.value,
            document.filename,
            document.declared_type,
            document.sha256,
            document.size,
            document.blob_key,
            micros(document.created_at),
            document.probe.value,
            document.media_type,
            dump([asdict(page) for page in document.pages]),
            dump_fault(document.fault),
        ),
    )


def get(document_id: str, *, lock: bool = False) -> Op[Document | None]:
    """The document, whoever owns it; `lock` keeps its row until the transaction ends."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM documents WHERE id = $1" + (" FOR UPDATE" if lock else ""),  # noqa: S608 - constant columns
        (document_id,),
    )
    return _document(rows[0]) if rows else None


def set_probed(document_id: str, facts: ProbeFacts) -> Op[bool]:
    """PENDING -> READY; False if somebody was first."""
    rows = yield Statement(
        "UPDATE documents SET probe = 'READY', media_type = $2, pages = $3 WHERE id = $1 AND probe = 'PENDING' "
        "RETURNING id",
        (document_id, facts.media_type, dump([asdict(page) for page in facts.pages])),
    )
    return bool(rows)


def set_rejected(document_id: str, fault: Fault) -> Op[bool]:
    """PENDING -> REJECTED; False if somebody was first."""
    rows = yield Statement(
        "UPDATE documents SET probe = 'REJECTED', fault = $2 WHERE id = $1 AND probe = 'PENDING' RETURNING id",
        (document_id, dump_fault(fault)),
    )
    return bool(rows)


def _document(row: Row) -> Document:
    return Document(
        id=row[0],
        org_id=row[1],
        mode=Mode(row[2]),
        filename=row[3],
        declared_type=row[4],
        sha256=row[5],
        size=row[6],
        blob_key=row[7],
        created_at=moment(row[8]),
        probe=ProbeState(row[9]),
        media_type=row[10],
        pages=_pages(row[11]),
        fault=load_fault(row[12]),
    )


def _pages(text: str) -> Sequence[PageSize]:
    return tuple(PageSize(width=page["width"], height=page["height"], unit=Unit(page["unit"])) for page in load(text))
