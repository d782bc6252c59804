"""Reasons of the contract by their names."""

from __future__ import annotations

from docmill.v1 import errors_pb2

__all__ = ["reason_of"]


def reason_of(number: int) -> str:
    """`RUN_NOT_FOUND` for ERROR_REASON_RUN_NOT_FOUND; empty for a reason that this gateway does not know."""
    known = errors_pb2.ErrorReason.DESCRIPTOR.values_by_number.get(number)
    return "" if known is None or number == 0 else known.name.removeprefix("ERROR_REASON_")
