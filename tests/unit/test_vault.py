"""Secrets at rest."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from docmill.domain.errors import InvalidArgument
from docmill.engine.vault import Vault, new_key, new_signing_secret
from docmill.secret_key import open_vault
from docmill.settings import load_settings


def test_what_is_kept_shows_nothing_and_comes_back() -> None:
    """Two seals of one secret differ, hold nothing of it, and open to it."""
    vault = Vault.of(new_key())
    one, two = vault.seal("hunter2-ü"), vault.seal("hunter2-ü")
    assert one != two
    assert "hunter2" not in one
    assert {vault.unseal(one), vault.unseal(two)} == {"hunter2-ü"}


def test_keys_are_rotated() -> None:
    """The first key seals, any key opens; one that is gone is told by the setting's name."""
    old, new = new_key(), new_key()
    kept = Vault.of(old).seal("s")
    both = Vault.of(f" {new} , {old},")
    assert both.unseal(kept) == "s"
    with pytest.raises(InvalidArgument, match="DOCMILL_SECRET_KEY lacks the key"):
        Vault.of(old).unseal(both.seal("s"))
    with pytest.raises(InvalidArgument, match="DOCMILL_SECRET_KEY lacks the key"):
        Vault.of(new).unseal(kept)


@pytest.mark.parametrize(
    "text", ["short", "x" * 44, "ü" * 32, f"{new_key()},nothing"], ids=["short", "long", "umlauts", "second"]
)
def test_what_is_no_key_is_told(text: str) -> None:
    """The message says how to make one, and not what was given."""
    with pytest.raises(InvalidArgument, match="openssl rand -base64 32") as wrong:
        Vault.of(text)
    assert text not in wrong.value.message


def test_without_keys_nothing_is_kept() -> None:
    """The message says what to set; an organization is made without a secret then."""
    assert Vault().new_secret() == ""
    with pytest.raises(InvalidArgument, match="DOCMILL_SECRET_KEY"):
        Vault().seal("s")


def test_tickets() -> None:
    """They say what they were made of for their time, under any key in force; changed, older or sealed ones say nothing."""
    old, new, day = new_key(), new_key(), timedelta(hours=24)
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    ticket = Vault.of(old).ticket("results:b", at)
    both = Vault.of(f"{new},{old}")
    assert both.redeem(ticket, at + day, day) == "results:b"
    assert both.redeem(ticket, at + day + timedelta(seconds=1), day) is None
    assert Vault.of(new).redeem(ticket, at, day) is None
    assert both.redeem(ticket[:-2] + "AA", at, day) is None
    assert both.redeem("ü", at, day) is None
    assert Vault().redeem(ticket, at, day) is None


def test_a_signing_secret_is_what_the_standard_wants() -> None:
    """`whsec_` and 32 bytes in base64, another one each time."""
    secret = new_signing_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret.startswith("whsec_")
    assert secret != new_signing_secret()


def test_whose_key_it_is(tmp_path: Path) -> None:
    """The setting's, else the data folder's; an embedded installation makes its own once, a cluster makes none."""
    cluster = load_settings(data=tmp_path / "c", database_url="postgresql://h/d")
    assert open_vault(cluster) == Vault()
    assert not cluster.data.exists()
    embedded = load_settings(data=tmp_path / "e")
    kept = open_vault(embedded).seal("s")
    assert open_vault(embedded).unseal(kept) == "s"
    assert (embedded.data / "secret_key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in embedded.data.iterdir()) == ["secret_key"]
    key = new_key()
    given = load_settings(data=tmp_path / "e", secret_key=key)
    assert Vault.of(key).unseal(open_vault(given).seal("s")) == "s"
    assert open_vault(cluster, own=True).keys
    assert open_vault(cluster).keys
