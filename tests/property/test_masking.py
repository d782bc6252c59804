"""What `docmill config` shows of URLs: where something is, never a password."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from docmill.masking import masked

FRAMES = [
    "postgresql://docmill:{}@db.example:5432/docmill?sslmode=require",
    "postgresql://docmill:{}@db-1:5432,db-2:5432/docmill",
    "postgresql:///docmill?host=/run/postgresql&password={}",
    "postgresql://db.example/docmill?password={}&sslmode=require",
    "postgresql://db.example/docmill?sslpassword={}",
    "postgresql://db.example/docmill?passwort={}",
    "nats://docmill:{}@a:4222,nats://docmill:{}@b:4222",
    "nats://a:4222,nats://docmill:{}@b:4222",
    "nats://{}@a:4222",
    "tls://docmill:{}@a:4222, tls://docmill:{}@b:4222",
    "s3://bucket/prefix?endpoint=https://minio:9000&secret_access_key={}",
    "s3://bucket/prefix?endpoint=https://user:{}@minio:9000",
    "docmill:{}@db.example",
    "{}",
]
"""Every place where people put passwords, right and wrong ones."""
NEXT_SERVER = re.compile(r",\s*(nats|tls)://")


@pytest.mark.parametrize("frame", FRAMES)
@given(middle=st.text(st.characters(codec="utf-8"), max_size=12), encoded=st.booleans())
@example(middle="/", encoded=False)
@example(middle="@", encoded=False)
@example(middle="&", encoded=False)
@example(middle="?x=@", encoded=False)
@example(middle="#", encoded=False)
@example(middle="]", encoded=False)
@example(middle=",", encoded=False)
@example(middle="://", encoded=False)
@example(middle=",nats://", encoded=True)
def test_no_password_survives(frame: str, middle: str, *, encoded: bool) -> None:
    """Neither end of a password is shown, whatever it holds, percent-encoded as it should be or not.

    The one exception is a comma before `nats://`, not encoded: that is how the next server of a cluster is written.
    """
    assume(encoded or not NEXT_SERVER.search(middle))
    password = f"hunter{middle}secret"
    shown = masked(frame.replace("{}", quote(password, safe="") if encoded else password))
    assert "hunter" not in shown
    assert "secret" not in shown.replace("secret_access_key", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("sqlite:////home/me@work/docmill.db", "sqlite:////home/me@work/docmill.db"),
        ("file:///var/lib/docmill/blobs", "file:///var/lib/docmill/blobs"),
        ("memory://", "memory://"),
        (
            "postgresql://docmill:x@db-1:5432,db-2/docmill?sslmode=require",
            "postgresql://***@db-1:5432,db-2/docmill?sslmode=require",
        ),
        ("postgresql:///docmill?host=/tmp&password=hunter2", "postgresql:///docmill?host=/tmp&password=***"),
        ("nats://u:x@a:4222,nats://u:y@[::1]:4222", "nats://***@a:4222,nats://***@[::1]:4222"),
        ("nats://token@a", "nats://***@a"),
        ("s3://bucket/p?endpoint=http://minio:9000", "s3://bucket/p?endpoint=http://minio:9000"),
        ("postgresql://u:pa/ss@db/docmill", "postgresql://***"),
    ],
)
def test_the_rest_is_shown(url: str, shown: str) -> None:
    """What is no secret stays readable: where, and the options that are known."""
    assert masked(url) == shown
