"""The forms of webhooks by the names of their dialects. The services send them and know none of the names."""

from __future__ import annotations

from docmill.gateway.dialects.doclo import webhook as doclo
from docmill.gateway.dialects.documentflow import webhook as documentflow

__all__ = ["BATCH_WEBHOOKS", "WEBHOOKS"]

WEBHOOKS = {"doclo": doclo.render}
"""Called as `docmill.rpc.webhook_forms` says; a run asks for one with `webhook_format`."""

BATCH_WEBHOOKS = {documentflow.FORMAT: documentflow}
"""Word of batches: each has `GAPS`, `body` and `headers` as `docmill.rpc.webhook_forms` says."""
