"""What runs cost, from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.credits import Account, TransferKind, cost, price_per_page
from docmill.domain.models import FlowLimits, FlowVersion, Mode, Priority, Run
from docmill.domain.states import RunState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = Run(
    id="run_1",
    org_id="org_1",
    mode=Mode.LIVE,
    flow_id="f",
    flow_version="1.0.0",
    document_id="doc_1",
    state=RunState.SUCCEEDED,
    priority=Priority.STANDARD,
    created_at=NOW,
)


def flow(credits_: int) -> FlowVersion:
    """A flow at a price."""
    return FlowVersion(
        flow_id="f",
        org_id="",
        version="1.0.0",
        name="F",
        description="",
        hidden=False,
        input_schema={},
        output_schema={},
        limits=FlowLimits(
            supported_formats=("application/pdf",),
            max_pages=1,
            max_file_size_mb=1,
            estimated_credits_per_page=credits_,
        ),
        definition={},
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("credits_", "percent", "price"),
    [(2, 100, 2), (0, 100, 0), (3, 50, 2), (1, 1, 1), (2, 150, 3), (1, 150, 2), (30, 10, 3), (5, 0, 0)],
)
def test_the_price_of_a_page_is_in_whole_credits(credits_: int, percent: int, price: int) -> None:
    """Rounded up, exactly; and nothing in test mode."""
    assert price_per_page(flow(credits_), Mode.LIVE, percent) == price
    assert price_per_page(flow(credits_), Mode.TEST, percent) == 0


@given(price=st.integers(0, 1000), total=st.integers(1, 10_000), data=st.data())
def test_a_run_pays_for_the_pages_that_were_read(price: int, total: int, data: st.DataObject) -> None:
    """At the price it was accepted at, never more than is held; nothing when it failed."""
    done = data.draw(st.integers(0, total))
    run = replace(RUN, pages_total=total, pages_done=done, credits_reserved=price * total)
    assert cost(run) == price * done <= run.credits_reserved
    assert cost(replace(run, state=RunState.CANCELLED)) == price * done
    assert cost(replace(run, state=RunState.FAILED)) == 0


def test_a_run_without_a_plan_costs_nothing() -> None:
    """It was cancelled before its pages were known."""
    assert cost(replace(RUN, state=RunState.CANCELLED, credits_reserved=2)) == 0


def test_credits_change_hands_in_whole_circles() -> None:
    """Every transfer has two different sides, and only what was granted comes from nowhere."""
    for kind in TransferKind:
        assert kind.source is not kind.target
    assert {kind for kind in TransferKind if kind.source is Account.GRANTED} == {TransferKind.GRANTED}
    assert not [kind for kind in TransferKind if kind.source is Account.USED]  # used is used
