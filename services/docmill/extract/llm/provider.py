"""The provider `llm`: fields and categories from a language model, and where the pages show what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from docmill.domain.consensus import Consensus, consensus_of
from docmill.domain.errors import Reason, WorkFailed
from docmill.domain.providers import LLM
from docmill.extract import Evidence, Extraction
from docmill.extract.classify import Classification
from docmill.extract.consensus import agreement
from docmill.extract.grounding import with_grounding
from docmill.extract.llm import Answer, Chat, Question
from docmill.extract.llm.poll import Poll, poll
from docmill.extract.llm.prompt import ask_category, ask_fields, page_text
from docmill.extract.llm.schema import fitted, strict, without_required
from docmill.extract.locate import locate
from docmill.extract.validate import findings

if TYPE_CHECKING:
    from docmill.domain.flows import Category
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page

__all__ = ["LlmProvider", "confidence"]

_GROUNDED, _NOT_GROUNDED = 0.9, 0.3
_MOST_VALUES = 5000  # of one answer: each is looked for on the pages
_DEEPEST = 60


@dataclass(slots=True)
class LlmProvider:
    """Implements `docmill.extract.Extractor` and `docmill.extract.Categorizer`; a network is behind `chat`."""

    chat: Chat
    model: str
    max_input: int
    """Characters of a document that are given to the model."""
    max_tokens: int
    """Of an answer, where a step says nothing."""
    config: JsonObject = field(default_factory=dict)
    name: str = LLM

    def configured(self, config: JsonObject) -> LlmProvider:
        """The provider as a step wants it: `consensus`, `maxTokens`, `reasoning`."""
        return replace(self, config=config)

    def extract(self, pages: Sequence[Page], schema: JsonObject, variables: JsonObject) -> Extraction:
        """Data that fits `schema`, each value with the best place that shows it. Asks the model over the network.

        Raises `WorkFailed` without an answer that fits, `ProviderAway` where another attempt may help.
        """
        seen = page_text(pages, self.max_input)
        if not any(page.lines for page in pages):
            return Extraction(warnings=("No page has any text: the language model was not asked",))
        bound = strict(schema)
        system, text = ask_fields(seen.text, bound, variables)
        checked = without_required(schema)
        found = self._poll(system, text, bound, lambda answer: _data(answer, schema, checked))
        data = found.verdict.value
        if problems := findings(checked, data):
            raise WorkFailed(
                Reason.EXTRACTION_FAILED, f"What the runs say together does not fit: {problems[0].message}"
            )
        return Extraction(
            data=data,
            evidence=self._evidence(found, schema, pages),
            warnings=(*seen.warnings, *_warnings(found, self._consensus)),
            usage=replace(found.usage, model=self.model),
            agreement=self._agreement(found),
        )

    def categorize(self, pages: Sequence[Page], categories: Sequence[Category], hint: str) -> Classification:
        """The category that the model chooses from `categories`; empty for none of them. Raises as `extract` does."""
        if not any(page.lines for page in pages):
            return Classification("", 0.0)
        names = [category.name for category in categories]
        schema = {"type": "object", "properties": {"category": {"type": "string", "enum": names}}}
        seen = page_text(pages, self.max_input)
        bound = strict(schema)
        system, text = ask_category(seen.text, bound, categories, hint)
        found = self._poll(system, text, bound, lambda answer: _data(answer, schema, schema))
        chosen = found.verdict.value.get("category", "")
        votes = sum(answer.get("category", "") == chosen for answer in found.answers)
        sure = round(_share(votes, self._consensus.runs), 4) if chosen else 0.0
        return Classification(
            chosen,
            sure,
            warnings=(*seen.warnings, *_warnings(found, self._consensus)),
            usage=replace(found.usage, model=self.model),
            agreement=self._agreement(found),
        )

    @property
    def _consensus(self) -> Consensus:
        return consensus_of(self.config)

    def _poll(self, system: str, text: str, schema: JsonObject, read: Any) -> Poll:
        reasoning = self.config.get("reasoning", {})
        question = Question(
            system=system,
            text=text,
            schema=schema,
            model=self.model,
            max_tokens=int(self.config.get("maxTokens", self.max_tokens)),
            effort=str(reasoning.get("effort", "")) if reasoning.get("enabled", True) else "",
            parallel=self._consensus.parallel,
        )
        return poll(self.chat, question, self._consensus, read)

    def _evidence(self, found: Poll, schema: JsonObject, pages: Sequence[Page]) -> tuple[Evidence, ...]:
        data = found.verdict.value
        votes = agreement(data, found.answers)
        proofs = with_grounding(data, locate(data, schema, pages))
        return tuple(
            replace(
                proof,
                source=LLM,
                confidence=confidence(votes[proof.path], self._consensus.runs, grounded=proof.grounded),
            )
            for proof in proofs
        )

    def _agreement(self, found: Poll) -> Mapping[str, Any]:
        """For the step's artifact, where it asks for it."""
        consensus = self._consensus
        if not consensus.include_metadata:
            return {}
        return {
            "runs": consensus.runs,
            "usable": len(found.answers),
            "strategy": consensus.strategy,
            "level": consensus.level,
            "tied": list(found.verdict.tied),
            "agreement": dict(agreement(found.verdict.value, found.answers)),
        }


