"""Plans: the ones that come with docmill, and what an operator's file makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.errors import InvalidArgument
from docmill.domain.models import Mode
from docmill.domain.plans import Limits, Plans, parse_plans
from docmill.engine.plan_files import builtin_plans, load_plans

ROOT = Path(__file__).parents[2]
BASE = {"default": "small", "fallback": "small", "plans": {"small": {"requestsPerMinute": 10, "concurrentRuns": 2}}}


def bounds(limits: Limits) -> tuple[int | None, int | None]:
    """Calls a minute and runs at a time."""
    return limits.requests_per_minute, limits.concurrent_runs


def test_the_plans_that_come_with_docmill() -> None:
    """Their numbers are the documented ones; the largest plan has no bounds, also for the development key."""
    plans = builtin_plans()
    found = {id_: (bounds(plan.live), bounds(plan.test)) for id_, plan in plans.by_id.items()}
    assert found == {
        "doclo.test": ((60, 2), (60, 2)),
        "doclo.free": ((100, 5), (60, 2)),
        "doclo.pro": ((1000, 50), (60, 2)),
        "doclo.enterprise": ((None, None), (None, None)),
        "documentflow.free": ((10, 2), (10, 2)),
        "documentflow.starter": ((50, 10), (10, 2)),
        "documentflow.growth": ((200, 50), (10, 2)),
        "documentflow.enterprise": ((1000, None), (None, None)),
    }
    assert all(plan.price_percent == (100 if id_.startswith("doclo.") else 0) for id_, plan in plans.by_id.items())
    assert (plans.default, plans.fallback) == ("doclo.enterprise", "doclo.test")


def test_documents_and_batches_of_plans() -> None:
    """The documented numbers; where documents are counted, all of a month may wait, so that no batch is one too many."""
    plans = builtin_plans()
    found = {
        id_: (plan.documents_per_month if plan.counts_documents else 0, plan.files_per_batch)
        for id_, plan in plans.by_id.items()
    }
    assert found == {
        **{f"doclo.{name}": (0, 100) for name in ("test", "free", "pro", "enterprise")},
        "documentflow.free": (100, None),
        "documentflow.starter": (2000, 100),
        "documentflow.growth": (10_000, 100),
        "documentflow.enterprise": (None, 100),
    }
    assert {id_ for id_, plan in plans.by_id.items() if plan.counts_by_key} == {id_ for id_ in found if "flow" in id_}
    assert [plan.includes("batch") for plan in (plans.get("documentflow.free"), plans.get("doclo.pro"))] == [
        False,
        True,
    ]
    assert plans.get("documentflow.starter").includes("webhook")
    counted = [plan for plan in plans.by_id.values() if plan.documents_per_month is not None]
    assert all((plan.live.queue or 0) >= plan.documents_per_month for plan in counted)


def test_limits_are_those_of_the_keys_mode() -> None:
    """Live and test keys of an organization have limits of their own, and a queue of so many times the runs."""
    free = builtin_plans().get("doclo.free")
    assert free.limits(Mode.LIVE) == Limits(requests_per_minute=100, concurrent_runs=5, queue=100)
    assert free.limits(Mode.TEST) == Limits(requests_per_minute=60, concurrent_runs=2, queue=40)
    assert builtin_plans().get("doclo.enterprise").limits(Mode.LIVE).queue is None


def test_a_plan_that_is_gone_has_the_limits_of_the_fallback() -> None:
    """Whoever is on a plan that the operator took out is bounded, not free of bounds."""
    gone = builtin_plans().get("doclo.gone")
    assert (gone.id, bounds(gone.live)) == ("doclo.gone", (60, 2))


def test_an_operators_file_adds_and_changes(tmp_path: Path) -> None:
    """A new plan beside the others; single numbers of one that is there; null takes a bound away."""
    file = tmp_path / "plans.yaml"
    file.write_text("""
default: acme.small
plans:
  acme.small: {requestsPerMinute: 5, pricePerPage: 1.25, queueFactor: 3, concurrentRuns: 4, features: [webhooks]}
  doclo.pro: {requestsPerMinute: 3000, test: {concurrentRuns: null}}
  doclo.enterprise: {concurrentRuns: 100}
