"""What a body with a document in it may look like, and what is said of those that cannot be used."""

from __future__ import annotations

import asyncio
import base64
import tracemalloc

import pytest

from docmill.gateway.body import BodyError, BodyProblem, read_json
from tests.property.test_gateway_body import MIB, pieces, read

WELL = b"%PDF-1.7 some bytes"
TEXT = base64.b64encode(WELL).decode()


def body_of(text: str) -> bytes:
    """A run request with `text` for its document."""
    return f'{{"input": {{"document": {{"base64": "{text}"}}}}}}'.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("QUJD-_", "url_safe_alphabet"),
        ("QUJD*", "not_base64"),
        ("QUJDR", "length"),
        ("QUI=QUI=", "padding"),
        ("QUJD=", "length"),
        ("Q===", "padding"),
        ("data:application/pdf,abc", "data_url"),
        ("data:application/pdf;base64", "data_url"),
        ("data:" + "x" * 2000, "data_url"),
        ("QUJD\\u00e9", "not_base64"),
        ("QUJD\\ud800", "not_base64"),
    ],
)
def test_text_that_is_not_base64(text: str, reason: str) -> None:
    """Each way of not being base64 has its own word."""
    with pytest.raises(BodyError) as caught:
        read(body_of(text))
    assert (caught.value.kind, caught.value.reason) == (BodyProblem.NOT_BASE64, reason)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b'"text"',
        b"{",
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"input": {"document": {"base64": "QU\x01JD"}}}',
        b'{"input": {"document": {"base64": "QUJD',
        b'{"input": {"document": {"base64": "QUJD", "base64": "QUJD"}}}',
        b'{"input": {"document": {"base64": "QUJ\\x"}}}',
        b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_bodies_that_are_no_json_object(body: bytes) -> None:
    """What is no JSON object, is too deep or brings the document twice is malformed."""
    with pytest.raises(BodyError) as caught:
        read(body)
    assert caught.value.kind is BodyProblem.MALFORMED


def test_sizes_are_bounded() -> None:
    """The body as a whole and what is not the document have each their bound."""
    with pytest.raises(BodyError, match="larger than 100 bytes") as caught:
        read(body_of("QUJD" * 100), max_body_bytes=100)
    assert caught.value.kind is BodyProblem.TOO_LARGE
    with pytest.raises(BodyError, match="without its document"):
        read(b'{"metadata": "' + b"x" * 5000 + b'"}', max_rest_bytes=1000)
    assert read(body_of("QUJD" * 5000), max_rest_bytes=1000)[0].document_bytes == 15_000


def test_what_is_no_string_is_left_to_the_caller() -> None:
    """A document that is no string, or none, stays in the value as it is."""
    for value in (b"null", b"5", b'{"x": "y"}', b'["QUJD"]'):
        result, document = read(b'{"input": {"document": {"base64": ' + value + b', "filename": "a"}}}')
        assert (result.document_bytes, document) == (None, b"")
        assert result.value["input"]["document"]["filename"] == "a"
    assert read(body_of(""))[0].document_bytes == 0


def test_a_large_document_takes_little_memory() -> None:
    """Twenty megabytes of base64 pass through in less than two."""
    text = TEXT * (20 * MIB // len(TEXT))
    body = body_of("".join(text.split("=")))
    tracemalloc.start()
    passed = 0

    async def sink(content: bytes) -> None:
        nonlocal passed
        passed += len(content)

    asyncio.run(read_json(pieces(body, [65536]), sink=sink, max_body_bytes=100 * MIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert passed > 13 * MIB
    assert peak < 2 * MIB


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_stands_in_front(size: int) -> None:
    """What came before the document is told before its first byte; what comes behind it is not."""
    told: list[object] = []
    front = b'{"version": "1.0", "input": {"variables": {"a": [1]}, "document": {"filename": "a\\"b", '
    body = front + b'"base64": "QUJD", "mimeType": "x/y"}}}'
    content = bytearray()

    async def sink(piece: bytes) -> None:
        assert told
        content.extend(piece)

    asyncio.run(read_json(pieces(body, [size]), sink=sink, begin=told.append, max_body_bytes=MIB))
    document = {"filename": 'a"b', "base64": ""}
    assert told == [{"version": "1.0", "input": {"variables": {"a": [1]}, "document": document}}]
    assert content == b"ABC"
