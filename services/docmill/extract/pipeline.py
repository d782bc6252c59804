"""The steps of a flow after its pages are read: categorize, extract, validate, assess, output."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import DocmillError, ProviderAway, Reason, WorkFailed
from docmill.domain.flows import FlowDefinition, Step, parse_definition
from docmill.domain.messages import StepFacts
from docmill.extract import Categorizer, Configurable, Usage
from docmill.extract.assess import assess
from docmill.extract.classify import classify, with_hint
from docmill.extract.einvoice import EInvoiceExtractor
from docmill.extract.grounding import with_grounding
from docmill.extract.ir import document_ir
from docmill.extract.layout import LayoutExtractor
from docmill.extract.outcome import DocumentOutcome, outcome_from_json, outcome_to_json
from docmill.extract.validate import findings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.einvoices import EmbeddedFile
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page
    from docmill.extract import Evidence, Extractor

__all__ = ["DocumentOutcome", "default_providers", "outcome_from_json", "outcome_to_json", "run_document"]

OTHER = "other"  # in `byCategory`: documents of which no word speaks for a category
DEFAULT_PROVIDER = "layout"
EINVOICE_PROVIDER = "einvoice"  # of a step that takes nothing but what an electronic invoice says


@dataclass(frozen=True, slots=True)
class _Result:
    """What a step made; paths of the evidence point into `value`."""

    value: Any
    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    agreement: JsonObject = field(default_factory=dict)


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
    job = _Job(read, variables, providers or default_providers(), files)
    warnings = [f"Page {number} could not be read" for number, page in enumerate(pages, start=1) if page is None]
    for step in flow.document_steps:
        job.run(step)
    result = job.result()
    warnings.extend(result.warnings)
    warnings.extend(f"{found.path or '/'}: {found.message}" for found in findings(output_schema, result.value))
    return DocumentOutcome(
        output=result.value,
        evidence=result.evidence,
        warnings=tuple(dict.fromkeys(warnings)),
        steps=tuple(job.facts),
        artifacts=job.artifacts,
    )


class _Job:
    """The results of the steps so far, in order."""

    def __init__(
        self,
        pages: Sequence[Page],
        variables: JsonObject,
        providers: Mapping[str, Extractor],
        files: Sequence[EmbeddedFile],
    ) -> None:
        self._pages = pages
        self._files = files
        self._variables = variables
        self._providers = providers
        self._results: dict[str, _Result] = {}
        self._outputs: dict[str, _Result] = {}
        self._schema: JsonObject = {}
        self.facts: list[StepFacts] = []
        self.artifacts: dict[str, JsonObject] = {}

    def run(self, step: Step) -> None:
        """Run one step; a failure carries its id."""
        started = time.perf_counter()
        try:
            self._results[step.id] = self._run(step)
        except DocmillError as error:
            kind = ProviderAway if error.retryable else WorkFailed
            raise kind(error.reason, error.message, {**error.details, "step": step.id}) from error
        except Exception as error:
            message = f"The {step.node_type} step '{step.id}' failed on this document"
            raise WorkFailed(Reason.EXTRACTION_FAILED, message, {"step": step.id}) from error
        made = self._results[step.id]
        self._keep(step, made)
        self.facts.append(
            StepFacts(
                step_id=step.id,
                node_type=step.node_type,
                duration_ms=round((time.perf_counter() - started) * 1000),
                input_tokens=made.usage.input_tokens,
                output_tokens=made.usage.output_tokens,
            )
        )

    def _keep(self, step: Step, made: _Result) -> None:
        more = {"consensus": made.agreement} if made.agreement else {}
        if step.node_type == "categorize":
            self.artifacts[step.id] = {"type": step.node_type, **made.value, **more}
        elif step.node_type == "extract":
            self.artifacts[step.id] = {"type": step.node_type, "data": made.value, **more}

    def result(self) -> _Result:
        """Several outputs by name, one output alone, else what the last step made, else the pages themselves."""
        if len(self._outputs) > 1:
            named = list(self._outputs.items())
            value = {name: output.value for name, output in named}
            return _Result(value, _joined([_under(name, output) for name, output in named]), self._warnings())
        if self._outputs:
            return replace(next(iter(self._outputs.values())), warnings=self._warnings())
        if self._results:
            return replace(list(self._results.values())[-1], warnings=self._warnings())
        return _Result(document_ir(self._pages))

    def _warnings(self) -> tuple[str, ...]:
        return tuple(warning for result in self._results.values() for warning in result.warnings)

    def _run(self, step: Step) -> _Result:
        match step.node_type:
            case "categorize":
                return self._categorize(step)
            case "extract":
                return self._extract(step)
            case "validate":
                return self._validate(step)
            case "assess":
                return self._assess(step)
            case _:
                return self._output(step)

    def _categorize(self, step: Step) -> _Result:
        provider = self._provider(step)
        hint = str(self._variables.get(step.config.get("hint", ""), ""))
        if isinstance(provider, Categorizer):
            found = provider.categorize(self._pages, step.categories, hint)
        else:
            found = with_hint(classify(self._pages, step.categories), hint, step.categories)
        if not found.category:
            nothing = f"Step '{step.id}': nothing in the document speaks for any of the categories"
            return _Result({"confidence": 0.0}, (), (*found.warnings, nothing), found.usage, found.agreement)
        value = {"category": found.category, "confidence": found.confidence}
        return _Result(value, (), found.warnings, found.usage, found.agreement)

    def _extract(self, step: Step) -> _Result:
        self._schema = _for_category(step.config, self._category())
        extraction = self._extractor(step).extract(self._pages, self._schema, self._variables)
        evidence = with_grounding(extraction.data, extraction.evidence)
        return _Result(extraction.data, evidence, extraction.warnings, extraction.usage, extraction.agreement)

    def _extractor(self, step: Step) -> Extractor:
        """The step's provider, behind the electronic invoice of a document that has one.

        What the XML does not say is read from the pages by the built-in provider, whatever the step's: it is free.
        """
        own = None if step.provider == EINVOICE_PROVIDER else self._provider(step)
        if own is not None and not (self._files and step.config.get("useEmbedded", True)):
            return own
        if own is None or any(not file.name for file in self._files):
            return EInvoiceExtractor(self._files, fallback=None, gaps=None)
        return EInvoiceExtractor(self._files, fallback=own, gaps=self._providers.get(DEFAULT_PROVIDER))

    def _category(self) -> str:
        """What the document is, as far as an earlier step says."""
        found = [
            made["category"] for made in self.artifacts.values() if made["type"] == "categorize" and "category" in made
        ]
        return str(found[-1]) if found else ""

    def _provider(self, step: Step) -> Extractor:
        reference = step.provider
        name = reference or DEFAULT_PROVIDER
        if name not in self._providers:
            message = f"No provider '{reference}' is configured here; there is: {', '.join(sorted(self._providers))}"
            raise WorkFailed(Reason.PROVIDER_FAILED, message, {"provider": reference})
        provider = self._providers[name]
        return provider.configured(step.config) if isinstance(provider, Configurable) else provider

    def _validate(self, step: Step) -> _Result:
        """The result of the step before, unchanged, if it fits the step's schema or that of the extract step."""
        before = list(self._results.values())[-1]
        found = findings(step.config.get("schema") or self._schema, before.value)
        messages = tuple(f"{finding.path or '/'}: {finding.message}" for finding in found)
        if messages and step.config.get("onInvalid", "fail") == "fail":
            raise WorkFailed(Reason.EXTRACTION_FAILED, f"The extracted data does not fit its schema: {messages[0]}")
        return replace(before, warnings=messages)

    def _assess(self, step: Step) -> _Result:
        """How sure the data of the steps named is, and what in it does not agree."""
        sources = [self._results[name] for name in step.sources] or list(self._results.values())[-1:]
        return _Result(assess(_merged(sources).value, self._pages, self._variables))

    def _output(self, step: Step) -> _Result:
        earlier = self._results
        sources = [earlier[name] for name in step.sources if name in earlier] or self._last_made()
        output = _transformed(sources, step.config.get("transform"), step.config.get("fields", ()))
        self._outputs[str(step.config.get("name") or step.id)] = output
        return replace(output, warnings=())

    def _last_made(self) -> list[_Result]:
        """What the last step that is no output made; the pages when there is none."""
        outputs = {id(output.value) for output in self._outputs.values()}
        made = [result for result in self._results.values() if id(result.value) not in outputs]
        made = made or list(self._results.values())
        return made[-1:] or [_Result(document_ir(self._pages))]


