"""Secrets that must be known again, encrypted at rest: keys of webhook signatures. And tickets: texts that only we can write."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from docmill.domain.errors import InvalidArgument, Reason

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Vault:
    """Encrypts with the first key, decrypts with any. Without keys it keeps nothing."""

    keys: Sequence[Fernet] = ()

    @classmethod
    def of(cls, text: str) -> Vault:
        """Keys divided by commas, each 32 bytes in URL-safe base64. InvalidArgument for anything else."""
        try:
            return cls(tuple(Fernet(part.strip()) for part in text.split(",") if part.strip()))
        except ValueError:
            raise InvalidArgument(
                Reason.FIELD_INVALID,
                "Setting DOCMILL_SECRET_KEY: a key is 32 random bytes in URL-safe base64 (44 characters), as "
                "`openssl rand -base64 32 | tr +/ -_` makes one; several are divided by commas",
                {"field": "secret_key"},
            ) from None

    def seal(self, secret: str) -> str:
        """`secret` as it is kept."""
        return self._opened().encrypt(secret.encode()).decode("ascii")

    def unseal(self, kept: str) -> str:
        """What `seal` was given. InvalidArgument when its key is no longer among ours."""
        try:
            return self._opened().decrypt(kept).decode()
        except InvalidToken:
            raise InvalidArgument(
                Reason.FIELD_INVALID,
                "DOCMILL_SECRET_KEY lacks the key under which this secret was encrypted: add it behind the others",
                {"field": "secret_key"},
            ) from None

    def new_secret(self) -> str:
        """A fresh signing key as it is kept; empty without keys: it is made when it is first needed."""
        return self.seal(new_signing_secret()) if self.keys else ""

    def ticket(self, text: str, at: datetime) -> str:
        """`text` and the time as a token for a URL, which nobody else can make, change or read (Fernet)."""
        return MultiFernet(self.keys).encrypt_at_time(text.encode(), int(at.timestamp())).decode("ascii")

    def redeem(self, token: str, at: datetime, valid: timedelta) -> str | None:
        """The text of a ticket that is not older than `valid`; None for anything else."""
        try:
            seconds = int(valid.total_seconds())
            return MultiFernet(self.keys).decrypt_at_time(token.encode(), seconds, int(at.timestamp())).decode()
        except (InvalidToken, ValueError):  # ValueError: no keys
            return None

    def _opened(self) -> MultiFernet:
        if not self.keys:
            raise InvalidArgument(
                Reason.FIELD_INVALID,
                "This installation sends no webhooks: its operator has to set DOCMILL_SECRET_KEY, under which their "
                "secrets are kept",
                {"field": "webhookUrl", "setting": "DOCMILL_SECRET_KEY"},
            )
        return MultiFernet(self.keys)


def new_key() -> str:
    """A key for a vault."""
    return Fernet.generate_key().decode("ascii")


def new_signing_secret() -> str:
    """`whsec_` and 32 random bytes in base64 (https://www.standardwebhooks.com)."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode('ascii')}"
