"""Find flows and publish versions of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from docmill.domain.errors import AlreadyExists, InvalidArgument, NotFound, Reason
from docmill.domain.flow_specs import FlowSpec
from docmill.domain.flow_steps import Step
from docmill.domain.flows import parse_version
from docmill.domain.models import Caller, Flow, FlowVersion
from docmill.domain.providers import LLM, model_of
from docmill.domain.schemas import invalid
from docmill.domain.suggestions import did_you_mean
from docmill.engine import flow_refs, page_tokens
from docmill.engine.catalog import Recipe
from docmill.engine.context import Context
from docmill.engine.requests import Listing
from docmill.extract.pipeline import EINVOICE_PROVIDER, default_providers
from docmill.extract.validate import check_schema
from docmill.store import Op, flows

_PROVIDED = frozenset({"extract", "categorize", "split"})
_READERS = frozenset({"", "ocr", "auto"})


async def list_flows(
    ctx: Context, caller: Caller, *, limit: int, offset: int, page_token: str, include_hidden: bool = False
) -> Listing[Flow]:
    """Flows, oldest first, without those that are hidden unless they are asked for; `page_token` wins over `offset`."""
    found = await ctx.store.read(lambda: flows.visible(caller.org_id))
    shown = sorted(
        (flow for flow in _grouped(found) if include_hidden or not flow.current.hidden),
        key=lambda flow: (min(version.created_at for version in flow.versions), flow.id),
    )
    start = offset
    if page_token:
        (after,) = page_tokens.decode(page_token, 1)
        start = next((index + 1 for index, flow in enumerate(shown) if flow.id == after), len(shown))
    items = shown[start : start + limit]
    more = start + limit < len(shown)
    return Listing(
        items=items, total=len(shown), next_page_token=page_tokens.encode(items[-1].id) if more and items else ""
    )


async def get_flow(ctx: Context, caller: Caller, flow_id: str, version: str = "") -> tuple[Flow, FlowVersion]:
    """The flow and the version asked for (`latest` or empty: the current one)."""
    found = await ctx.store.read(lambda: flows.versions(caller.org_id, flow_id))
    if not found:
        raise await _no_flow(ctx, caller, flow_id)
    (flow,) = _grouped(found)
    number = _chosen(flow_id, version, [each.version for each in flow.versions])
    return flow, next(each for each in flow.versions if each.version == number)


def _chosen(flow_id: str, version: str, there_are: Sequence[str]) -> str:
    """The version asked for (`latest` or empty: the last of those that `there_are`)."""
    number = there_are[-1] if version in {"", "latest"} else version
    if number in there_are:
        return number
    known = ", ".join(there_are)
    message = f"Flow {flow_id} has no version {version}; it has {known}"
    raise NotFound(Reason.VERSION_NOT_FOUND, message, {"field": "version", "versions": known})


async def _no_flow(ctx: Context, caller: Caller, flow_id: str) -> NotFound:
    """The error, with the flow that may have been meant: of those that the caller sees."""
    known = {version.flow_id for version in await ctx.store.read(lambda: flows.visible(caller.org_id))}
    wrong = f"There is no flow {flow_id}{did_you_mean(flow_id, sorted(known))}"
    return NotFound(
        Reason.FLOW_NOT_FOUND, f"{wrong}{'' if wrong.endswith('?') else ';'} `docmill flows list` shows what there is"
    )


async def get_recipe(ctx: Context, caller: Caller, flow_id: str, version: str) -> Recipe:
    """What a run of the flow would follow (`latest` or empty: its current version); kept in memory, not parsed anew."""

    def op() -> Op[Recipe | None]:
        known = sorted((yield from flows.numbers(caller.org_id, flow_id)), key=parse_version)
        if not known:
            return None
        return (yield from ctx.catalog.recipe(caller.org_id, flow_id, _chosen(flow_id, version, known)))

    recipe = await ctx.store.read(op)
    if recipe is None:
        raise await _no_flow(ctx, caller, flow_id)
    return recipe


async def create_flow(ctx: Context, caller: Caller, spec: FlowSpec) -> FlowVersion:
    """Publish a version for the caller's organization. InvalidArgument for what would fail inside every run."""
    _check_providers(spec, ctx.options.llm_models)
    check_schema(spec.input_schema, "inputSchema")
    check_schema(spec.output_schema, "outputSchema")
    definition = await ctx.store.read(lambda: flow_refs.pinned(caller.org_id, spec.definition))
    version = replace(spec, definition=definition).published(org_id=caller.org_id, at=ctx.now())
    await _refuse_takeover(ctx, version)
    if not await ctx.store.write(lambda: flows.insert(version)):
        raise AlreadyExists(
            Reason.VERSION_EXISTS,
            f"Flow {version.flow_id} has a version {version.version}, and versions never change; publish a new number",
            {"field": "version"},
        )
    return version


