"""The one place that knows all dialects: puts the application together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from docmill.gateway.app import Gateway
from docmill.gateway.dialects import Dialect
from docmill.gateway.dialects.doclo.dialect import Doclo
from docmill.gateway.dialects.doclo.words import VOCABULARIES
from docmill.gateway.dialects.documentflow.dialect import DocumentFlow
from docmill.gateway.documentation import api_document
from docmill.gateway.openapi import reference_page
from docmill.gateway.replies import json_reply
from docmill.gateway.upstream import Upstream

__all__ = ["GatewayOptions", "make_app"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """What an operator may choose."""

    max_body_bytes: int = 140 * 1024 * 1024
    """Larger bodies are refused."""
    trusted_proxies: Sequence[str] = ()
    """Addresses and networks whose `X-Forwarded-For` is believed."""
    cors_origins: Sequence[str] = ()
    """Origins whose pages may call the gateway."""
    public_url: str = ""
    """Where clients reach the gateway, for links; empty: as each of them wrote it in its request."""
    extract_s: int = 25
    """Seconds for a document that is waited for on the batch surface: its clients wait 30 for the whole request."""
    status_vocabulary: str = "sdk"
    """Words for a run's state on the documented surface: `sdk` or `rest`."""


def make_app(options: GatewayOptions, upstream: Upstream) -> tuple[ASGIApp, Gateway]:
    """The ASGI application, and the gateway inside it. ValueError when two bindings can match one path."""
    dialects: Sequence[Dialect] = [
        Doclo(upstream, vocabulary=VOCABULARIES[options.status_vocabulary]),
        DocumentFlow(upstream, public_url=options.public_url, extract_s=options.extract_s),
    ]
    gateway = Gateway(dialects, upstream, max_body_bytes=options.max_body_bytes, pages=_pages())
    if not options.cors_origins:
        return gateway, gateway
    app = CORSMiddleware(
        gateway,
        allow_origins=list(options.cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "Traceparent", "X-Request-Id"],
        expose_headers=[
            "Retry-After",
            "X-Doclo-Execution-Id",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-Request-Id",
            "X-Trace-Id",
        ],
    )
    return app, gateway


def _pages() -> dict[str, Response]:
    """The documentation: for programs and for people."""
    document = api_document()
    return {"/openapi.json": json_reply(document), "/docs": HTMLResponse(reference_page(document))}
