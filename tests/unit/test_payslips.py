"""Generated payslips in several layouts, through the flow of the batch surface."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat
from tests.data.payslips import LAYOUTS, generate_payslip
from tests.unit.layouts import page_of

(FLOW,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]


def shown(*pages: Any) -> dict[str, Any]:
    """The answer of the surface."""
    outcome = run_document(FLOW.definition, list(pages), {}, FLOW.output_schema)
    assert not outcome.warnings
    return flat(outcome.output, job_id="extr_0")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(4))
def test_all_that_is_on_it(layout: str, seed: int) -> None:
    """Both lists whole and in order, who earns it and where, and sums that agree."""
    payslip = generate_payslip(seed, layout)
    data = shown(payslip.page)
    assert (data["document_type"], data["document_category"]) == ("payslip", "hr")
    assert data["payslip"] == payslip.truth
    assert data["validation"] == {"math_valid": True, "errors": [], "warnings": []}
    assert "financial" not in data


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_net_pay_that_is_wrong(layout: str) -> None:
    """It is read as it stands, and breaks its rule and no other."""
    payslip = generate_payslip(1, layout, net_off=10)
    data = shown(payslip.page)
    assert data["payslip"]["net_pay"] == payslip.truth["net_pay"]
    assert [error.partition(":")[0] for error in data["validation"]["errors"]] == ["payslip_net"]


def test_evidence_is_where_each_entry_stands() -> None:
    """Every amount of the lists has its words."""
    page = generate_payslip(2).page
    outcome = run_document(FLOW.definition, [page], {}, FLOW.output_schema)
    words = {evidence.path: evidence.words for evidence in outcome.evidence}
    for index, entry in enumerate(outcome.output["sections"]["payslip"]["earnings"]):
        assert words[f"/sections/payslip/earnings/{index}/amount"] == (f"{entry['amount']:,.2f}",)
        assert " ".join(words[f"/sections/payslip/earnings/{index}/label"]) == entry["label"]


def test_lists_end_with_their_sums_and_pages() -> None:
    """What comes after is no entry; a list of one kind only is fine."""
    lines = ("Payslip", "Earnings\t\tAmount", "Basic\t\t100.00", "Gross Pay\t\t100.00", "Paid to account\t\t4711")
    block = shown(page_of(*lines), page_of("Days worked\t\t22.00", number=2))["payslip"]
    assert block["earnings"] == [{"label": "Basic", "amount": 100}]
    assert "deductions" not in block
