"""What organizations may do: plans as data, from the file that comes with docmill and the operator's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from docmill.domain.errors import Reason
from docmill.domain.models import Mode
from docmill.domain.schemas import invalid

MAX_REQUESTS_PER_MINUTE = 1_000_000
"""What "no bound" looks like to a program that wants a number."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_PLANS, _MAX_FEATURES = 1000, 100
_MAX_RUNS, _MAX_FACTOR, _MAX_PRICE = 100_000, 10_000, 10_000
_MAX_FILES, _MAX_DOCUMENTS = 1000, 1_000_000_000
_QUEUE_FACTOR = 20
_FILE = frozenset({"default", "fallback", "plans"})
_LIMITS = frozenset({"requestsPerMinute", "concurrentRuns"})
_PLAN = _LIMITS | {
    *("test", "queueFactor", "pricePerPage", "features", "filesPerBatch", "documentsPerMonth", "requestsCountedBy")
}
_COUNTED_BY = ("organization", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of something an organization may do in one mode; None: without bound."""

    requests_per_minute: int | None = None
    """Calls in a window of one minute."""
    concurrent_runs: int | None = None
    """Runs at work at the same time; further ones wait."""
    queue: int | None = None
    """Runs that may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an organization may do."""

    id: str
    live: Limits
    test: Limits
    price_percent: int = 100
    """Credits of a page, in percent of what its flow says."""
    features: Sequence[str] = ()
    """What it includes beyond reading documents."""
    files_per_batch: int | None = None
    """Files in one batch; None: it has no batches."""
    counts_documents: bool = False
    """Whether the documents read in live mode in a month (UTC) are counted."""
    documents_per_month: int | None = None
    """How many there may be; None: without bound."""
    counts_by_key: bool = False
    """Whether each key has calls of its own; else the keys of an organization share them."""

    def limits(self, mode: Mode) -> Limits:
        """The limits for keys of this mode."""
        return self.live if mode is Mode.LIVE else self.test

    def includes(self, feature: str) -> bool:
        """Whether it includes something; `batch` is a matter of numbers."""
        return self.files_per_batch is not None if feature == "batch" else feature in self.features


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """All plans of an installation."""

    by_id: Mapping[str, Plan]
    default: str
    """Id of the plan of the organization that a fresh installation has."""
    fallback: str
    """Id of the plan that holds for an organization whose own is not defined any more."""

    def get(self, plan_id: str) -> Plan:
        """The plan, or the fallback under this id: an operator may have taken out a plan that somebody is on."""
        return self.by_id.get(plan_id) or replace(self.by_id[self.fallback], id=plan_id)

    def limits(self, plan_id: str, mode: Mode) -> Limits:
        """The limits of the plan for keys of this mode."""
        return self.get(plan_id).limits(mode)


def parse_plans(*documents: Any) -> Plans:
    """The plans of plan files; each file adds to those before it, or changes single keys of their plans.

    The keys are those of the file that comes with docmill. `InvalidArgument` with `details.field` for the first thing
    that is wrong.
    """
    merged: dict[str, Any] = {}
    plans: dict[str, dict[str, Any]] = {}
    for document in documents:
        _check_keys(_mapping(document, "plans file"), _FILE, "")
        for plan_id, given in _mapping(document.get("plans", {}), "plans").items():
            path = f"plans.{plan_id}"
            _check_keys(_mapping(given, path), _PLAN, f"{path}.")
            known = plans.get(plan_id, {})
            test = {**known.get("test", {}), **_mapping(given.get("test", {}), f"{path}.test")}
            plans[plan_id] = {**known, **given, "test": test}
        merged |= document
    if len(plans) > _MAX_PLANS:
        raise invalid("plans", f"there are more than {_MAX_PLANS}")
    by_id = {plan_id: _plan(plan_id, given, f"plans.{plan_id}") for plan_id, given in plans.items()}
    return Plans(by_id=by_id, default=_known(merged, "default", by_id), fallback=_known(merged, "fallback", by_id))


def _plan(plan_id: Any, given: Mapping[str, Any], path: str) -> Plan:
    if not isinstance(plan_id, str) or not _NAME.fullmatch(plan_id):
        raise invalid(path, "an id has 1 to 64 lower-case letters, digits, '.', '-' or '_'")
    _check_keys(given["test"], _LIMITS, f"{path}.test.")
    factor = _number(given, "queueFactor", path, _MAX_FACTOR)
    factor = _QUEUE_FACTOR if factor is None else factor
    return Plan(
        id=plan_id,
        live=_limits(given, path, factor),
        test=_limits(given["test"], f"{path}.test", factor),
        price_percent=_percent(given.get("pricePerPage", 1), f"{path}.pricePerPage"),
        features=_features(given.get("features", ()), f"{path}.features"),
        files_per_batch=_number(given, "filesPerBatch", path, _MAX_FILES),
        counts_documents=given.get("documentsPerMonth") is not None,
        documents_per_month=_documents(given, path),
        counts_by_key=_counted_by(given, path) == "key",
    )


def _limits(given: Mapping[str, Any], path: str, factor: int) -> Limits:
    concurrent = _number(given, "concurrentRuns", path, _MAX_RUNS)
    return Limits(
        requests_per_minute=_number(given, "requestsPerMinute", path, MAX_REQUESTS_PER_MINUTE),
        concurrent_runs=concurrent,
        queue=None if concurrent is None else factor * concurrent,
    )


def _number(given: Mapping[str, Any], key: str, path: str, most: int) -> int | None:
    value = given.get(key)
    if value is None:  # absent, or null in a file that takes a bound away
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise invalid(f"{path}.{key}", f"must be a whole number from 1 to {most}, or absent")
    return value


def _documents(given: Mapping[str, Any], path: str) -> int | None:
    if given.get("documentsPerMonth") == "unbounded":
        return None
    return _number(given, "documentsPerMonth", path, _MAX_DOCUMENTS)


def _counted_by(given: Mapping[str, Any], path: str) -> str:
    value = given.get("requestsCountedBy", _COUNTED_BY[0])
    if value not in _COUNTED_BY:
        raise invalid(f"{path}.requestsCountedBy", f"must be one of {', '.join(_COUNTED_BY)}")
    return str(value)


def _percent(value: Any, path: str) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MAX_PRICE:
        raise invalid(path, f"must be a number from 0 to {_MAX_PRICE}")
    percent = Decimal(str(value)) * 100  # as written: 1.1 is 110 %
    if percent % 1:
        raise invalid(path, "has more than two decimals")
    return int(percent)


def _features(value: Any, path: str) -> Sequence[str]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > _MAX_FEATURES:
        raise invalid(path, f"must be a list of at most {_MAX_FEATURES} names")
    for feature in value:
        if not isinstance(feature, str) or not _NAME.fullmatch(feature):
            raise invalid(path, "a name has 1 to 64 lower-case letters, digits, '.', '-' or '_'")
    return tuple(value)


def _known(document: Mapping[str, Any], key: str, by_id: Mapping[str, Plan]) -> str:
    value = document.get(key)
    if not isinstance(value, str) or value not in by_id:
        reason = Reason.FIELD_INVALID if value else Reason.FIELD_MISSING
        raise invalid(key, f"must name one of the plans: {', '.join(by_id)}", reason=reason)
    return value


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid(path, "must be an object")
    return value


def _check_keys(document: Mapping[Any, Any], known: frozenset[str], path: str) -> None:
    unknown = sorted(str(key) for key in document if key not in known)
    if unknown:
        raise invalid(f"{path}{unknown[0]}", f"no such key; there are {', '.join(sorted(known))}")
