"""Labelled documents on disk: `<id>.json` beside each document, found through `manifest.jsonl` or by their names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docmill.domain.pages import Box
from docmill.evaluate.places import LabelledWord, Place, split_lines

__all__ = ["DatasetError", "Labelled", "read_dataset"]

_BY_PEOPLE = ("", "pdf-text-layer")
"""Sources of words whose boxes are true; the others are a machine's reading."""


class DatasetError(Exception):
    """A folder, a manifest or a label file that is not what it should be; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A document and what is on it."""

    id: str
    path: Path
    set: str
    """Documents of different sets are never averaged."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest and the top of the label file say."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """By label, as printed. Null: the document is known to have none."""
    normal: Mapping[str, Any] = field(default_factory=dict)
    """ISO dates and plain decimals; a list means any of these."""
    visible: frozenset[str] | None = None
    """Labels whose value the page shows; None where nobody said."""
    words: tuple[LabelledWord, ...] = ()
    places: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """Where values stand, by label, where that is labelled."""

    def label(self, name: str) -> Any:
        """The value that counts."""
        return self.normal[name] if name in self.normal else self.fields.get(name)

    def labels(self) -> frozenset[str]:
        """Names of everything that is labelled."""
        return frozenset({*self.fields, *self.normal})


def read_dataset(folder: Path, where: Mapping[str, str] | None = None, limit: int | None = None) -> list[Labelled]:
    """The documents of `folder` that have labelled fields and fit every `where` (`set`, `kind`, `language`, ...).

    At most `limit` of them, in the manifest's order or by name. `DatasetError` where there are none.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: {'this is no folder' if folder.exists() else 'there is no such folder'}")
    manifest = folder / "manifest.jsonl"
    entries = _listed(manifest) if manifest.is_file() else _beside(folder)
    documents: list[Labelled] = []
    seen = 0
    for path, labels, facts in entries:
        seen += 1
        document = _read(path, labels, facts)
        if document is not None and _fits(document, where or {}):
            documents.append(document)
        if limit is not None and len(documents) == limit:
            break
    if not documents:
        fitting = f" that fits {', '.join(f'{key}={value}' for key, value in where.items())}" if where else ""
        raise DatasetError(f"{folder}: no document with labelled fields{fitting}, among {seen} entries")
    return documents


def _listed(manifest: Path) -> Iterator[tuple[Path, Path, Mapping[str, Any]]]:
    for number, line in enumerate(manifest.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        entry = _json_object(line, f"{manifest}, line {number}")
        if not isinstance(entry.get("path"), str):
            raise DatasetError(f"{manifest}, line {number}: there is no path")
        if entry.get("gt"):
            yield manifest.parent / entry["path"], manifest.parent / str(entry["gt"]), entry


def _beside(folder: Path) -> Iterator[tuple[Path, Path, Mapping[str, Any]]]:
    for labels in sorted(folder.glob("*.json")):
        documents = [p for p in folder.glob(f"{_escaped(labels.stem)}.*") if p.suffix != ".json"]
        if documents:
            yield min(documents), labels, {}


def _escaped(stem: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in stem)


def _read(path: Path, labels: Path, facts: Mapping[str, Any]) -> Labelled | None:
    """The document; None where no fields are labelled."""
    raw = _json_object(labels.read_text("utf-8"), str(labels))
    fields, normal = raw.get("fields") or {}, raw.get("fields_norm") or {}
    if not fields and not normal:
        return None
    if not path.is_file():
        raise DatasetError(f"{path}: labelled, but there is no such document")
    visible = raw.get("fields_visible")
    try:
        words = _words(raw.get("words") or (), raw.get("granularity"))
        places = {name: _places(place) for name, place in (raw.get("field_boxes") or {}).items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{labels}: a box that cannot be read: {error!r}") from error
    return Labelled(
        id=str(facts.get("id") or labels.stem),
        path=path,
        set=str(facts.get("set") or labels.parent.resolve().name),
        facts={key: value for key, value in {**raw, **facts}.items() if isinstance(value, (str, int, float, bool))},
        fields=_flat(fields),
        normal=_flat(normal),
        visible=None if visible is None else frozenset(visible),
        words=words if (raw.get("words_source") or "") in _BY_PEOPLE else (),
        places=places,
    )


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{where}: no JSON: {error}") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: a JSON object is needed")
    return value


def _fits(document: Labelled, where: Mapping[str, str]) -> bool:
    facts = {**document.facts, "id": document.id, "set": document.set}
    return all(str(facts.get(key, "")).lower() == value.lower() for key, value in where.items())


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Objects within objects by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _words(raw: Sequence[Mapping[str, Any]], granularity: str | None) -> tuple[LabelledWord, ...]:
    words = [LabelledWord(str(word["text"]), _place(word)) for word in raw]
    return tuple(words if granularity == "word" else split_lines(words))


def _places(raw: Any) -> tuple[Place, ...]:
    return tuple(_place(each) for each in (raw if isinstance(raw, list) else [raw]))


def _place(raw: Mapping[str, Any]) -> Place:
    left, top, right, bottom = raw["box"]
    return Place(int(raw.get("page") or 0) + 1, Box(left, top, right - left, bottom - top))
