"""A body that is read as it comes says the same as one that is read whole, however it is cut and written."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from docmill.gateway.body import BodyError, JsonBody, read_json

PATH = ("input", "document", "base64")
MIB = 1024 * 1024

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


async def pieces(body: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    """`body` cut into pieces of the lengths `cuts`, over and over."""
    at, turn = 0, 0
    while at < len(body):
        step = cuts[turn % len(cuts)]
        yield body[at : at + step]
        at, turn = at + step, turn + 1


def read(body: bytes, cuts: Sequence[int] = (65536,), **limits: int) -> tuple[JsonBody, bytes]:
    """What was read, and the document."""
    document = bytearray()

    async def sink(content: bytes) -> None:
        document.extend(content)

    given_limits = {"max_body_bytes": MIB, **limits}
    result = asyncio.run(read_json(pieces(body, cuts), path=PATH, sink=sink, **given_limits))
    return result, bytes(document)


def escaped(text: str, draw: Any) -> str:
    """`text` as a JSON string in which any character may be escaped."""
    written = []
    for char in text:
        kind = draw(st.integers(0, 9))
        if kind == 0:
            written.append(f"\\u{ord(char):04x}")
        elif kind == 1 and char == "/":
            written.append("\\/")
        else:
            written.append(json.dumps(char)[1:-1])
    return f'"{"".join(written)}"'


@given(st.data(), st.binary(max_size=300), values, values, st.lists(st.integers(1, 40), min_size=1, max_size=5))
@settings(max_examples=300)
def test_any_body_in_anypieces(data: st.DataObject, content: bytes, one: Any, other: Any, cuts: list[int]) -> None:
    """The document and the rest come out as orjson and base64 would have them, wherever the body is cut."""
    text = base64.b64encode(content).decode()
    if data.draw(st.booleans()):
        text = text.rstrip("=")
    if data.draw(st.booleans()):
        text = "\n ".join(text[at : at + 7] for at in range(0, len(text), 7))
    prefix = data.draw(st.sampled_from(["", "data:application/pdf;base64,", "data:image/png;x=y;base64,"]))
    string = escaped(prefix + text, data.draw)
    document = f'{{"filename": {json.dumps(one)}, "base64" : {string}, "extra": {json.dumps(other)}}}'
    body = f'{{"before": {json.dumps(one)}, "input": {{"document": {document}, "b": 1}}, "base64": "x"}}'.encode()
    result, decoded = read(body, cuts)
    expected = orjson.loads(body)
    expected["input"]["document"]["base64"] = ""
    assert result.value == expected
    assert decoded == content
    assert result.document_bytes == len(content)
    assert result.declared_type == prefix.removeprefix("data:").partition(";")[0]


@given(values, st.integers(1, 9))
def test_bodies_without_a_document(value: Any, cut: int) -> None:
    """Whatever else a body holds comes out as it went in, and no document is claimed."""
    body = orjson.dumps({"a": value, "base64": "abc", "input": {"document": [{"base64": "x"}]}})
    result, decoded = read(body, [cut])
    assert result.value == orjson.loads(body)
    assert (result.document_bytes, decoded) == (None, b"")


@given(st.data())
@settings(max_examples=300)
def test_broken_bodies_are_refused_in_words(data: st.DataObject) -> None:
    """A body with anything changed in it is read or refused with BodyError; nothing else is ever raised."""
    body = bytearray(b'{"input": {"document": {"base64": "QUJDREVG", "n": [1, {"q": "\\u00e9"}]}}, "wait": true}')
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(BodyError):
        read(bytes(body), [data.draw(st.integers(1, 20))])
