"""Statements about what is kept of old batches, and who else has a use for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from docmill.domain.batches import Batch
from docmill.store import Op, Statement
from docmill.store import batches as record
from docmill.store._codec import micros

# A run that is no batch's has no end of its own to what is kept of it; one of a young batch is still wanted.
_WANTED = "(w.batch_id IS NULL OR w.created_at >= $2)"

_KEPT = f"""
SELECT r.output_key, d.blob_key, d.org_id, d.sha256,
       EXISTS (SELECT 1 FROM runs w WHERE w.document_id = d.id AND {_WANTED}),
       EXISTS (SELECT 1 FROM documents s JOIN runs w ON w.document_id = s.id
               WHERE s.org_id = d.org_id AND s.sha256 = d.sha256 AND {_WANTED})
FROM batch_files f JOIN runs r ON r.id = f.run_id JOIN documents d ON d.id = r.document_id
WHERE f.batch_id = $1 ORDER BY f.position
"""  # noqa: S608 - constant text


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one file of a batch."""

    output_key: str
    blob_key: str
    org_id: str
    sha256: str
    document_in_use: bool
    """Whether a wanted run is over the document."""
    bytes_in_use: bool
    """Whether one is over the same bytes, and so has the same pages."""


def outdated(before: datetime, limit: int) -> Op[Sequence[Batch]]:
    """At most `limit` batches from before a time whose results are kept, oldest first."""
    rows = yield Statement(
        "SELECT id FROM batches WHERE results_key != '' AND created_at < $1 ORDER BY created_at LIMIT $2",
        (micros(before), limit),
    )
    found = []
    for row in rows:
        batch = yield from record.get(row[0])
        if batch is not None:
            found.append(batch)
    return found


def kept_of(batch_id: str, before: datetime) -> Op[Sequence[Kept]]:
    """What is kept of a batch's files; runs from before a time have no use for it any more."""
    rows = yield Statement(_KEPT, (batch_id, micros(before)))
    return [Kept(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5])) for row in rows]


def forget(batch_id: str) -> Op[None]:
    """The results are no longer kept."""
    yield Statement("UPDATE batches SET results_key = '' WHERE id = $1", (batch_id,))
