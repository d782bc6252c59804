"""Whatever the pages: a stack and a text are taken apart without losing or doubling anything."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from docmill.domain.flow_nodes import CHUNK_DEFAULTS
from docmill.domain.flows import Category, parse_definition
from docmill.domain.pages import Page
from docmill.extract.nodes.chunk import chunked
from docmill.extract.segments import segments
from tests.unit.layouts import page_of

WORDS = st.sampled_from(
    ["Invoice", "Receipt", "Total", "12.50", "Page", "1", "of", "2", "Dear", "Sir,", "RE-2024-7", "Harbour", "works.", "oil;",
     "Rechnung", "thank", "you", "x", "Donaudampfschifffahrtsgesellschaft" * 3, "大家", "🙂", "2/3"]
)  # fmt: skip
LINES = st.lists(WORDS, max_size=9).map(" ".join)
KINDS = (Category(name="invoice"), Category(name="receipt", description="till and cash"))


@st.composite
def documents(draw: st.DrawFn) -> list[Page]:
    """Up to six pages of a few lines, some blank, numbered as they stand in a file with gaps."""
    texts = draw(st.lists(st.lists(LINES, max_size=8), max_size=6))
    numbers = draw(st.lists(st.integers(1, 40), min_size=len(texts), max_size=len(texts), unique=True).map(sorted))
    return [page_of(*lines, number=number) for number, lines in zip(numbers, texts, strict=True)]


@st.composite
def chunkings(draw: st.DrawFn) -> dict[str, Any]:
    """A checked configuration of the chunk node."""
    strategy = draw(st.sampled_from(sorted(CHUNK_DEFAULTS)))
    size = draw(st.integers(10, 120))
    overlap, least = draw(st.integers(0, size // 2)), draw(st.integers(0, size // 2))
    settings_of: dict[str, dict[str, Any]] = {
        "recursive": {"maxSize": size, "overlap": overlap, "minSize": least},
        "section": {"maxSize": size},
        "page": {
            "pagesPerChunk": draw(st.integers(1, 4)),
            "combineShortPages": draw(st.booleans()),
            "minPageContent": least,
        },
        "fixed": {"size": size, "overlap": overlap, "unit": draw(st.sampled_from(["characters", "tokens"]))},
    }
    config = {"strategy": strategy, **settings_of[strategy]}
    steps = [{"id": "read", "nodeType": "parse"}, {"id": "parts", "nodeType": "chunk", "config": config}]
    return dict(parse_definition({"steps": steps}).steps[1].config)


@settings(max_examples=60, deadline=None)
@given(documents(), st.booleans())
def test_every_page_of_a_stack_is_in_one_document(pages: list[Page], include_other: bool) -> None:  # noqa: FBT001 - drawn
    """In order, of a kind that was asked for, and the same documents every time."""
    found = segments(pages, KINDS, include_other=include_other)
    assert [number for each in found for number in each.pages] == [page.number for page in pages]
    assert {each.type for each in found} <= {"invoice", "receipt", *(["other"] if include_other else [])}
    assert all(each.pages for each in found)
    assert segments(pages, KINDS, include_other=include_other) == found


@settings(max_examples=120, deadline=None)
@given(documents(), chunkings())
def test_chunks_hold_every_word_in_order(pages: list[Page], config: dict[str, Any]) -> None:
    """What is said of a chunk is so: its place, its size, its pages; and all chunks together are the text."""
    value, cuts = chunked(pages, config)
    chunks = value["chunks"]
    assert value["totalChunks"] == len(chunks) == len(cuts)
    text = {}
    for index, (chunk, cut) in enumerate(zip(chunks, cuts, strict=True)):
        assert (chunk["index"], chunk["charCount"]) == (index, len(chunk["content"]))
        assert chunk["content"] == chunk["content"].strip() != ""
        assert chunk["endChar"] - chunk["startChar"] == chunk["charCount"]
        assert set(chunk["pageNumbers"]) >= {page.number for page in cut}
        assert chunk["pageNumbers"]
        text.update(enumerate(chunk["content"], start=chunk["startChar"]))
    said = "".join("".join(text[at] for at in sorted(text)).split())
    assert said == "".join(word.text for page in pages for word in page.words)
    starts = [chunk["startChar"] for chunk in chunks]
    assert starts == sorted(starts)
    words = [word for cut in cuts for page in cut for word in page.words]
    if not config.get("overlap"):
        assert [word.text for word in words] == [word.text for page in pages for word in page.words]
    most = config.get("maxSize", config.get("size", 0) * (4 if config.get("unit") == "tokens" else 1))
    assert config["strategy"] == "page" or all(chunk["charCount"] <= most for chunk in chunks)
