"""Flow files: YAML (or JSON) with one or several versions of flows, and the ones that come with docmill."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.flow_specs import FlowSpec, parse_flow
from docmill.domain.schemas import invalid
from docmill.engine.schema_slips import slips
from docmill.engine.yaml_files import packaged, read_documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["builtin_flows", "load_flow_files"]

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def load_flow_files(paths: Iterable[Path]) -> tuple[FlowSpec, ...]:
    """Every flow version in the files (and in the files of the folders) at `paths`, in order, but after those it refers to.

    A file holds one version per YAML document. `InvalidArgument` names file, document and field of what is wrong;
    so does one version that is there twice.
    """
    specs: dict[tuple[str, str], FlowSpec] = {}
    for path in _files(paths):
        for number, document in enumerate(read_documents(path), start=1):
            spec = _spec(document, path, number)
            if (spec.id, spec.version) in specs:
                message = f"{path}, document {number}: {spec.id} {spec.version} was defined before"
                raise InvalidArgument(Reason.FIELD_INVALID, message, {"file": str(path), "field": "version"})
            specs[spec.id, spec.version] = spec
    return _in_order_of_references(tuple(specs.values()))


@cache
def builtin_flows() -> tuple[FlowSpec, ...]:
    """The flows that come with docmill."""
    return load_flow_files([packaged("flows")])


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(child for child in path.iterdir() if child.suffix in _SUFFIXES)
        else:
            yield path


def _spec(document: Any, path: Path, number: int) -> FlowSpec:
    try:
        spec = parse_flow(document)
        for field, wrong in slips(document):
            raise invalid(field, wrong)
    except InvalidArgument as error:
        message = f"{path}, document {number}: {error.message}"
        raise InvalidArgument(error.reason, message, {**error.details, "file": str(path)}) from error
    return spec


def _in_order_of_references(specs: Sequence[FlowSpec]) -> tuple[FlowSpec, ...]:
    """What is referred to first, so that each can be published in turn. Circles stay as they are, to be refused then."""
    placed: dict[tuple[str, str], FlowSpec] = {}
    entered: set[tuple[str, str]] = set()

    def place(spec: FlowSpec) -> None:
        if (spec.id, spec.version) in entered:
            return
        entered.add((spec.id, spec.version))
        for ref in spec.definition.refs.values():
            for other in specs:
                if other.id == ref.flow_id and ref.version in ("", other.version):
                    place(other)
        placed[spec.id, spec.version] = spec

    for spec in specs:
        place(spec)
    return tuple(placed.values())
