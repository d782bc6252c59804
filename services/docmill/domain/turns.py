"""Whose turn it is when several organizations have work that waits. `engine/turns.py` and `worker/slots.py` carry it out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

from docmill.domain.plan import WEIGHTS

FEW = 2
"""Jobs in hand up to which an organization's next one goes on the express lane: it never stands behind a flood."""

_KEPT = 10_000  # organizations whose latest turn is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Jobs of one dispatch weight and one organization that wait."""

    priority: int
    """As `docmill.domain.plan.weight` has it; lowest first."""
    org_id: str

    @property
    def calls_llm(self) -> bool:
        """Whether its jobs call a language model."""
        return self.priority >= WEIGHTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many more jobs may be published, by lane."""

    express: int
    normal: int


def room(window: int, held: Mapping[str, int]) -> Room:
    """What is left when each lane has a window of its own and `held` says who has how many jobs in hand.

    Nobody counts on both: who has more than a few counts on the normal lane. So however many flood, they do not shut the
    express lane; it is full only when as many organizations have their first few jobs done.
    """
    few = sum(count for count in held.values() if count <= FEW)
    return Room(express=window - few, normal=window - (sum(held.values()) - few))


def shares(seats: int, held: Mapping[str, int], order: Sequence[str], most: int | None = None) -> dict[str, int]:
    """How many of `seats` each organization of `order` gets: whoever has the fewest jobs in hand is next, each time.

    Among equals the order counts. Nobody gets to more than `most` in hand. In the order of their first seats.
    """
    heap = [(held.get(org_id, 0), rank, org_id) for rank, org_id in enumerate(order)]
    heapify(heap)
    given: dict[str, int] = {}
    while seats > 0 and heap and (most is None or heap[0][0] < most):
        count, rank, org_id = heap[0]
        given[org_id] = given.get(org_id, 0) + 1
        heapreplace(heap, (count + 1, rank, org_id))
        seats -= 1
    return given


class Turns:
    """Who was served last, in memory only: a restart goes by age once.

    The dispatch loop's is used by that loop alone: operations read it in the store's threads while the loop waits for them.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()
        self._count = 0

    def served(self, org_ids: Iterable[str]) -> None:
        """These had a turn, in this order."""
        for org_id in org_ids:
            self._count += 1
            self._last[org_id] = self._count
            self._last.move_to_end(org_id)
        while len(self._last) > _KEPT:
            self._last.popitem(last=False)

    def last(self, org_id: str) -> int:
        """Grows with the time of the latest turn; 0 when nobody remembers one."""
        return self._last.get(org_id, 0)