async def publish_builtin(ctx: Context, specs: Sequence[FlowSpec]) -> None:
    """Make sure that the installation has the flows that come with docmill, each after those it refers to."""
    now = ctx.now()

    def insert_all() -> Op[None]:
        for spec in specs:
            definition = yield from flow_refs.pinned("", spec.definition)
            yield from flows.insert(replace(spec, definition=definition).published(org_id="", at=now))

    await ctx.store.write(insert_all)


def _check_providers(spec: FlowSpec, models: Sequence[str]) -> None:
    providers = (*default_providers(), *([LLM] if models else []))
    for path, step in spec.definition.walk():
        config = f"{path}.config"
        known = (*providers, EINVOICE_PROVIDER) if step.node_type == "extract" else providers
        known = tuple(default_providers()) if step.node_type == "split" else known
        is_model = step.node_type != "split" and model_of(step.provider, models) is not None
        if step.node_type in _PROVIDED and step.provider and step.provider not in known and not is_model:
            message = f"there is no provider {step.provider}; there is {', '.join(known)}"
            raise invalid(f"{config}.providerRef", message + _about_provider(step, known, models))
        if step.node_type == "parse" and step.provider not in _READERS:
            raise invalid(f"{config}.providerRef", "a flow cannot choose the reading engine yet; use ocr")
        if step.node_type == "parse" and "languages" in step.config:
            raise invalid(f"{config}.languages", "a flow cannot choose languages yet; leave it out")


async def _refuse_takeover(ctx: Context, version: FlowVersion) -> None:
    """A flow of the installation stays what it is for everybody."""
    found = await ctx.store.read(lambda: flows.versions(version.org_id, version.flow_id))
    if any(other.org_id != version.org_id for other in found):
        raise InvalidArgument(
            Reason.FIELD_INVALID,
            f"{version.flow_id} is a flow of the installation; give yours another id",
            {"field": "id"},
        )


def _grouped(versions: Sequence[FlowVersion]) -> list[Flow]:
    by_id: defaultdict[str, list[FlowVersion]] = defaultdict(list)
    for version in versions:
        by_id[version.flow_id].append(version)
    return [
        Flow(id=flow_id, versions=sorted(found, key=lambda version: parse_version(version.version)))
        for flow_id, found in by_id.items()
    ]


def _about_provider(step: Step, known: Sequence[str], models: Sequence[str]) -> str:
    """What to do about a provider that is not there."""
    asks_model = step.provider == LLM or ":" in step.provider
    if step.node_type == "split":
        return "; a split step asks no language model" if asks_model else did_you_mean(step.provider, known)
    if asks_model and not models:
        return (
            "; for a language model set DOCMILL_LLM_BASE_URL (its server) and DOCMILL_LLM_MODEL, for services and workers, "
            "and start them again: docs/llm.md"
        )
    if asks_model:
        return f"; DOCMILL_LLM_MODEL has {', '.join(models)}"
    return did_you_mean(step.provider, known)
