"""What a checked flow definition is made of: steps, and the flows inside steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = ["DEFAULT_BRANCH", "FORMAT_VERSION", "OTHER", "Category", "FlowDefinition", "FlowRef", "Step", "Subflow"]

FORMAT_VERSION = "1.0.0"
OTHER = "other"
"""The category of pages that fit none of those named, and in `byCategory` of documents of which no word speaks for any."""
DEFAULT_BRANCH = "default"
"""The branch for categories without one of their own."""
_ANY_ENGINE = frozenset({"ocr", "auto"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One of the answers a categorize step may give, or one of the kinds of document a split step looks for."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRef:
    """A published flow, by name."""

    flow_id: str
    version: str = ""
    """Empty: the latest one at the moment when the flow that refers to it is published."""

    def __str__(self) -> str:
        return f"{self.flow_id}@{self.version}" if self.version else self.flow_id

    def to_json(self) -> dict[str, Any]:
        """The reference in the stored format."""
        return {"flowRef": str(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node of a flow, in the order of the flow."""

    id: str
    node_type: str
    """One of `docmill.domain.flows.NODE_TYPES`."""
    type: str = "step"
    """`step`, `conditional` or `forEach`."""
    name: str = ""
    config: JsonObject = field(default_factory=dict)
    branches: Mapping[str, Subflow] = field(default_factory=dict)
    """Of a conditional: what follows, by category."""
    item_flow: Subflow | None = None
    """Of a forEach: what is done with every document of the stack."""

    @property
    def provider(self) -> str:
        """Label of the provider that does the work, or empty for the installation's default."""
        return str(self.config.get("providerRef", ""))

    @property
    def categories(self) -> tuple[Category, ...]:
        """The answers of a categorize step, the kinds of document of a split step."""
        return tuple(Category(**entry) for entry in self.config.get("categories", ()))

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the steps whose results an assess or output step takes; empty for the step before it."""
        return tuple(self.config.get("source", ()))

    @property
    def subflows(self) -> Mapping[str, Subflow]:
        """The flows inside, by their dotted path from the step."""
        inside = {f"branches.{category}": flow for category, flow in self.branches.items()}
        return inside if self.item_flow is None else {**inside, "itemFlow": self.item_flow}

    def to_json(self) -> dict[str, Any]:
        """The step in the stored format."""
        named = {"name": self.name} if self.name else {}
        inside: dict[str, Any] = {}
        if self.type == "conditional":
            inside["branches"] = {category: flow.to_json() for category, flow in self.branches.items()}
        if self.item_flow is not None:
            inside["itemFlow"] = self.item_flow.to_json()
        return {
            "type": self.type,
            "id": self.id,
            **named,
            "nodeType": self.node_type,
            "config": dict(self.config),
            **inside,
        }

    def with_flows(self, flows: Mapping[FlowRef, Subflow]) -> Step:
        """The step with references replaced."""
        if not self.subflows:
            return self
        inside = {category: _replaced(flow, flows) for category, flow in self.branches.items()}
        item_flow = None if self.item_flow is None else _replaced(self.item_flow, flows)
        return replace(self, branches=inside, item_flow=item_flow)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDefinition:
    """A checked recipe."""

    steps: tuple[Step, ...]
    accepted_formats: tuple[str, ...] = ()
    """Media types the definition accepts; empty for those of the flow's limits."""

    @property
    def parse_step(self) -> Step | None:
        """The step of this level that reads the pages; a flow without one reads them with default options."""
        return next((step for step in self.steps if step.node_type == "parse"), None)

    @property
    def reading_step(self) -> Step | None:
        """The step that says how the pages are read, once for the whole flow: the first parse step, outer levels first."""
        level: list[FlowDefinition] = [self]
        while level:
            found = next((flow.parse_step for flow in level if flow.parse_step is not None), None)
            if found is not None:
                return found
            inside = (each for flow in level for step in flow.steps for each in step.subflows.values())
            level = [flow for flow in inside if isinstance(flow, FlowDefinition)]
        return None

    @property
    def read_options(self) -> JsonObject:
        """Options for reading a page (`JobMessage.read`): `engine` when the flow names one, `languages` when given."""
        step = self.reading_step
        if step is None:
            return {}
        engine = {"engine": step.provider} if step.provider and step.provider not in _ANY_ENGINE else {}
        languages = {"languages": list(step.config["languages"])} if "languages" in step.config else {}
        return {**engine, **languages}

    @property
    def document_steps(self) -> tuple[Step, ...]:
        """What comes after the pages are read, in order."""
        return tuple(step for step in self.steps if step.node_type != "parse")

    def walk(self, path: str = "definition") -> Iterator[tuple[str, Step]]:
        """Every step with its dotted path, and those of the flows inside it after it."""
        for index, step in enumerate(self.steps):
            where = f"{path}.steps.{index}"
            yield where, step
            for name, flow in step.subflows.items():
                if isinstance(flow, FlowDefinition):
                    yield from flow.walk(f"{where}.{name}")

    @property
    def refs(self) -> Mapping[str, FlowRef]:
        """The references, by the dotted path of the flow they stand for."""
        return {
            f"{path}.{name}": flow
            for path, step in self.walk()
            for name, flow in step.subflows.items()
            if isinstance(flow, FlowRef)
        }

    def with_flows(self, flows: Mapping[FlowRef, Subflow]) -> FlowDefinition:
        """The definition with references replaced, at every level."""
        return replace(self, steps=tuple(step.with_flows(flows) for step in self.steps))

    def to_json(self) -> dict[str, Any]:
        """The definition in the stored format, normalised."""
        checks = {"inputValidation": {"acceptedFormats": list(self.accepted_formats)}} if self.accepted_formats else {}
        return {"version": FORMAT_VERSION, **checks, "steps": [step.to_json() for step in self.steps]}


Subflow = FlowDefinition | FlowRef
"""A flow inside a step: written out, or by name."""


def _replaced(flow: Subflow, flows: Mapping[FlowRef, Subflow]) -> Subflow:
    return flow.with_flows(flows) if isinstance(flow, FlowDefinition) else flows.get(flow, flow)
