"""What the gateway says of itself: the OpenAPI document of all its surfaces."""

from __future__ import annotations

from typing import Any

from docmill.gateway.bindings import bindings_under
from docmill.gateway.dialects.doclo.dialect import PREFIX
from docmill.gateway.dialects.doclo.openapi import OVERLAY
from docmill.gateway.dialects.documentflow import openapi as documentflow
from docmill.gateway.openapi import openapi_document

__all__ = ["api_document"]


def api_document() -> dict[str, Any]:
    """The document. ValueError when two surfaces use one name."""
    document = openapi_document(bindings_under(PREFIX), OVERLAY)
    document["tags"].append(documentflow.TAG)
    _add(document["paths"], documentflow.PATHS)
    _add(document["components"]["schemas"], documentflow.SCHEMAS)
    return document


def _add(known: dict[str, Any], more: Any) -> None:
    twice = known.keys() & more.keys()
    if twice:
        raise ValueError(f"{', '.join(sorted(twice))}: there already")
    known.update(more)
