"""Tokens by which whoever has one reads the results of one batch for a day: they are in links that need no key.

A token is encrypted and authenticated under DOCMILL_SECRET_KEY and says which batch and since when; nothing is recorded.
It is worth nothing elsewhere: what it is for is a part of it.
"""

from __future__ import annotations

from datetime import timedelta

from docmill.domain.batches import Batch
from docmill.domain.errors import PermissionDenied, Reason
from docmill.engine.context import Context
from docmill.engine.vault import Vault

__all__ = ["VALID", "batch_of", "results_token"]

VALID = timedelta(hours=24)
_PURPOSE = "results:"


def results_token(ctx: Context, batch: Batch) -> str:
    """A fresh token for the results of a batch; empty until there are any, and where there is no key to make it with."""
    vault = _vault(ctx)
    if not batch.results_key or not vault.keys:
        return ""
    return vault.ticket(f"{_PURPOSE}{batch.id}", ctx.now())


def batch_of(ctx: Context, token: str) -> str:
    """Id of the batch that a token is for. PermissionDenied for one that we did not make, or that is too old."""
    text = _vault(ctx).redeem(token, ctx.now(), VALID) or ""
    if not text.startswith(_PURPOSE):
        raise PermissionDenied(Reason.LINK_INVALID, "The link is not valid, or no longer: ask for the batch again")
    return text.removeprefix(_PURPOSE)


def _vault(ctx: Context) -> Vault:
    return ctx.webhooks.vault if ctx.webhooks is not None else Vault()