""")
    plans = load_plans(file)
    small = plans.get("acme.small")
    assert (bounds(small.live), bounds(small.test)) == ((5, 4), (None, None))
    assert (small.live.queue, small.price_percent, small.features) == (12, 125, ("webhooks",))
    pro = plans.get("doclo.pro")
    assert (bounds(pro.live), bounds(pro.test)) == ((3000, 50), (60, None))
    assert bounds(plans.get("doclo.enterprise").live) == (None, 100)
    assert (plans.default, plans.fallback) == ("acme.small", "doclo.test")
    assert builtin_plans().default == "doclo.enterprise"


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("[]", "plans file", "must be an object"),
        ("plan: {}", "plan", "no such key; there are default, fallback, plans"),
        ("default: acme", "default", "must name one of the plans: doclo.test"),
        ("plans: {acme: {requestsPerMinute: 0}}", "plans.acme.requestsPerMinute", "a whole number from 1"),
        ("plans: {acme: {requestsPerMinute: true}}", "plans.acme.requestsPerMinute", "a whole number from 1"),
        ("plans: {acme: {concurrentRuns: 1.5}}", "plans.acme.concurrentRuns", "a whole number from 1"),
        ("plans: {acme: {test: {requestsPerMinute: 1000001}}}", "plans.acme.test.requestsPerMinute", "to 1000000"),
        ("plans: {acme: {test: {features: []}}}", "plans.acme.test.features", "no such key"),
        ("plans: {acme: {test: 5}}", "plans.acme.test", "must be an object"),
        ("plans: {acme: {rpm: 5}}", "plans.acme.rpm", "no such key"),
        ("plans: {Acme!: {}}", "plans.Acme!", "an id has"),
        ("plans: {acme: {pricePerPage: 1.005}}", "plans.acme.pricePerPage", "more than two decimals"),
        ("plans: {acme: {pricePerPage: .nan}}", "plans.acme.pricePerPage", "a number from 0"),
        ("plans: {acme: {documentsPerMonth: many}}", "plans.acme.documentsPerMonth", "must be a whole number"),
        ("plans: {acme: {requestsCountedBy: me}}", "plans.acme.requestsCountedBy", "one of organization, key"),
        ("plans: {acme: {filesPerBatch: 0}}", "plans.acme.filesPerBatch", "must be a whole number"),
        ("plans: {acme: {features: webhooks}}", "plans.acme.features", "must be a list"),
        ("plans: {acme: {features: [5]}}", "plans.acme.features", "a name has"),
        ("plans: {acme: null}", "plans.acme", "must be an object"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, field: str, said: str, tmp_path: Path) -> None:
    """The error says which file, which field of it, and what it should be."""
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    with pytest.raises(InvalidArgument) as refused:
        load_plans(file)
    assert refused.value.details == {"file": str(file), "field": field}
    assert refused.value.message.startswith(f"{file}: {field}: ")
    assert said in refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped name does not leave docmill on the usual plans."""
    with pytest.raises(InvalidArgument, match="cannot be read") as refused:
        load_plans(tmp_path / "absent.yaml")
    assert refused.value.details == {"file": str(tmp_path / "absent.yaml")}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2_000_000) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
plans = st.fixed_dictionaries(
    {},
    optional={
        "requestsPerMinute": json_values,
        "concurrentRuns": json_values,
        "test": json_values | st.fixed_dictionaries({}, optional={"requestsPerMinute": json_values}),
        "queueFactor": json_values,
        "pricePerPage": json_values,
        "features": json_values,
        "else": json_values,
    },
)
files = json_values | st.fixed_dictionaries(
    {},
    optional={
        "default": st.just("small") | json_values,
        "plans": json_values | st.dictionaries(st.sampled_from(["small", "other", "Not One"]), plans, max_size=3),
    },
)


def outcome(document: Any) -> Plans | InvalidArgument:
    """What becomes of an operator's file."""
    try:
        return parse_plans(BASE, document)
    except InvalidArgument as error:
        return error


@given(files)
def test_any_file_is_plans_or_a_named_error(document: Any) -> None:
    """Whatever a file holds, it is taken with every bound a whole number above 0, or refused with its field."""
    found = outcome(document)
    if isinstance(found, InvalidArgument):
        assert "field" in found.details
        return
    for plan in found.by_id.values():
        for limits in (plan.live, plan.test):
            numbers = (limits.requests_per_minute, limits.concurrent_runs, limits.queue)
            assert all(number is None or number >= 1 for number in numbers)
        assert plan.price_percent >= 0
    assert {found.default, found.fallback} <= set(found.by_id)


def test_the_services_know_no_plan_by_name() -> None:
    """What plans there are is data: no line of the services' code has the name of one."""
    family = next(iter(builtin_plans().by_id)).partition(".")[0]
    code = [path for path in (ROOT / "services").rglob("*.py") if family in path.read_text("utf-8").lower()]
    assert code == []
