"""Bodies with a document in them: whatever JSON it is and however it comes, as if it had been read at once."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.gateway.body import BodyError, BodyProblem, JsonBody, read_json

PATH = ("input", "document", "base64")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from([*PATH, '"', "\\", "{", "]"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)


async def read(body: bytes, sizes: list[int] | None = None, **given: Any) -> tuple[JsonBody, bytes]:
    """The body read in pieces of these sizes, over and over, and the bytes of its document."""
    got = bytearray()

    async def chunks() -> AsyncIterator[bytes]:
        position, turn = 0, 0
        while position < len(body):
            size = (sizes or [len(body)])[turn % len(sizes or [1])]
            yield body[position : position + size]
            position, turn = position + size, turn + 1

    async def sink(content: bytes) -> None:
        got.extend(content)

    made = await read_json(chunks(), path=PATH, sink=sink, **{"max_body_bytes": 1 << 30, **given})
    return made, bytes(got)


@given(
    outer=OBJECTS,
    middle=OBJECTS,
    inner=OBJECTS,
    content=st.binary(min_size=1, max_size=200),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    ascii_only=st.booleans(),
    url=st.booleans(),
    front=st.booleans(),
)
async def test_as_if_read_at_once(
    outer: dict[str, Any],
    middle: dict[str, Any],
    inner: dict[str, Any],
    content: bytes,
    sizes: list[int],
    ascii_only: bool,  # noqa: FBT001 - drawn
    url: bool,  # noqa: FBT001
    front: bool,  # noqa: FBT001
) -> None:
    """The document's bytes, and the rest as a JSON parser reads it, wherever the pieces are divided."""
    text = b64encode(content).decode()
    given_text = f"data:application/pdf;base64,{text}" if url else text
    document = {"base64": given_text, **inner} if front else {**inner, "base64": given_text}
    document["base64"] = given_text
    value = {**outer, "input": {**middle, "document": document}}
    body = json.dumps(value, ensure_ascii=ascii_only, indent=1 if url else None).encode()
    made, got = await read(body, sizes)
    document["base64"] = ""
    assert (made.value, got, made.document_bytes) == (value, content, len(content))
    assert made.declared_type == ("application/pdf" if url else "")


@given(value=VALUES, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
async def test_bodies_without_a_document(value: Any, sizes: list[int]) -> None:
    """Any other JSON is read as it is; nothing goes to the document."""
    holder = value.get("input") if isinstance(value, dict) else None
    document = holder.get("document") if isinstance(holder, dict) else None
    if isinstance(document, dict) and isinstance(document.get("base64"), str):
        return
    made, got = await read(json.dumps(value).encode(), sizes)
    assert (made.value, got, made.document_bytes) == (value, b"", None)


@given(
    body=st.binary(max_size=60) | VALUES.map(json.dumps).map(str.encode).flatmap(lambda b: st.just(b[: len(b) // 2]))
)
async def test_what_is_no_json(body: bytes) -> None:
    """Broken bodies are refused as such, never with another error; what a parser takes, it takes too."""
    try:
        expected: Any = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        expected = ValueError
    try:
        made: Any = (await read(body, [7]))[0].value
    except BodyError as error:
        made = error.kind
    assert made is BodyProblem.MALFORMED if expected is ValueError else made in (expected, BodyProblem.MALFORMED)


def body(text: str) -> bytes:
    """A body with this text, as it stands in JSON, for its document."""
    return b'{"input":{"document":{"base64":"' + text.encode() + b'"}}}'


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("AAEC", b"\0\1\2"),
        ("AAE=", b"\0\1"),
        ("AAE", b"\0\1"),
        ("AA", b"\0"),
        (r"AA\nEC \r\n", b"\0\1\2"),
        (r"\/\/\/\/", b"\xff\xff\xff"),
        (r"A\u0041EC", b"\0\1\2"),
        ("data:;base64,AAEC", b"\0\1\2"),
        ("DATA:image/PNG;charset=x;base64,AAEC", b"\0\1\2"),
        ("AA==", b"\0"),
        ("AA =\\n=", b"\0"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_forms_of_base64(text: str, content: bytes, size: int) -> None:
    """Blanks, missing padding, escapes and data URLs are understood, in pieces of any size."""
    made, got = await read(body(text), [size])
    assert (got, made.document_bytes) == (content, len(content))
    assert made.declared_type == ("image/png" if "PNG" in text else "")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A", "ends amid"),
        ("AAAAA", "ends amid"),
        ("AA=A", "goes on after its padding"),
        ("AA==AAAA", "goes on after its padding"),
        ("AAA==", "wrong padding"),
        ("A===", "goes on after its padding"),
        ("AAA-", "URL-safe"),
        ("A__A", "URL-safe"),
        ("AA*A", "none of base64"),
        ("ÄÄ", "none of base64"),
        (r"AA\u00e4A", "none of base64"),
        ("data:text/plain,hello", "not in base64"),
        ("data:", "without a comma"),
        ("data:" + "x" * 2000, "without a comma"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_what_is_not_base64(text: str, what: str, size: int) -> None:
    """The message says what is wrong with the text."""
    with pytest.raises(BodyError, match=what) as refused:
        await read(body(text), [size])
    assert refused.value.kind is BodyProblem.NOT_BASE64


@pytest.mark.parametrize("text", ["AA\nEC", r"AA\x", r"AA\u12x4"])
async def test_json_inside_of_the_text(text: str) -> None:
    """The text of the document is a JSON string like any other: broken escapes and bare line breaks are no JSON."""
    with pytest.raises(BodyError) as refused:
        await read(body(text))
    assert refused.value.kind is BodyProblem.MALFORMED


async def test_no_text_for_a_document() -> None:
    """An empty text is as none; a data URL without content is a document without bytes."""
    assert (await read(body("")))[0].document_bytes is None
    assert (await read(body("data:;base64,")))[0].document_bytes == 0
    assert (await read(b" \n"))[0].value is None


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_what_stands_in_front(size: int) -> None:
    """What came before the document is told before its first byte; what comes behind is not."""
    told: list[Any] = []
    front = {"version": "1.0", "input": {"variables": {"a": [1]}, "document": {"filename": 'a"b'}}}
    text = json.dumps(front)[:-3] + ', "base64": "AAEC", "mimeType": "x/y"}}, "wait": true}'
    await read(text.encode(), [size], begin=told.append)
    front["input"]["document"]["base64"] = ""  # type: ignore[index]  # it is an object
    assert told == [front]


async def test_limits() -> None:
    """Bytes in all, bytes beside the document, levels; and the document must not come twice."""
    document = b"A" * 40_000
    for given_limit, kind in (
        ({"max_body_bytes": 40_000}, BodyProblem.TOO_LARGE),
        ({"max_rest_bytes": 20}, BodyProblem.TOO_LARGE),
        ({"max_depth": 2}, BodyProblem.MALFORMED),
    ):
        with pytest.raises(BodyError) as refused:
            await read(body(document.decode()), [1000], **given_limit)
        assert refused.value.kind is kind
    await read(body(document.decode()), [1000], max_rest_bytes=40, max_depth=3)
    with pytest.raises(BodyError, match=r"has input\.document\.base64 twice"):
        await read(b'{"input":{"document":{"base64":"AAAA","base64":"AAAA"}}}')