def _for_category(config: JsonObject, category: str) -> JsonObject:
    """The schema of an extract step, with what is asked of documents of this category only."""
    schema, more = config["schema"], config.get("byCategory", {}).get(category or OTHER)
    if more is None:
        return schema  # type: ignore[no-any-return]  # the definition was checked
    return {**schema, "properties": {**schema.get("properties", {}), **more.get("properties", {})}}


def _transformed(sources: Sequence[_Result], transform: str | None, fields: Sequence[str]) -> _Result:
    """One source as it is, several as a list, unless a transform says otherwise."""
    match transform:
        case "first":
            return sources[0]
        case "last":
            return sources[-1]
        case "merge":
            return _merged(sources)
        case "pick":
            merged = _merged(sources)
            kept = tuple(
                e for e in merged.evidence if e.path.split("/")[1].replace("~1", "/").replace("~0", "~") in fields
            )
            return _Result({name: merged.value[name] for name in fields if name in merged.value}, kept)
        case _:
            if len(sources) == 1:
                return sources[0]
            items = [_under(str(index), source) for index, source in enumerate(sources)]
            return _Result([source.value for source in sources], _joined(items))


def _merged(sources: Sequence[_Result]) -> _Result:
    """Objects merged in order: a later one wins a name."""
    value: dict[str, Any] = {}
    evidence: dict[str, Evidence] = {}
    for source in sources:
        if not isinstance(source.value, dict):
            raise WorkFailed(Reason.EXTRACTION_FAILED, "Only objects can be merged or picked from")
        value.update(source.value)
        evidence.update({item.path: item for item in source.evidence})
    return _Result(value, tuple(evidence.values()))


def _under(name: str, result: _Result) -> tuple[Evidence, ...]:
    """The evidence with its paths one level deeper."""
    prefix = f"/{name.replace('~', '~0').replace('/', '~1')}"
    return tuple(replace(evidence, path=f"{prefix}{evidence.path}") for evidence in result.evidence)


def _joined(parts: Sequence[tuple[Evidence, ...]]) -> tuple[Evidence, ...]:
    return tuple(evidence for part in parts for evidence in part)
