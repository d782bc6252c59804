"""Untrusted XML as a tree: no DTD, no entities, nothing fetched, bounded in size, depth and number of elements.

Python's own expat does the parsing: a document type declaration ends it before any entity exists, so there is nothing
to expand or to fetch, and no package more to trust (lxml would bring a second parser in C; defusedxml wraps this one).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat  # doctypes are refused below

__all__ = ["MAX_BYTES", "Element", "XmlError", "parse"]

MAX_BYTES = 20 * 1024 * 1024  # an XRechnung may carry its attachments in itself
_MAX_ELEMENTS = 200_000
_MAX_DEPTH = 64
_SEPARATOR = "\n"  # of namespace, name and prefix; XML names have no line breaks


class XmlError(ValueError):
    """The bytes are no XML that may be read; the message says why, for people."""


@dataclass(eq=False, slots=True)
class Element:
    """An element with its children in document order."""

    namespace: str
    name: str
    """Local name."""
    prefix: str
    """As the file writes it; empty for a default namespace."""
    attributes: Mapping[str, str]
    """By local name."""
    parent: Element | None
    text: str = ""
    """Character data of the element itself, without surrounding blanks."""
    children: list[Element] = field(default_factory=list)
    _steps: dict[Element, str] = field(default_factory=dict)
    """Of each child, made when first asked for: an invoice may have thousands of lines."""

    @property
    def xpath(self) -> str:
        """Where it stands, with the file's own prefixes; a position where siblings have the same name."""
        if self.parent is None:
            return f"/{self.qualified}"
        return f"{self.parent.xpath}/{self.parent._step_to(self)}"  # noqa: SLF001 - of another element

    @property
    def qualified(self) -> str:
        """Its name as the file writes it."""
        return f"{self.prefix}:{self.name}" if self.prefix else self.name

    def _step_to(self, child: Element) -> str:
        if not self._steps:
            alike: dict[str, list[Element]] = defaultdict(list)
            for each in self.children:
                alike[each.qualified].append(each)
            for name, same in alike.items():
                for position, each in enumerate(same, start=1):
                    self._steps[each] = f"{name}[{position}]" if len(same) > 1 else name
        return self._steps[child]

    def all(self, path: str) -> list[Element]:
        """The descendants at a path of local names such as `Party/PartyName/Name`."""
        found = [self]
        for step in path.split("/"):
            found = [child for element in found for child in element.children if child.name == step]
        return found

    def first(self, path: str) -> Element | None:
        """The first of `all`."""
        return next(iter(self.all(path)), None)

    def leaves(self) -> Iterator[Element]:
        """Elements without children that carry text, in document order."""
        if not self.children:
            if self.text:
                yield self
            return
        for child in self.children:
            yield from child.leaves()


def parse(data: bytes) -> Element:
    """The root element of `data`. Raises `XmlError`."""
    if len(data) > MAX_BYTES:
        raise XmlError(f"it has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    return _Builder().build(data)


class _Builder:
    """Handlers of one parse."""

    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def build(self, data: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.namespace_prefixes = True
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise XmlError(f"it is not well-formed XML ({error})") from error
        except XmlError:
            raise
        except (LookupError, ValueError) as error:  # an encoding that Python does not have, or of several bytes
            raise XmlError(f"its encoding cannot be read ({error})") from error
        if self._root is None:
            raise XmlError("it has no element")
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise XmlError(f"it has more than {_MAX_ELEMENTS:,} elements")
        if len(self._open) >= _MAX_DEPTH:
            raise XmlError(f"its elements are nested more than {_MAX_DEPTH} deep")
        namespace, local, prefix = _split(name)
        parent = self._open[-1] if self._open else None
        element = Element(
            namespace, local, prefix, {_split(key)[1]: value for key, value in attributes.items()}, parent
        )
        if parent is None:
            self._root = element
        else:
            parent.children.append(element)
        self._open.append(element)
        self._texts.append([])

    def _end(self, name: str) -> None:
        del name
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def _characters(self, text: str) -> None:
        self._texts[-1].append(text)


def _split(name: str) -> tuple[str, str, str]:
    """Namespace, local name, prefix."""
    parts = name.split(_SEPARATOR)
    if len(parts) == 1:
        return "", name, ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _refuse_doctype(*_: object) -> NoReturn:
    raise XmlError("it has a document type declaration (DTD), which is never read")
