"""Whatever a model answers becomes data of the schema with evidence, or a failure that says so; whatever pages say fits."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docmill.domain.errors import WorkFailed
from docmill.extract.llm import Answer, Question
from docmill.extract.llm.prompt import page_text
from docmill.extract.llm.provider import LlmProvider
from docmill.extract.llm.schema import without_required
from docmill.extract.locate import leaves_of
from docmill.extract.outcome import outcome_from_json, outcome_to_json
from docmill.extract.pipeline import run_document
from docmill.extract.validate import findings
from tests.unit.layouts import page_of

PAGES = [page_of("ACME Ltd", "Total:\t1.234,50 €", "Date:\t03/04/2024"), page_of("Lamp\t2\t5.00", "yes", number=2)]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["total"],
    "properties": {
        "total": {"type": "number", "minimum": 0},
        "count": {"type": "integer"},
        "date": {"type": "string", "format": "date"},
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "paid": {"type": "boolean"},
        "free": {"type": "object"},
        "more": {"type": "object", "additionalProperties": {"type": "string"}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}},
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
FLOW = {
    "version": "1.0.0",
    "steps": [{"type": "step", "id": "x", "nodeType": "extract", "config": {"providerRef": "llm", "schema": SCHEMA}}],
}

NAMES = st.sampled_from([*SCHEMA["properties"], "name", "price", "other", "a/b"])
TEXTS = st.sampled_from(["ACME Ltd", "1.234,50", "12.5", "03/04/2024", "4 May 2024", "", "A", "yes", "\ud800", "\x00"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), TEXTS, st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)
ANSWERS = st.one_of(VALUES.map(json.dumps), st.dictionaries(NAMES, VALUES, max_size=9).map(json.dumps), st.text())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS)
def test_any_answer_is_data_of_the_schema_or_a_failure(text: str) -> None:
    """With one piece of evidence for each value, in order; and it can be kept."""

    def chat(question: Question) -> list[Answer]:
        return [Answer(text=text) for _ in question.seeds]

    with suppress(WorkFailed):
        outcome = run_document(FLOW, PAGES, {}, {}, {"llm": LlmProvider(chat, "small", 10_000, 100)})
        assert findings(without_required(SCHEMA), outcome.output) == []
        assert [leaf.pointer for leaf in leaves_of(outcome.output)] == [each.path for each in outcome.evidence]
        assert all(bool(each.words) == (each.page > 0) for each in outcome.evidence)
        assert all(each.words for each in outcome.evidence if each.grounded)
        assert outcome_from_json(outcome_to_json(outcome)) == outcome


@given(st.lists(st.lists(st.text(alphabet="ab é\ud800\t", max_size=30), max_size=5), max_size=6), st.integers(1, 80))
def test_no_more_of_a_document_is_sent_than_allowed(lines: list[list[str]], budget: int) -> None:
    """Besides the lines that begin pages; and it can be sent at all."""
    pages = [page_of(*each, number=number) for number, each in enumerate(lines, start=1)]
    seen = page_text(pages, budget)
    text = "\n".join(line for line in seen.text.splitlines() if not line.startswith("=== page "))
    assert len(text) <= budget + len(pages)
    seen.text.encode()
    assert seen.warnings or seen == page_text(pages, 10**6)
