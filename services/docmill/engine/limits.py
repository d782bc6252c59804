"""How much an organization may have under way. Whoever puts the engine together says what each plan allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from docmill.domain.models import Mode
from docmill.domain.plans import Limits

_BELIEVED = timedelta(seconds=10)
_KEPT = 10_000


LimitsOf = Callable[[str, Mode], Limits]
"""Limits of a plan's id and a mode. It must be quick and neither block nor raise: operations on the record call it."""


def no_limits(plan_id: str, mode: Mode) -> Limits:  # noqa: ARG001 - as it is called
    """Every plan allows everything."""
    return Limits()


class PlanOf:
    """Which plan an organization is on, believed for some seconds: it decides only whether anybody can wait at all.

    Operations call it from the store's threads: each access is one dict operation.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, datetime]] = {}

    def get(self, org_id: str, now: datetime) -> str | None:
        """The plan's id; None when nobody looked lately."""
        plan_id, until = self._known.get(org_id, ("", now))
        return plan_id if now < until else None

    def put(self, org_id: str, plan_id: str, now: datetime) -> None:
        """The record says so."""
        if len(self._known) >= _KEPT:
            self._known = {}  # whoever still ends runs is looked up again
        self._known[org_id] = (plan_id, now + _BELIEVED)
