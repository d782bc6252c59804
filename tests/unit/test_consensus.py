"""Several answers to one question: what they say together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.consensus import Consensus, check_consensus, consensus_of
from docmill.domain.errors import InvalidArgument, WorkFailed
from docmill.extract.consensus import Tie, agreement, vote

SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), st.sampled_from(["a", "b", ""]))
NAMES = st.sampled_from(["x", "y", "a/b"])
OBJECTS = st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(NAMES, SCALARS)))
ANSWERS = st.lists(OBJECTS, min_size=1, max_size=9)


def majority(answers: list[Any], **options: Any) -> Any:
    """The verdict's value."""
    return vote(answers, Consensus(runs=len(answers), **options)).value


@given(OBJECTS, st.integers(1, 9), st.sampled_from(["majority", "unanimous"]), st.sampled_from(["object", "field"]))
def test_equal_answers_are_the_verdict(answer: Any, runs: int, strategy: str, level: str) -> None:
    """Whatever the strategy and the level; every run stands behind every value."""
    assert majority([answer] * runs, strategy=strategy, level=level) == answer
    assert set(agreement(answer, [answer] * runs).values()) <= {runs}


@given(ANSWERS, st.randoms())
def test_a_verdict_over_objects_is_the_answer_given_most(answers: list[Any], random: Any) -> None:
    """One of the answers, with no other given more often, whatever their order; the same draw each time."""
    verdict = majority(answers)
    most = max(_count(answer, answers) for answer in answers)
    assert _count(verdict, answers) == most
    shuffled = random.sample(answers, len(answers))
    assert _key(majority(shuffled)) == _key(verdict)


@given(ANSWERS, st.randoms())
def test_a_verdict_over_fields_has_no_field_of_its_own(answers: list[Any], random: Any) -> None:
    """Each field of it is in some answer, and none is there that most answers leave out; the order does not matter."""
    verdict = majority(answers, level="field")
    for name, value in verdict.items():
        given_ = [answer[name] for answer in answers if name in answer]
        assert 2 * len(given_) >= len(answers) or len({_key(answer.get(name)) for answer in answers}) > 2
        if not isinstance(value, dict):
            assert _key(value) in map(_key, given_)
    assert _key(majority(random.sample(answers, len(answers)), level="field")) == _key(verdict)


@given(ANSWERS)
def test_unanimous_means_all(answers: list[Any]) -> None:
    """Two different answers fail; over fields and over objects alike."""
    same = len({_key(answer) for answer in answers}) == 1
    for level in ("object", "field"):
        if same:
            assert majority(answers, strategy="unanimous", level=level) == answers[0]
        else:
            with pytest.raises(WorkFailed, match="do not agree"):
                majority(answers, strategy="unanimous", level=level)


def test_fields_are_taken_from_different_answers() -> None:
    """Where no whole answer is given twice."""
    answers = [{"n": 1, "v": {"c": "x", "d": 1}}, {"n": 1, "v": {"c": "y", "d": 1}}, {"n": 2, "v": {"c": "x", "d": 3}}]
    assert majority(answers, level="field") == {"n": 1, "v": {"c": "x", "d": 1}}
    assert agreement({"n": 1, "v": {"c": "x"}}, answers) == {"/n": 2, "/v/c": 2}


def test_one_number_is_one_number() -> None:
    """Models write `12` and `12.0`; keys come in any order."""
    assert majority([{"a": 12, "b": 1}, {"b": 1, "a": 12.0}, {"a": 3}]) == {"a": 12, "b": 1}


@pytest.mark.parametrize("on_tie", ["fail", "retry"])
@pytest.mark.parametrize("level", ["object", "field"])
def test_a_tie_is_told(on_tie: str, level: str) -> None:
    """`random` takes one and says where; the others leave it to the caller."""
    answers = [{"a": 1}, {"a": 2}]
    with pytest.raises(Tie):
        majority(answers, on_tie=on_tie, level=level)
    verdict = vote(answers, Consensus(runs=2, level=level))
    assert verdict.value in answers
    assert verdict.tied == (("",) if level == "object" else ("/a",))


@pytest.mark.parametrize(("runs", "strategy", "needed"), [(1, "majority", 1), (3, "majority", 2), (4, "majority", 2),
                                                          (5, "majority", 3), (3, "unanimous", 3)])  # fmt: skip
def test_too_few_usable_answers_fail(runs: int, strategy: str, needed: int) -> None:
    """All for unanimous, half (rounded up) for a majority."""
    consensus = Consensus(runs=runs, strategy=strategy)
    assert vote(["a"] * needed, consensus).value == "a"
    with pytest.raises(WorkFailed, match=f"{needed - 1} of {runs} runs"):
        vote(["a"] * (needed - 1), consensus)


@pytest.mark.parametrize("raw", [{}, {"runs": 0}, {"runs": 10}, {"runs": True}, {"runs": 3, "strategy": "weighted"},
                                 {"runs": 3, "onTie": "guess"}, {"runs": 3, "level": "word"},
                                 {"runs": 3, "parallel": 1}, {"runs": 3, "maxRetries": -1}, [], "3"])  # fmt: skip
def test_what_is_no_consensus_is_refused(raw: Any) -> None:
    """With the path of what is wrong."""
    with pytest.raises(InvalidArgument, match=r"^FIELD_INVALID: c"):
        check_consensus(raw, "c")


def test_a_step_without_a_consensus_asks_once() -> None:
    """And one with it as it says."""
    assert consensus_of({}) == Consensus(runs=1)
    config = {"consensus": check_consensus({"runs": 3, "onTie": "retry", "includeMetadata": True}, "c")}
    assert consensus_of(config) == Consensus(runs=3, on_tie="retry", include_metadata=True)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _count(answer: Any, answers: list[Any]) -> int:
    return [_key(other) for other in answers].count(_key(answer))
