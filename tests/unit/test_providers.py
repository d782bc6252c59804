"""What a `providerRef` means."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.providers import calls_llm, model_of

MODELS = ("small", "openai/gpt-x", "a:b")


@pytest.mark.parametrize(
    ("reference", "model"),
    [("llm", "small"), ("local:small", "small"), ("openai:gpt-x", "openai/gpt-x"), ("xai:gpt-x", None), ("small", None),
     ("layout", None), ("", None), ("x:a:b", "a:b")],
)  # fmt: skip
def test_a_reference_names_a_model_of_the_installation(reference: str, model: str | None) -> None:
    """`llm` the first one, `vendor:model` one by its name, with the vendor or without."""
    assert model_of(reference, MODELS) == model
    assert model_of(reference, ()) is None


def step(provider: str, **more: Any) -> dict[str, Any]:
    """A step of a flow."""
    return {"type": "step", "nodeType": "extract", "config": {"providerRef": provider, **more}}


@pytest.mark.parametrize(
    ("steps", "calls"),
    [
        ([step("ocr"), step("layout")], False),
        ([step("ocr"), step("llm")], True),
        ([step("vendor:model")], True),
        ([{"type": "conditional", "config": {}, "branches": {"a": {"steps": [step("llm")]}}}], True),
        ([{"type": "forEach", "config": {}, "itemFlow": {"steps": [step("layout"), step("x:y")]}}], True),
        ([step("layout", schema={"properties": {"providerRef": {"const": "llm"}}, "providerRef": "llm"})], False),
    ],
)
def test_a_flow_calls_a_model_if_any_step_names_one(steps: list[Any], calls: bool) -> None:  # noqa: FBT001 - a parameter
    """However deep; what a schema says is no step."""
    assert calls_llm({"version": "1.0.0", "steps": steps}) is calls
