"""Statements about documents.

A document's `use` says what may become of it: NONE (no run is over it), RUNS (one is, so it stays), DELETED (its bytes
are being deleted: it does not exist any more, and its row goes once they are gone).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

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


def get(document_id: str) -> Op[Document | None]:
    """The document, whoever owns it."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM documents WHERE id = $1 AND use != 'DELETED'",  # noqa: S608 - constant columns
        (document_id,),
    )
    return _document(rows[0]) if rows else None


def take(document_id: str) -> Op[Document | None]:
    """The document, for a run that this transaction records: NONE or RUNS -> RUNS. Its row is locked.

    None when it is deleted, or being deleted.
    """
    rows = yield Statement(
        f"UPDATE documents SET use = 'RUNS' WHERE id = $1 AND use != 'DELETED' RETURNING {_COLUMNS}",  # noqa: S608 - constant columns
        (document_id,),
    )
    return _document(rows[0]) if rows else None


def withdraw(document_id: str) -> Op[bool]:
    """NONE -> DELETED: from now on no run can have it; False if a run has it, or it is not there.

    True again for one that is being deleted already.
    """
    rows = yield Statement(
        "UPDATE documents SET use = 'DELETED' WHERE id = $1 AND use != 'RUNS' RETURNING id", (document_id,)
    )
    return bool(rows)


def remove(document_id: str) -> Op[None]:
    """Forget a withdrawn document with its probe; its bytes are gone."""
    yield Statement(
        "DELETE FROM jobs WHERE kind = 'PROBE' AND document_id = $1 "
        "AND EXISTS (SELECT 1 FROM documents WHERE id = $1 AND use = 'DELETED')",
        (document_id,),
    )
    yield Statement("DELETE FROM documents WHERE id = $1 AND use = 'DELETED'", (document_id,))


def unused(before: datetime, limit: int) -> Op[Sequence[tuple[str, str]]]:
    """Id and blob key of at most `limit` documents from before a time that no run is over, withdrawn ones too."""
    rows = yield Statement(
        "SELECT id, blob_key FROM documents WHERE use != 'RUNS' AND created_at < $1 ORDER BY created_at LIMIT $2",
        (micros(before), limit),
    )
    return [(row[0], row[1]) for row in rows]


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
