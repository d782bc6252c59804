"""What a document's steps made, and the JSON it is kept as: the blob behind a run's `output_key`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from docmill.domain.messages import StepFacts
from docmill.domain.models import JsonObject
from docmill.domain.pages import Box
from docmill.extract import Evidence

__all__ = ["DocumentOutcome", "outcome_from_json", "outcome_to_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOutcome:
    """The result of a document's steps."""

    output: Any
    """A JSON value; its shape is that of the flow's last step."""
    evidence: tuple[Evidence, ...] = ()
    """Where the values were read; paths point into `output`."""
    warnings: tuple[str, ...] = ()
    steps: tuple[StepFacts, ...] = ()
    artifacts: Mapping[str, JsonObject] = field(default_factory=dict)
    """What steps made on the way, by id of the step, `each/0/fields` in the flow of `each` for its first document:
    `{type: "categorize", category, confidence}`, `{type: "extract", data}`, `{type: "split", documents: [{type, pages}]}`,
    `{type: "chunk", chunks, ...}`."""


def outcome_to_json(outcome: DocumentOutcome) -> bytes:
    """`{"output", "evidence": [{path, page, box: {x, y, w, h}, words, confidence, source, xpath, grounded}], "warnings", "steps", "artifacts"}`.

    As UTF-8. Data that is in the output is not written twice: the artifact has `isOutput` in its place, and `at` says
    where in the output, as the list of keys.
    """
    places = dict(_places(outcome.output))
    return orjson.dumps(
        {
            "output": outcome.output,
            "evidence": [_evidence_to_json(evidence) for evidence in outcome.evidence],
            "warnings": outcome.warnings,
            "steps": [
                {
                    "stepId": step.step_id,
                    "nodeType": step.node_type,
                    "durationMs": step.duration_ms,
                    "inputTokens": step.input_tokens,
                    "outputTokens": step.output_tokens,
                }
                for step in outcome.steps
            ],
            "artifacts": {step_id: _artifact_to_json(made, places) for step_id, made in outcome.artifacts.items()},
        }
    )


_DEEP = 5  # keys: the data of a document of a stack within a stack
_Place = tuple[str | int, ...]


def _places(value: Any, at: _Place = ()) -> Iterator[tuple[int, _Place]]:
    """Where objects and lists are in the output, by identity."""
    if not isinstance(value, dict | list):
        return
    yield id(value), at
    if len(at) < _DEEP:
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(child, (*at, key))


def _artifact_to_json(made: JsonObject, places: Mapping[int, _Place]) -> JsonObject:
    at = places.get(id(made.get("data", made)))
    if at is None:
        return made
    return {**{name: value for name, value in made.items() if name != "data"}, "isOutput": True, "at": at}


def _artifact_from_json(made: JsonObject, output: Any) -> JsonObject:
    if "isOutput" not in made:
        return made
    data = output
    for key in made.get("at", ()):  # the release before had only data that was all of the output
        data = data[key]
    return {**{name: value for name, value in made.items() if name not in {"isOutput", "at"}}, "data": data}


def outcome_from_json(data: bytes) -> DocumentOutcome:
    """What `outcome_to_json` wrote."""
    raw = orjson.loads(data)
    return DocumentOutcome(
        output=raw["output"],
        evidence=tuple(_evidence_from_json(evidence) for evidence in raw["evidence"]),
        warnings=tuple(raw["warnings"]),
        steps=tuple(
            StepFacts(
                step_id=step["stepId"],
                node_type=step["nodeType"],
                duration_ms=step["durationMs"],
                input_tokens=step.get("inputTokens", 0),  # the release before counted none
                output_tokens=step.get("outputTokens", 0),
            )
            for step in raw["steps"]
        ),
        artifacts={
            step_id: _artifact_from_json(made, raw["output"])
            for step_id, made in raw.get("artifacts", {}).items()  # the release before kept none
        },
    )


def _evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    box = evidence.box
    return {
        "path": evidence.path,
        "page": evidence.page,
        "box": {"x": box.x, "y": box.y, "w": box.w, "h": box.h},
        "words": evidence.words,
        "confidence": evidence.confidence,
        "source": evidence.source,
        "xpath": evidence.xpath,
        "grounded": evidence.grounded,
    }


def _evidence_from_json(raw: dict[str, Any]) -> Evidence:
    return Evidence(
        path=raw["path"],
        page=raw["page"],
        box=Box(**raw["box"]),
        words=tuple(raw["words"]),
        confidence=raw["confidence"],
        source=raw.get("source", "page"),  # the release before said none of these
        xpath=raw.get("xpath", ""),
        grounded=raw.get("grounded", True),
    )
