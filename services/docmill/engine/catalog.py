"""Flow versions, which never change, kept in memory with their parsed definition."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import structlog

from docmill.domain.errors import InvalidArgument
from docmill.domain.flows import FlowDefinition, parse_definition
from docmill.domain.models import FlowVersion, JsonObject
from docmill.domain.plan import OnPageFailure
from docmill.domain.providers import calls_llm
from docmill.engine import flow_refs
from docmill.store import Op, flows

log = structlog.get_logger(__name__)

_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A flow version and its definition."""

    version: FlowVersion
    definition: FlowDefinition
    """With the flows it refers to in their place."""
    document: JsonObject
    """The definition as the worker gets it that runs it over the pages."""
    calls_llm: bool = False
    """Whether its document job goes to workers that have a language model; not where the installation has none."""

    @property
    def read_options(self) -> JsonObject:
        """Options for reading a page, as its parse step says."""
        return self.definition.read_options

    @property
    def on_page_failure(self) -> OnPageFailure:
        """`onPageFailure` of the parse step; `fail` unless it says `skip`."""
        step = self.definition.reading_step
        skip = step is not None and step.config.get("onPageFailure") == "skip"
        return OnPageFailure.SKIP if skip else OnPageFailure.FAIL

    @property
    def read_step_id(self) -> str:
        """Id of the parse step of the outer flow; `read` for one without."""
        step = self.definition.parse_step
        return step.id if step else "read"

    @property
    def steps_total(self) -> int:
        """Steps of the outer flow."""
        return len(self.definition.steps)

    @property
    def first_document_step_id(self) -> str:
        """Id of the first step after the pages; that of the parse step where nothing follows."""
        steps = self.definition.document_steps
        return steps[0].id if steps else self.read_step_id


def _recipe(org_id: str, version: FlowVersion) -> Op[Recipe]:
    """The recipe; one without steps if it was published under rules that no longer hold.

    Its pages are then read with default options, and the worker that runs the flow over them ends the run with what is
    wrong. Raising here would stop the loops that serve everybody.
    """
    try:
        definition = parse_definition(version.definition)
        if not definition.refs:
            return Recipe(version=version, definition=definition, document=version.definition)
        definition = yield from flow_refs.written_out(org_id, definition)
        return Recipe(version=version, definition=definition, document=definition.to_json())
    except InvalidArgument as error:
        log.warning(
            "a published flow is not valid any more", event_key="flow.outdated", flow=version.flow_id, error=str(error)
        )
        return Recipe(version=version, definition=FlowDefinition(steps=()), document=version.definition)


class Catalog:
    """The recipes read last; the oldest makes room for a new one, used or not.

    Operations call it from the store's threads: each access is one dict operation.
    """

    def __init__(self, *, has_llm: bool = False) -> None:
        """`has_llm`: the installation has a language model."""
        self._has_llm = has_llm
        self._recipes: OrderedDict[tuple[str, str, str], Recipe] = OrderedDict()

    def recipe(self, org_id: str, flow_id: str, version: str) -> Op[Recipe | None]:
        """The recipe that a run of `org_id` follows; None when there is no such version."""
        key = (org_id, flow_id, version)
        known = self._recipes.get(key)
        if known is not None:
            return known
        found = yield from flows.get(org_id, flow_id, version)
        if found is None:
            return None
        recipe = yield from _recipe(org_id, found)
        recipe = replace(recipe, calls_llm=self._has_llm and calls_llm(recipe.document))
        self._recipes[key] = recipe
        while len(self._recipes) > _KEPT:
            self._recipes.popitem(last=False)
        return recipe
