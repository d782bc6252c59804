"""Where a worker's children ask a language model: the worker calls it for them, so that they need neither key nor network.

A child has opened untrusted bytes. It may word a question, within bounds; which server, which key and how often is not for
it to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog

from docmill.domain.errors import DocmillError, Reason, WorkFailed
from docmill.extract.llm import Answer, Question
from docmill.worker import faults
from docmill.worker.process import ASKS, Helper

__all__ = ["LlmDesk", "answers_of", "asked"]

log = structlog.stdlib.get_logger("docmill.worker")

_MOST_SEEDS = 9  # as many as a consensus has runs
_MOST_TOKENS = 128_000
_LONGEST_QUESTION = 4 * 1024 * 1024  # bytes of its JSON
_EFFORTS = frozenset({"", "low", "medium", "high"})


class Model(Protocol):
    """A language model: `docmill.extract.llm.client.ChatClient`."""

    async def ask(self, question: Question) -> Sequence[Answer | DocmillError]:
        """An answer, or why there is none, for each seed of the question."""


@dataclass(slots=True)
class LlmDesk:
    """Asks `model` for children, and counts."""

    model: Model
    calls: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def helper(self, seconds: float) -> Helper:
        """For one document, all of whose questions together take at most so many seconds."""
        deadline = 0.0

        async def help_(header: Mapping[str, Any]) -> Mapping[str, Any]:
            nonlocal deadline
            now = asyncio.get_running_loop().time()
            deadline = deadline or now + seconds
            question = _question(header.get(ASKS))
            if question is None:
                log.warning("a child asks for something else than an answer", event_key="child.unbelievable")
                return {"answers": [{"error": faults.to_json(faults.internal())}]}
            try:
                async with asyncio.timeout_at(deadline):
                    answers = await self.model.ask(question)
            except TimeoutError:
                late = WorkFailed(
                    Reason.PROVIDER_FAILED, f"The language model took longer than {seconds:g} s for this document"
                )
                answers = [late] * len(question.seeds)
            self._count(answers)
            return {"answers": [_to_json(answer) for answer in answers]}

        return help_

    def facts(self) -> dict[str, int]:
        """For the log."""
        return {
            "llm_calls": self.calls,
            "llm_failed": self.failed,
            "llm_input_tokens": self.input_tokens,
            "llm_output_tokens": self.output_tokens,
        }

    def _count(self, answers: Sequence[Answer | DocmillError]) -> None:
        for answer in answers:
            self.calls += 1
            if isinstance(answer, DocmillError):
                self.failed += 1
            else:
                self.input_tokens += answer.input_tokens
                self.output_tokens += answer.output_tokens


def asked(question: Question) -> dict[str, Any]:
    """The frame in which a child asks."""
    return {ASKS: question.to_json()}


def answers_of(header: Mapping[str, Any]) -> Sequence[Answer | DocmillError]:
    """What the worker answered, for its child."""
    return [faults.from_json(each["error"]) if "error" in each else Answer(**each) for each in header["answers"]]


def _to_json(answer: Answer | DocmillError) -> dict[str, Any]:
    if isinstance(answer, DocmillError):
        return {"error": faults.to_json(answer)}
    return {
        "text": answer.text,
        "cut": answer.cut,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
    }


def _question(raw: object) -> Question | None:
    """The question of a child, if it is one and within its bounds."""
    match raw:
        case {
            "system": str(system), "text": str(text), "schema": dict(schema), "model": str(model),
            "max_tokens": int(max_tokens), "seeds": list(seeds), "temperature": float(temperature),
            "effort": str(effort), "parallel": bool(parallel),
        } if (
            0 < max_tokens <= _MOST_TOKENS and 0 < len(seeds) <= _MOST_SEEDS and 0 <= temperature <= 1
            and effort in _EFFORTS and all(type(seed) is int for seed in seeds)
            and len(orjson.dumps(raw)) <= _LONGEST_QUESTION
        ):  # fmt: skip
            return Question(
                system=system, text=text, schema=schema, model=model, max_tokens=max_tokens, seeds=tuple(seeds),
                temperature=temperature, effort=effort, parallel=parallel,
            )  # fmt: skip
        case _:
            return None
