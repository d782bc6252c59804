"""Whose turn it is: shares of organizations, windows of lanes, and who was served last."""

from __future__ import annotations

import pytest

from docmill.domain.turns import FEW, Room, Turns, room, shares


@pytest.mark.parametrize(
    ("seats", "held", "given"),
    [
        (5, {"a": 100, "b": 0}, {"b": 5}),
        (4, {"a": 3, "b": 1}, {"b": 3, "a": 1}),
        (5, {}, {"a": 3, "b": 2}),
        (1, {"b": 0, "a": 1}, {"b": 1}),
        (0, {}, {}),
        (-3, {}, {}),
    ],
)
def test_seats_go_to_who_has_the_fewest(seats: int, held: dict[str, int], given: dict[str, int]) -> None:
    """What organizations have in hand levels out; the order decides among equals."""
    assert shares(seats, held, ["a", "b"]) == given


def test_nobody_gets_beyond_the_most() -> None:
    """With a bound, seats stay empty rather than to give somebody more."""
    assert shares(10, {"a": 1, "c": 7}, ["a", "b", "c"], most=2) == {"b": 2, "a": 1}


def test_nobody_waits_for_seats_that_nobody_wants() -> None:
    """Without organizations there is nothing to give."""
    assert shares(10, {}, []) == {}


def test_each_lane_has_a_window_of_its_own() -> None:
    """Floods fill the normal lane, and be they many; who has a few jobs in hand counts on the express lane."""
    assert room(7, {}) == Room(express=7, normal=7)
    assert room(7, {"flood": 7}) == Room(express=7, normal=0)
    assert room(7, {"flood": 5, "one": 1, "two": FEW}) == Room(express=7 - 1 - FEW, normal=2)
    assert room(7, {f"flood {number}": FEW + 1 for number in range(9)}).express == 7


def test_who_was_served_last_is_last() -> None:
    """A turn makes an organization younger than all others; one that never had one is the oldest."""
    turns = Turns()
    turns.served(["a", "b", "a"])
    assert sorted(["a", "b", "new"], key=turns.last) == ["new", "b", "a"]


def test_turns_are_forgotten_in_the_end() -> None:
    """However many organizations come by, memory stays bounded, and the latest are remembered."""
    turns = Turns()
    turns.served(f"org_{number}" for number in range(20_000))
    assert turns.last("org_0") == 0
    assert turns.last("org_19999") == 20_000
