"""The chunk node: the text of a document in pieces that a provider or an index can take.

Each strategy says which stretches of the running text make a chunk. Together they hold every word once, but for what
`overlap` asks for twice; blanks at the ends of a chunk are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from docmill.domain.flow_nodes import CHUNK_DEFAULTS
from docmill.extract.running_text import RunningText, Stretch, running_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page

__all__ = ["chunked"]

TOKEN = 4
"""Characters of a token, about: no tokenizer of a model is asked."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk to be, and the titles it stands under, outermost first."""

    stretch: Stretch
    titles: tuple[str, ...] = ()


def chunked(pages: Sequence[Page], config: JsonObject) -> tuple[dict[str, Any], tuple[tuple[Page, ...], ...]]:
    """`{chunks, totalChunks, averageChunkSize}`, and the pages of each chunk with its words only.

    A chunk is `{id, index, content, startChar, endChar, pageNumbers, strategy, wordCount, charCount, tokenCount}`, with
    `section` and `headers` (the titles above) where the strategy is by section; `startChar` and `endChar` count in the
    text of all pages. The average is in characters, rounded.
    """
    text = running_text(pages)
    strategy = config["strategy"]
    pieces = [
        _Piece(trimmed, piece.titles)
        for piece in _STRATEGIES[strategy](text, config)
        if (trimmed := text.trimmed(piece.stretch)).size
    ]
    cuts = tuple(text.cut(piece.stretch) for piece in pieces)
    chunks = [_chunk(text, piece, index, strategy) for index, piece in enumerate(pieces)]
    sizes = [chunk["charCount"] for chunk in chunks]
    average = round(sum(sizes) / len(sizes)) if sizes else 0
    return {"chunks": chunks, "totalChunks": len(chunks), "averageChunkSize": average}, cuts


def _chunk(text: RunningText, piece: _Piece, index: int, strategy: str) -> dict[str, Any]:
    content = text.text[piece.stretch.start : piece.stretch.end]
    titles = {"section": piece.titles[-1], "headers": list(piece.titles[:-1])} if piece.titles else {}
    return {
        "id": f"chunk-{index}",
        "index": index,
        "content": content,
        "startChar": piece.stretch.start,
        "endChar": piece.stretch.end,
        "pageNumbers": text.pages_of(piece.stretch),
        **titles,
        "strategy": strategy,
        "wordCount": len(content.split()),
        "charCount": len(content),
        "tokenCount": -(-len(content) // TOKEN),
    }


def _recursive(text: RunningText, config: JsonObject) -> Iterator[_Piece]:
    """As much as fits, cut at the first separator that is there, and at the next ones where a part is too large still."""
    most = config["maxSize"] - config["overlap"]
    parts = _cut(text.text, Stretch(0, len(text.text)), most, config["separators"])
    for stretch in _overlapping(text, _not_tiny(parts, config["minSize"], most), config["overlap"]):
        yield _Piece(stretch)


def _section(text: RunningText, config: JsonObject) -> Iterator[_Piece]:
    """From heading to heading; a long section in parts."""
    separators = CHUNK_DEFAULTS["recursive"]["separators"]
    sections = _sections(text)
    edges = [start for start, _ in sections] + [len(text.text)]
    for (start, end), (_, titles) in zip(pairwise(edges), sections, strict=True):
        for stretch in _cut(text.text, Stretch(start, end), config["maxSize"], separators):
            yield _Piece(stretch, titles)


def _sections(text: RunningText) -> list[tuple[int, tuple[str, ...]]]:
    """Where each section begins, and its titles. Headings in a row begin one section; of one level they are one title."""
    found: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    titles: list[tuple[int, str]] = []
    end = 0
    for heading in text.headings:
        in_a_row = not text.text[end : heading.stretch.start].strip()
        if in_a_row and titles and titles[-1][0] == heading.level:
            titles[-1] = (heading.level, f"{titles[-1][1]} {heading.title}")
        else:
            titles = [each for each in titles if each[0] < heading.level]
            titles.append((heading.level, heading.title))
        start = found.pop()[0] if in_a_row else heading.stretch.start
        found.append((start, tuple(title for _, title in titles)))
        end = heading.stretch.end
    return found


def _page(text: RunningText, config: JsonObject) -> Iterator[_Piece]:
    """So many pages; short ones with those that follow, at the end with those before."""
    spans = [span for span in text.spans if text.trimmed(span).size]
    least = config["minPageContent"] if config["combineShortPages"] else 0
    groups: list[Stretch] = []
    for first in range(0, len(spans), config["pagesPerChunk"]):
        group = spans[first : first + config["pagesPerChunk"]]
        stretch = Stretch(group[0].start, group[-1].end)
        if groups and groups[-1].size < least:
            groups[-1] = Stretch(groups[-1].start, stretch.end)
        else:
            groups.append(stretch)
    if len(groups) > 1 and groups[-1].size < least:
        groups[-2:] = [Stretch(groups[-2].start, groups[-1].end)]
    yield from (_Piece(group) for group in groups)


def _fixed(text: RunningText, config: JsonObject) -> Iterator[_Piece]:
    """As many characters as fit, cut between words; a word longer than a chunk is cut."""
    unit = TOKEN if config["unit"] == "tokens" else 1
    overlap = config["overlap"] * unit
    parts = _cut(text.text, Stretch(0, len(text.text)), config["size"] * unit - overlap, [" ", "\n"])
    yield from (_Piece(stretch) for stretch in _overlapping(text, parts, overlap))


_STRATEGIES = {"recursive": _recursive, "section": _section, "page": _page, "fixed": _fixed}


def _cut(text: str, whole: Stretch, most: int, separators: Sequence[str]) -> list[Stretch]:
    """Neighbouring stretches of at most `most` characters that make up `whole`."""
    if whole.size <= most:
        return [whole] if whole.size else []
    separator = next((each for each in separators if each in text[whole.start : whole.end - 1]), "")
    if not separator:
        return [Stretch(start, min(start + most, whole.end)) for start in range(whole.start, whole.end, most)]
    later = separators[separators.index(separator) + 1 :]
    found: list[Stretch] = []
    for part in _parts(text, whole, separator):
        if part.size > most:
            found.extend(_cut(text, part, most, later))
        elif found and part.end - found[-1].start <= most:
            found[-1] = Stretch(found[-1].start, part.end)
        else:
            found.append(part)
    return found


def _parts(text: str, whole: Stretch, separator: str) -> Iterator[Stretch]:
    """What stands between separators; each keeps the one behind it."""
    start = whole.start
    while start < whole.end:
        at = text.find(separator, start, whole.end)
        end = whole.end if at < 0 else at + len(separator)
        yield Stretch(start, end)
        start = end


def _not_tiny(parts: Sequence[Stretch], least: int, most: int) -> list[Stretch]:
    """Parts of less than `least` characters join a neighbour, as far as `most` allows it."""
    found: list[Stretch] = []
    for part in parts:
        small = found and min(found[-1].size, part.size) < least
        if small and part.end - found[-1].start <= most:
            found[-1] = Stretch(found[-1].start, part.end)
        else:
            found.append(part)
    return found


def _overlapping(text: RunningText, parts: Sequence[Stretch], overlap: int) -> Iterator[Stretch]:
    """Each part begins up to `overlap` characters earlier, with a word that begins there."""
    for index, part in enumerate(parts):
        earlier = text.word_from(part.start - overlap) if index and overlap else part.start
        yield Stretch(min(earlier, part.start), part.end)
