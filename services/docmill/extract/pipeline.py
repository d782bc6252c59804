"""The steps of a flow after its pages are read, in order. What a node does is in `docmill.extract.nodes`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from docmill.domain.errors import DocmillError, ProviderAway, Reason, WorkFailed
from docmill.domain.flow_steps import OTHER
from docmill.domain.flows import Category, FlowDefinition, Step, parse_definition
from docmill.extract import Categorizer, Configurable
from docmill.extract.assess import assess
from docmill.extract.classify import classify, warning_of_hint, with_hint
from docmill.extract.einvoice import EInvoiceExtractor
from docmill.extract.grounding import with_grounding
from docmill.extract.ir import document_ir
from docmill.extract.layout import LayoutExtractor
from docmill.extract.nodes.chunk import chunked
from docmill.extract.nodes.combine import combine
from docmill.extract.nodes.inner import run_branch, run_items
from docmill.extract.nodes.output import shaped
from docmill.extract.nodes.results import Result, listed, merged, named
from docmill.extract.nodes.scope import Scope
from docmill.extract.outcome import DocumentOutcome, outcome_from_json, outcome_to_json
from docmill.extract.segments import beginnings, segments
from docmill.extract.validate import findings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from docmill.domain.einvoices import EmbeddedFile
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page
    from docmill.extract import Extractor, Usage
    from docmill.extract.classify import Classification

__all__ = [
    "EINVOICE_PROVIDER",
    "DocumentOutcome",
    "default_providers",
    "outcome_from_json",
    "outcome_to_json",
    "run_document",
]

DEFAULT_PROVIDER = "layout"
EINVOICE_PROVIDER = "einvoice"  # of a step that takes nothing but what an electronic invoice says


def default_providers() -> Mapping[str, Extractor]:
    """The extractors that work without configuration, by the name that a `providerRef` gives."""
    layout = LayoutExtractor()
    return {layout.name: layout}


def run_document(
    definition: FlowDefinition | JsonObject,
    pages: Sequence[Page | None],
    variables: JsonObject,
    output_schema: JsonObject,
    providers: Mapping[str, Extractor] | None = None,
    files: Sequence[EmbeddedFile] = (),
) -> DocumentOutcome:
    """Run the steps on `pages` (None for one that could not be read) and give the flow's output.

    An extract step reads an electronic invoice among the document's XML `files` first, unless it says `useEmbedded: false`.

    Raises `WorkFailed` whose `details.step` is the id of the step that failed. An output that does not fit
    `output_schema` is given with a warning for each finding; a `validate` step makes it an error.
    """
    flow = definition if isinstance(definition, FlowDefinition) else parse_definition(definition)
    read = [page for page in pages if page is not None]
    scope = Scope(pages=read, variables=variables, providers=providers or default_providers(), files=files)
    warnings = [f"Page {number} could not be read" for number, page in enumerate(pages, start=1) if page is None]
    result = _run_flow(flow, scope)
    warnings.extend(result.warnings)
    warnings.extend(f"{found.path or '/'}: {found.message}" for found in findings(output_schema, result.value))
    return DocumentOutcome(
        output=result.value,
        evidence=result.evidence,
        warnings=tuple(dict.fromkeys(warnings)),
        steps=scope.log.facts,
        artifacts=scope.log.artifacts,
    )


def _run_flow(flow: FlowDefinition, scope: Scope) -> Result:
    job = _Job(scope)
    for step in flow.document_steps:
        job.run(step)
    return job.result()


class _Job:
    """The results of the steps so far, in order."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._pages = scope.pages
        self._category = scope.category
        self._kinds: Sequence[Category] = ()
        self._chunks: Sequence[Sequence[Page]] | None = None
        self._agreements: list[JsonObject] = []
        self._results: dict[str, Result] = {}
        self._outputs: dict[str, Result] = {}

    def run(self, step: Step) -> None:
        """Run one step; a failure carries its id, after those of the steps it is in."""
        started = time.perf_counter()
        name = f"{self._scope.name}{step.id}"
        try:
            self._results[step.id] = self._run(step)
        except DocmillError as error:
            kind = ProviderAway if error.retryable else WorkFailed
            raise kind(error.reason, error.message, {"step": name, **error.details}) from error
        except Exception as error:
            message = f"The {step.node_type} step '{name}' failed on this document"
            raise WorkFailed(Reason.EXTRACTION_FAILED, message, {"step": name}) from error
        self._scope.log.took(name, step.node_type, time.perf_counter() - started)

    def _asked(self, step: Step, usage: Usage) -> None:
        self._scope.log.used(f"{self._scope.name}{step.id}", step.node_type, usage)

    def _made(self, step: Step, made: JsonObject) -> None:
        self._scope.log.artifacts[f"{self._scope.place}{step.id}"] = {"type": step.node_type, **made}

    def result(self) -> Result:
        """Several outputs by name, one output alone, else what the last step made, else the pages themselves."""
        if len(self._outputs) > 1:
            return replace(named(list(self._outputs.items())), warnings=self._warnings())
        if self._outputs:
            return replace(next(iter(self._outputs.values())), warnings=self._warnings())
        if self._results:
            return replace(self._before(), warnings=self._warnings())
        return Result(document_ir(self._pages))

    def _before(self) -> Result:
        """What the last step made."""
        return list(self._results.values())[-1]

    def _warnings(self) -> tuple[str, ...]:
        return tuple(warning for result in self._results.values() for warning in result.warnings)

    def _run(self, step: Step) -> Result:
        match step.node_type:
            case "categorize":
                return self._categorize(step)
            case "split":
                return self._split(step)
            case "chunk":
                return self._chunk(step)
            case "extract":
                return self._extract(step)
            case "combine":
                return combine(self._before(), step.config["strategy"])
            case "validate":
                return self._validate(step)
            case "assess":
                return self._assess(step)
            case _:
                return self._output(step)

    def _categorize(self, step: Step) -> Result:
        """The category, which the split step of a stack has found already; for a conditional what its branch makes."""
        hint = str(self._scope.variables.get(step.config.get("hint", ""), ""))
        found = self._classified(step, hint)
        if not self._scope.kind and (unknown := warning_of_hint(hint, step.categories)):
            found = replace(found, warnings=(*found.warnings, unknown))
        self._asked(step, found.usage)
        self._category, self._kinds = found.category or self._category, step.categories
        value = {"category": found.category, "confidence": found.confidence} if found.category else {"confidence": 0.0}
        self._made(step, {**value, **({"consensus": found.agreement} if found.agreement else {})})
        if step.type == "conditional":
            made = run_branch(step, found.category, self._scope, _run_flow)
            return replace(made, warnings=(*found.warnings, *made.warnings))
        if not found.category:
            warning = f"Step '{step.id}': nothing in the document speaks for any of the categories"
            return Result(value, warnings=(*found.warnings, warning))
        return Result(value, warnings=found.warnings)

    def _classified(self, step: Step, hint: str) -> Classification:
        """By the step's provider if that can tell, else by the words of the pages."""
        provider = self._provider(step)
        known = any(category.name == self._scope.kind for category in step.categories)
        if isinstance(provider, Categorizer) and not known:
            return provider.categorize(self._pages, step.categories, hint)
        found = classify(self._pages, step.categories, known=self._scope.kind)
        if not self._scope.kind or found.category != self._scope.kind:
            found = with_hint(found, hint, step.categories)
        return found

    def _split(self, step: Step) -> Result:
        """The documents of the stack; for a forEach what its flow makes of each."""
        self._provider(step)
        found = segments(self._pages, step.categories, include_other=step.config["includeOther"])
        documents = [{"type": segment.type, "pages": list(segment.pages)} for segment in found]
        self._made(step, {"documents": documents})
        return run_items(step, found, self._scope, _run_flow) if step.type == "forEach" else Result(documents)

    def _chunk(self, step: Step) -> Result:
        """The text in pieces; an extract step that follows looks at each by itself."""
        value, self._chunks = chunked(self._pages, step.config)
        self._made(step, value)
        return Result(value)

    def _extract(self, step: Step) -> Result:
        """The data; after a chunk step a list with that of each chunk."""
        if self._chunks is None:
            result = self._extracted(step, self._scope)
        else:
            parts = [replace(self._scope, pages=pages, files=()) for pages in self._chunks]
            result, self._chunks = listed(self._extracted(step, part) for part in parts), None
        agreed, self._agreements = self._agreements, []
        consensus = {"consensus": agreed[0] if len(agreed) == 1 else agreed} if agreed else {}
        self._made(step, {"data": result.value, **consensus})
        return result

    def _extracted(self, step: Step, scope: Scope) -> Result:
        schema = _for_category(step.config, self._category)
        extraction = self._extractor(step, scope.files).extract(scope.pages, schema, scope.variables)
        self._asked(step, extraction.usage)
        if extraction.agreement:
            self._agreements.append(extraction.agreement)
        evidence = with_grounding(extraction.data, extraction.evidence)
        return Result(extraction.data, evidence, extraction.warnings, schema)

    def _extractor(self, step: Step, files: Sequence[EmbeddedFile]) -> Extractor:
        """The step's provider, behind the electronic invoice of a document that has one.

        What the XML does not say is read from the pages by the built-in provider, whatever the step's: it is free.
        """
        own = None if step.provider == EINVOICE_PROVIDER else self._provider(step)
        if own is not None and not (files and step.config.get("useEmbedded", True)):
            return own
        if own is None or any(not file.name for file in files):
            return EInvoiceExtractor(files, fallback=None, gaps=None)
        return EInvoiceExtractor(files, fallback=own, gaps=self._scope.providers.get(DEFAULT_PROVIDER))

    def _provider(self, step: Step) -> Extractor:
        reference = step.provider
        name, providers = reference or DEFAULT_PROVIDER, self._scope.providers
        if name not in providers:
            message = f"No provider '{reference}' is configured here; there is: {', '.join(sorted(providers))}"
            raise WorkFailed(Reason.PROVIDER_FAILED, message, {"provider": reference})
        provider = providers[name]
        return provider.configured(step.config) if isinstance(provider, Configurable) else provider

    def _validate(self, step: Step) -> Result:
        """The result of the step before, unchanged, if it fits the step's schema or that of the extract step."""
        before = self._before()
        found = findings(step.config.get("schema") or before.schema, before.value)
        messages = tuple(f"{finding.path or '/'}: {finding.message}" for finding in found)
        if messages and step.config.get("onInvalid", "fail") == "fail":
            raise WorkFailed(Reason.EXTRACTION_FAILED, f"The extracted data does not fit its schema: {messages[0]}")
        return replace(before, warnings=messages)

    def _assess(self, step: Step) -> Result:
        """How sure the data of the steps named is, and what in it does not agree."""
        sources = [self._results[name] for name in step.sources] or [self._before()]
        stacked = bool(self._kinds) and not self._scope.kind  # else a split step has taken the stack apart
        others = beginnings(self._pages, self._kinds) if stacked else ()
        return Result(assess(merged(sources).value, self._pages, self._scope.variables, others))

    def _output(self, step: Step) -> Result:
        earlier = self._results
        sources = [earlier[name] for name in step.sources if name in earlier] or self._last_made()
        output = shaped(sources, step.config.get("transform"), step.config.get("fields", ()))
        self._outputs[str(step.config.get("name") or step.id)] = output
        return replace(output, warnings=())

    def _last_made(self) -> list[Result]:
        """What the last step that is no output made; the pages when there is none."""
        outputs = {id(output.value) for output in self._outputs.values()}
        made = [result for result in self._results.values() if id(result.value) not in outputs]
        made = made or list(self._results.values())
        return made[-1:] or [Result(document_ir(self._pages))]


def _for_category(config: JsonObject, category: str) -> JsonObject:
    """The schema of an extract step, with what is asked of documents of this category only."""
    schema: dict[str, Any] = config["schema"]
    more = config.get("byCategory", {}).get(category or OTHER)
    if more is None:
        return schema
    return {**schema, "properties": {**schema.get("properties", {}), **more.get("properties", {})}}
