"""Asking a model as often as a consensus wants, until there is a verdict or none can be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from docmill.domain.consensus import Consensus
from docmill.domain.errors import DocmillError, ProviderAway, WorkFailed
from docmill.extract import Usage
from docmill.extract.consensus import Tie, Verdict, vote
from docmill.extract.llm import Answer, Chat, Question

__all__ = ["Poll", "poll"]

_VARIED = 0.7
"""Temperature where several answers are wanted: with none, all would be the same, right or wrong."""


@dataclass(slots=True)
class Poll:
    """What was asked and answered."""

    verdict: Verdict = field(default_factory=lambda: Verdict(None))
    answers: list[Any] = field(default_factory=list)
    """Usable ones of the last round."""
    usage: Usage = field(default_factory=Usage)
    problems: list[DocmillError] = field(default_factory=list)
    """Of runs without a usable answer."""


def poll(chat: Chat, question: Question, consensus: Consensus, read: Callable[[Answer], Any]) -> Poll:
    """The verdict of `consensus.runs` answers to `question`. `read` makes JSON of one, or raises `WorkFailed`.

    A single run whose answer is not usable is asked once more, as are those of a consensus with `retry_on_failure`. Raises
    `WorkFailed`, retryable where all that failed was the way to the model.
    """
    found, seed = Poll(), 0
    rounds = 1 + (consensus.max_retries if consensus.on_tie == "retry" and consensus.runs > 1 else 0)
    for last in (number == rounds - 1 for number in range(rounds)):
        found.answers = []
        seed = _round(chat, question, consensus, read, found, seed)
        try:
            found.verdict = vote(_enough(found, consensus), consensus)
        except Tie:
            if last:
                raise
        else:
            return found
    raise AssertionError  # the last round returns or raises


def _round(
    chat: Chat, question: Question, consensus: Consensus, read: Callable[[Answer], Any], found: Poll, seed: int
) -> int:
    """One answer for each run; the next free seed."""
    again = consensus.max_retries if consensus.retry_on_failure else 0
    for _ in range(1 + (max(again, 1) if consensus.runs == 1 else again)):
        missing = consensus.runs - len(found.answers)
        if not missing:
            break
        temperature = 0.0 if consensus.runs == 1 and seed == 0 else _VARIED
        asked = replace(question, seeds=tuple(range(seed, seed + missing)), temperature=temperature)
        seed += missing
        if not _take(chat(asked), read, found):
            break
    return seed


def _take(answers: Sequence[Answer | DocmillError], read: Callable[[Answer], Any], found: Poll) -> bool:
    """Whether it makes sense to ask again: not where there was no answer at all, as whoever calls has tried that."""
    unusable = False
    for answer in answers:
        if isinstance(answer, DocmillError):
            found.problems.append(answer)
            continue
        found.usage = found.usage.plus(answer.input_tokens, answer.output_tokens)
        try:
            found.answers.append(read(answer))
        except WorkFailed as problem:
            found.problems.append(problem)
            unusable = True
    return unusable


def _enough(found: Poll, consensus: Consensus) -> Sequence[Any]:
    """The answers, or what kept the runs from giving enough of them."""
    problems = found.problems
    if len(found.answers) < consensus.needed and problems:
        first = next((problem for problem in problems if not problem.retryable), problems[0])
        if not found.answers:
            raise first
        kind = ProviderAway if first.retryable else WorkFailed
        raise kind(
            first.reason,
            f"{len(found.answers)} of {consensus.runs} runs gave a usable answer, and '{consensus.strategy}' needs "
            f"{consensus.needed}: {first.message}",
        )
    return found.answers
