"""Jobs in fair order: within a priority, organizations with fewer jobs in hand go first, then who waited longest.

Every organization's first few jobs have a window and a lane of their own, whatever their priority: a flood, and be it
an urgent one, delays nobody else's single page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from docmill.domain.turns import FEW, Line, Turns, room, shares
from docmill.store import Op, claims
from docmill.store.claims import ClaimedJob

_BATCH = 500  # jobs of the normal lane in one claim
_TAKES = 32  # lines that one claim takes from; the next one follows at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """What a claim took."""

    seats: Sequence[Seat] = ()
    """In the order in which to publish them."""
    in_hand: int = 0
    """Jobs that are published and have not ended, these included; without those that call a language model."""
    more: bool = False
    """The claim ended because it had taken often or much enough for one: the next one may find more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A job that is to be published now."""

    job: ClaimedJob
    express: bool
    calls_llm: bool = False


def claim(turns: Turns, now: datetime, lease_until: datetime, window: int, llm_window: int | None = None) -> Op[Dealt]:
    """READY -> PUBLISHED for jobs that are due; `window` in hand on each lane.

    Jobs that call a language model have a lane and a window of their own: however long they wait, they delay no page.
    None for an installation that has no model (any more): then they go with the others, to be told so.
    """
    if window <= 0 and not llm_window:
        return Dealt()
    held = yield from claims.held()
    usual = held.usual if llm_window is not None else Counter(held.usual) + Counter(held.llm)
    left = room(window, usual)
    left_llm = (llm_window or 0) - sum(held.llm.values())
    if left.express <= 0 and left.normal <= 0 and left_llm <= 0:
        return Dealt(in_hand=sum(usual.values()))
    lines = sorted((yield from claims.lines(now)), key=lambda line: (line.priority, turns.last(line.org_id)))
    of_llm = [line for line in lines if line.calls_llm and llm_window is not None]
    deal = _Deal(dict(usual), [line for line in lines if line not in of_llm], now, lease_until)
    yield from deal.express(left.express)
    yield from deal.normal(min(left.normal, _BATCH))
    calls = _Deal(dict(held.llm), of_llm, now, lease_until)
    yield from calls.normal(min(left_llm, _BATCH))
    return Dealt(
        seats=[*deal.seats, *(replace(seat, calls_llm=True) for seat in calls.seats)],
        in_hand=sum(usual.values()) + len(deal.seats),
        more=deal.is_spent or calls.is_spent,
    )


class _Deal:
    """One claim under way: `lines` are in the order that counts among equals."""

    def __init__(self, held: dict[str, int], lines: Sequence[Line], now: datetime, lease_until: datetime) -> None:
        self._held = held
        self._lines = lines
        self._now, self._lease_until = now, lease_until
        self._takes = 0
        self._dry: set[Line] = set()
        self._express: list[ClaimedJob] = []
        self._normal: list[tuple[int, int, ClaimedJob]] = []

    @property
    def is_spent(self) -> bool:
        """Whether it could take no more, whatever there is."""
        return self._takes >= _TAKES or len(self._normal) >= _BATCH

    @property
    def seats(self) -> list[Seat]:
        """Express jobs first; of the others by priority, and as if organizations had taken turns one by one."""
        self._normal.sort(key=lambda taken: taken[:2])
        normal = [Seat(job=job, express=False) for _, _, job in self._normal]
        return [Seat(job=job, express=True) for job in self._express] + normal

    def express(self, seats: int) -> Op[None]:
        """The first few jobs of everybody, who has none in hand first."""
        by_org: dict[str, list[Line]] = {}
        for line in self._lines:
            by_org.setdefault(line.org_id, []).append(line)
        for org_id, share in shares(seats, self._held, tuple(by_org), most=FEW).items():
            for line in by_org[org_id]:
                taken = yield from self._take(line, share)
                self._express += taken
                share -= len(taken)  # noqa: PLW2901 - what is left of it

    def normal(self, seats: int) -> Op[None]:
        """The most urgent lines first; lines that are equally urgent so that what is in hand levels out."""
        for priority in dict.fromkeys(line.priority for line in self._lines):
            equals = [line for line in self._lines if line.priority == priority]
            while seats > 0 and (waiting := {line.org_id: line for line in equals if line not in self._dry}):
                for org_id, share in shares(seats, self._held, tuple(waiting)).items():
                    level = self._held.get(org_id, 0)
                    taken = yield from self._take(waiting[org_id], share)
                    self._normal += [(priority, level + number, job) for number, job in enumerate(taken)]
                    seats -= len(taken)

    def _take(self, line: Line, limit: int) -> Op[Sequence[ClaimedJob]]:
        """The line's next jobs; fewer than `limit` mean that it is dry, or that others' turn comes with the next claim."""
        taken: Sequence[ClaimedJob] = ()
        if limit > 0 and self._takes < _TAKES:
            self._takes += 1
            taken = yield from claims.take(line, self._now, self._lease_until, limit)
        if len(taken) < limit:
            self._dry.add(line)
        self._held[line.org_id] = self._held.get(line.org_id, 0) + len(taken)
        return taken