def confidence(votes: int, runs: int, *, grounded: bool) -> float:
    """How sure a value of a model is: by the runs that say it, and whether the page does. No probability.

    The share of runs by Laplace's rule of succession, (votes + 1) / (runs + 2): one run alone proves little. Times 0.9 for a
    value that its words on the page say, 0.3 for one that no page shows. See docs/llm.md.
    """
    return round(_share(votes, runs) * (_GROUNDED if grounded else _NOT_GROUNDED), 4)


def _share(votes: int, runs: int) -> float:
    return (votes + 1) / (runs + 2)


def _warnings(found: Poll, consensus: Consensus) -> tuple[str, ...]:
    if consensus.runs == 1:
        return ()
    lost = consensus.runs - len(found.answers)
    few = (f"{lost} of {consensus.runs} runs of the language model gave no usable answer",) if lost else ()
    return (
        *few,
        *(
            f"{pointer or '/'}: the runs of the language model are level; one was taken"
            for pointer in found.verdict.tied
        ),
    )


def _data(answer: Answer, schema: JsonObject, checked: JsonObject) -> Any:
    """The answer's JSON as data of `schema`; `WorkFailed` for one that is none, or does not fit `checked`."""
    if answer.cut:
        raise _unusable("it was longer than maxTokens allows")
    raw = _parsed(answer.text)
    if not isinstance(raw, dict):
        raise _unusable("it is no JSON object")
    if _counted(raw) > _MOST_VALUES:
        raise _unusable(f"it has more than {_MOST_VALUES} values")
    data = fitted(raw, schema)
    if problems := findings(checked, data):
        raise _unusable(f"{problems[0].path or '/'}: {problems[0].message}")
    return data


def _parsed(text: str) -> Any:
    """JSON, also within a fence of code, and with raw control characters in its texts, as small models write it."""
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0]
    try:
        raw = json.loads(text, strict=False, parse_constant=_no_number, parse_float=_number)
        orjson.dumps(raw)  # what cannot be kept: halves of surrogate pairs, numbers beyond 64 bits
    except (ValueError, TypeError, RecursionError):
        raise _unusable("it is no JSON") from None
    return raw


def _number(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else _no_number(digits)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _counted(node: Any, depth: int = 0) -> int:
    if depth > _DEEPEST:
        return _MOST_VALUES + 1
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return 1 + sum(_counted(child, depth + 1) for child in children)


def _unusable(why: str) -> WorkFailed:
    return WorkFailed(Reason.EXTRACTION_FAILED, f"The language model gave no usable answer: {why}")
