"""What went wrong with a request, before a dialect says it in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["OWN_REASONS", "Problem"]

OWN_REASONS = ("ROUTE_UNKNOWN", "METHOD_NOT_ALLOWED", "BODY_TOO_LARGE", "CONTENT_TYPE_UNSUPPORTED", "NOT_IMPLEMENTED")
"""What only an HTTP server has to refuse. All other reasons are those of `docmill.v1.ErrorReason`."""


class Problem(Exception):
    """A request that is not answered as asked."""

    def __init__(
        self,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        fields: Sequence[tuple[str, str]] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        """Name of an `ErrorReason` without its prefix, or one of `OWN_REASONS`."""
        self.message = message
        """For people; never internals."""
        self.details: Mapping[str, Any] = dict(details or {})
        """For programs."""
        self.fields = tuple(fields)
        """Fields to blame, and what is wrong with each; paths in JSON names."""
        self.retry_after = retry_after
        """Seconds after which trying again may help."""
        self.headers: Mapping[str, str] = dict(headers or {})
        """Response headers that belong to it, e.g. `Allow`."""
