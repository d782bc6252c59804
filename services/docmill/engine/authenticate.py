"""From an API key to its owner."""

from __future__ import annotations

import hashlib
import re
import secrets
import string

from docmill.domain.errors import Reason, Unauthenticated
from docmill.domain.models import ApiKey, Caller, Mode
from docmill.engine.context import Context
from docmill.store import accounts

_KEY = re.compile(r"dc_(live|test)_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}|af_[A-Za-z0-9]{40}")
_FORMS = {
    "dc_live_": ("8 letters or digits, an underscore and 40 letters or digits", 57),
    "dc_test_": ("8 letters or digits, an underscore and 40 letters or digits", 57),
    "af_": ("40 letters or digits", 43),
}
"""By the beginning of a key: what follows it, in words, and how long the key is."""
_ALPHABET = string.ascii_letters + string.digits


def new_key(org_id: str, mode: Mode) -> str:
    """A fresh key: `dc_`, mode, 8 characters of the organization, 40 random ones; 57 in all."""
    return f"dc_{mode.value}_{org_id[-8:]}_{_random()}"


def new_short_key() -> str:
    """A fresh key in the other form there is: `af_` and 40 random characters. Such keys are of live mode."""
    return f"af_{_random()}"


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(40))


def fingerprint(api_key: str) -> str:
    """SHA-256 of the whole key, hex: what is kept of it. A key has 238 random bits, so no slow hash is needed."""
    return hashlib.sha256(api_key.encode()).hexdigest()


async def authenticate(ctx: Context, api_key: str) -> Caller:
    """Who asks. Unauthenticated says in `details.reason`: missing, malformed, unknown, revoked or expired.

    The record is asked at every call, so that a revoked key is refused everywhere at once.
    """
    if not api_key:
        raise _refused("missing", "No API key was sent; send `authorization: Bearer <key>`")
    if not _KEY.fullmatch(api_key):
        raise _refused("malformed", _what_is_wrong(api_key))
    found = await ctx.store.read(lambda: accounts.identify(fingerprint(api_key)))
    if found is None:
        raise _refused("unknown", "The API key is not known here")
    key = found.key
    _check_alive(ctx, key)
    ctx.last_use.note(key, ctx.now())
    return Caller(
        org_id=key.org_id,
        mode=key.mode,
        scopes=key.scopes,
        key_id=key.id,
        plan_id=found.plan_id,
        window=found.window,
        key_window=found.key_window,
    )


def _what_is_wrong(api_key: str) -> str:
    """What a key should be that is of none of the forms; nothing of the key itself is repeated."""
    begin = next((begin for begin in _FORMS if api_key.startswith(begin)), None)
    if begin is None:
        return (
            f"This is no API key of docmill's: those are dc_live_ or dc_test_ and then {_FORMS['dc_live_'][0]}, "
            f"or af_ and then {_FORMS['af_'][0]}"
        )
    follows, length = _FORMS[begin]
    counted = f", but this one has {len(api_key)}" if len(api_key) != length else ""
    return (
        f"The API key is cut off or mistyped: behind {begin} come {follows}, {length} characters in all{counted}; "
        "take the whole key"
    )


def _check_alive(ctx: Context, key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise _refused("revoked", "The API key was revoked; make a new one")
    if key.expires_at is not None and key.expires_at <= ctx.now():
        raise _refused("expired", "The API key has expired; make a new one")


def _refused(reason: str, message: str) -> Unauthenticated:
    code = Reason.CREDENTIAL_MISSING if reason == "missing" else Reason.CREDENTIAL_INVALID
    return Unauthenticated(code, message, {"reason": reason})
