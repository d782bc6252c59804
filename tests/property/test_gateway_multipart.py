"""The form reader: what comes out does not depend on how the body is cut, and is what the standard library's parser says."""

from __future__ import annotations

import asyncio
import itertools
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.gateway.exchange import Exchange
from docmill.gateway.multipart import End, Part, read_form
from docmill.gateway.problems import Problem

BOUNDARY = "x-boundary"
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
FILES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='"\\/'), max_size=20)
CONTENT = st.binary(max_size=300) | st.just(b"\r\n--x-boundar") | st.just(b"--x-boundary\r\n"[2:])


def exchange(pieces: list[bytes], content_type: str = f"multipart/form-data; boundary={BOUNDARY}") -> Exchange:
    """A request with a body in these pieces."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/v1/batch",
        "query_string": b"",
        "headers": [(b"content-type", content_type.encode()), (b"transfer-encoding", b"chunked")],
        "client": ("127.0.0.1", 1),
    }
    return Exchange(scope, receive, max_body_bytes=1 << 20, draining=asyncio.Event())  # type: ignore[arg-type]  # as ASGI


async def read(pieces: list[bytes]) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and content of each part."""
    found: list[tuple[str, str | None, bytes]] = []
    open_now = False
    async for event in read_form(exchange(pieces), 1 << 20):
        match event:
            case Part():
                assert not open_now
                found.append((event.name, event.filename, b""))
                open_now = True
            case End():
                open_now = False
            case _:
                assert open_now
                name, filename, content = found[-1]
                found[-1] = (name, filename, content + event)
    assert not open_now
    return found


def encoded(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    """The body."""
    made = b""
    for name, filename, content in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        made += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        made += content + b"\r\n"
    return made + f"--{BOUNDARY}--\r\n".encode()


@given(
    st.lists(st.tuples(NAMES, st.none() | FILES, CONTENT), max_size=5),
    st.lists(st.integers(0, 2000), max_size=8),
)
def test_any_form_cut_anywhere(parts: list[tuple[str, str | None, bytes]], cuts: list[int]) -> None:
    """Names, file names and bytes come out as they went in."""
    body = encoded(parts)
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    assert asyncio.run(read(pieces)) == parts


def test_the_standard_library_reads_the_same() -> None:
    """A form with two files and a field, by `email`."""
    parts: list[tuple[str, str | None, bytes]] = [
        ("files", "ä.pdf", b"%PDF\r\n\x00"),
        ("files", "b.pdf", b""),
        ("a", None, b"1"),
    ]
    body = encoded(parts)
    head = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=HTTP.clone(utf8=True)).parsebytes(head + body)
    theirs = [part.get_payload(decode=True) for part in message.iter_parts()]
    assert [content for _, _, content in asyncio.run(read([body]))] == theirs


@pytest.mark.parametrize("cut", [1, 20, 70, 100, -1, -4])
def test_a_form_that_breaks_off(cut: int) -> None:
    """Whatever is missing, it is no form."""
    body = encoded([("files", "a.pdf", b"content"), ("a", None, b"1")])
    with pytest.raises(Problem) as refused:
        asyncio.run(read([body[:cut] if cut != -1 else body[:-5]]))
    assert refused.value.reason == "BODY_MALFORMED"


def test_names_of_files_are_bare_and_printable() -> None:
    """No folders, no control characters, and not longer than the services take."""
    parts = [
        ("f", "../../etc/passwd", b""),
        ("f", "C:\\\\x\\\\y.pdf", b""),
        ("f", "a\tb.pdf", b""),
        ("f", "x" * 300, b""),
    ]
    body = encoded([(name, filename, content) for name, filename, content in parts])
    names = [filename for _, filename, _ in asyncio.run(read([body]))]
    assert names == ["passwd", "y.pdf", "ab.pdf", "x" * 255]


def test_headers_without_end() -> None:
    """A part whose headers never end is refused, not kept."""
    with pytest.raises(Problem):
        asyncio.run(read([f"--{BOUNDARY}\r\nX: ".encode() + b"a" * 100_000]))
