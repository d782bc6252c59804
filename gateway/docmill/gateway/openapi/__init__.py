"""The OpenAPI document of a dialect, made from the same bindings that serve it, so that it cannot drift."""

from docmill.gateway.openapi.document import openapi_document
from docmill.gateway.openapi.overlay import Overlay
from docmill.gateway.openapi.reference import reference_page

__all__ = ["Overlay", "openapi_document", "reference_page"]
