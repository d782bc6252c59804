"""The kinds of a split step and those of the step that sorts its documents."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.errors import InvalidArgument
from docmill.domain.flow_specs import parse_flow

TEXT = {"steps": [{"id": "read", "nodeType": "parse"}]}


def publish(split: list[str], known: list[str], branches: list[str], **config: Any) -> None:
    """Check a flow for stacks of these kinds as it is checked when it is published."""
    sorter = {
        "type": "conditional",
        "id": "kind",
        "config": {"categories": known},
        "branches": dict.fromkeys(branches, TEXT),
    }
    item_flow = {"steps": [{"id": "read", "nodeType": "parse"}, sorter]}
    each = {"type": "forEach", "id": "each", "config": {"categories": split, **config}, "itemFlow": item_flow}
    parse_flow({"id": "stacks", "version": "1.0.0", "definition": {"steps": [each]}})


@pytest.mark.parametrize(
    ("split", "known", "says"),
    [
        (["invoice", "receipt"], ["invoice", "other"], "'receipt' is missing"),
        (["invoice", "letter"], ["invoice", "leter"], "'letter' is missing.*did you mean 'leter'"),
        (["invoices"], ["invoice", "receipt"], "'invoices' is missing.*did you mean 'invoice'"),
        (["Invoice"], ["invoice"], "'Invoice' is missing"),
    ],
)
def test_a_kind_that_the_sorting_step_does_not_know_is_refused(split: list[str], known: list[str], says: str) -> None:
    """Its documents would be taken for something else."""
    with pytest.raises(InvalidArgument, match=says) as refused:
        publish(split, known, known)
    assert refused.value.details["field"] == "definition.steps.0.itemFlow.steps.1.config.categories"


def test_a_branch_to_which_no_document_comes_is_refused() -> None:
    """The split step gives all that the conditional knows, and never this."""
    with pytest.raises(InvalidArgument, match="gives only 'invoice', 'other'") as refused:
        publish(["invoice"], ["invoice", "letter", "other"], ["invoice", "letter", "default"])
    assert refused.value.details["field"] == "definition.steps.0.itemFlow.steps.1.branches.letter"
    with pytest.raises(InvalidArgument, match="gives only 'invoice'"):
        publish(["invoice"], ["invoice", "other"], ["invoice", "other"], includeOther=False)


@pytest.mark.parametrize(
    ("split", "known", "branches"),
    [
        (["invoice", "receipt"], ["invoice", "receipt", "other"], ["invoice", "default"]),
        (["paper"], ["invoice", "letter"], ["invoice", "letter"]),  # looks closer
        (["report"], ["lab report", "annual report"], ["default"]),
        (["invoice"], ["invoice", "letter"], ["invoice", "letter"]),  # tells `other` apart by itself
    ],
)
def test_what_may_be_meant_is_taken(split: list[str], known: list[str], branches: list[str]) -> None:
    """The same kinds, or kinds within kinds."""
    publish(split, known, branches)
