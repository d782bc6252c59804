"""What the client gives back about documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from docmill.client.run import Fault


class DocumentStatus(StrEnum):
    """Whether a document has been looked at."""

    PENDING = "pending"
    READY = "ready"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Uploaded bytes and what is known of them."""

    id: str
    filename: str
    mime_type: str
    """Found in the bytes once READY, before that as declared."""
    size: int
    """Bytes."""
    sha256: str
    """Lowercase hex."""
    status: DocumentStatus
    page_count: int | None = None
    """Once READY."""
    error: Fault | None = None
    """Why it was REJECTED."""
    declared_mime_type: str = ""
    """As declared at the upload."""
    created_at: datetime | None = None
