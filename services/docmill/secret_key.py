"""The key under which secrets are kept: the operator's, or one that an embedded installation makes for itself."""

from __future__ import annotations

import os
from contextlib import suppress

from docmill.engine.vault import Vault, new_key
from docmill.settings import Settings

__all__ = ["open_vault"]

_FILE = "secret_key"


def open_vault(settings: Settings, *, own: bool = False) -> Vault:
    """The vault under DOCMILL_SECRET_KEY; where that is not set, under the key in the data folder.

    An installation whose database is in the data folder gets a key there, and so does any other with `own`. Without
    one the vault keeps nothing.
    """
    if settings.secret_key is not None:
        return Vault.of(settings.secret_key.get_secret_value())
    path = settings.data / _FILE
    if not path.exists() and (own or not settings.database_url):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(new_key() + "\n")
        with suppress(FileExistsError):  # another process made one meanwhile: that one holds
            os.link(fresh, path)
        fresh.unlink()
    return Vault.of(path.read_text("ascii")) if path.exists() else Vault()
