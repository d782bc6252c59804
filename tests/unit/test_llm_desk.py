"""What a worker lets its children ask a language model, and how it tells them the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from docmill.domain.errors import DocmillError, ProviderAway, Reason, WorkFailed
from docmill.extract.llm import Answer, Question
from docmill.extract.llm.client import ChatClient, LlmOptions
from docmill.worker.llm_desk import LlmDesk, answers_of, asked
from tests.fixtures.llm_server import Reply, llm_server, refuses, says

QUESTION = Question(
    system="rules", text="text", schema={"type": "object"}, model="small", max_tokens=9, seeds=(0, 1), temperature=0.7
)


async def confer(desk: LlmDesk, frame: dict[str, Any], seconds: float = 5) -> Sequence[Answer | DocmillError]:
    """What a child hears, after the way through both pipes."""
    heard = await desk.helper(seconds)(orjson.loads(orjson.dumps(frame)))
    return answers_of(orjson.loads(orjson.dumps(heard)))


async def test_a_child_hears_what_the_model_said() -> None:
    """Each answer or failure, and the worker counts."""

    def reply(body: dict[str, Any]) -> Reply:
        return says("{}", tokens=(7, 2)) if body["seed"] else refuses(401)

    with llm_server(by=reply) as server:
        async with ChatClient(LlmOptions(base_url=server.url, models=("small",))) as client:
            desk = LlmDesk(client)
            refused, answer = await confer(desk, asked(QUESTION))
    assert answer == Answer(text="{}", input_tokens=7, output_tokens=2)
    assert isinstance(refused, WorkFailed)
    assert (refused.reason, refused.retryable) == (Reason.PROVIDER_FAILED, False)
    assert desk.facts() == {"llm_calls": 2, "llm_failed": 1, "llm_input_tokens": 7, "llm_output_tokens": 2}


async def test_a_failure_that_may_pass_is_told_as_one() -> None:
    """So that the job is tried again."""

    class Away:
        async def ask(self, question: Question) -> Sequence[Answer | DocmillError]:
            return [ProviderAway(Reason.PROVIDER_FAILED, "away", {"status": "503"}) for _ in question.seeds]

    heard = await confer(LlmDesk(Away()), asked(QUESTION))
    assert [(each.retryable, each.details) for each in heard if isinstance(each, DocmillError)] == [
        (True, {"status": "503"})
    ] * 2


async def test_all_questions_about_a_document_have_one_time() -> None:
    """The second one gets what the first one left; a failure then that no further attempt would mend."""

    class Slow:
        async def ask(self, question: Question) -> Sequence[Answer | DocmillError]:
            await asyncio.Event().wait()
            return []

    help_ = LlmDesk(Slow()).helper(0.05)
    for _ in range(2):
        heard = answers_of(await help_(asked(QUESTION)))
        assert len(heard) == 2
        assert all(isinstance(each, WorkFailed) and not each.retryable for each in heard)
        assert "longer than 0.05 s" in str(heard[0])


WORD = QUESTION.to_json()


@pytest.mark.parametrize(
    "question",
    [None, {}, [], {**WORD, "seeds": []}, {**WORD, "seeds": list(range(10))}, {**WORD, "seeds": ["1"]},
     {**WORD, "max_tokens": 0}, {**WORD, "max_tokens": 10**6}, {**WORD, "temperature": 9.0}, {**WORD, "effort": "max"},
     {**WORD, "text": 7}, {**WORD, "schema": []}, {**WORD, "text": "x" * (5 * 1024 * 1024)}],
)  # fmt: skip
async def test_a_child_cannot_ask_for_more(question: Any) -> None:
    """It may be under a document's control: what is no question within bounds is not asked."""
    with llm_server(says("{}")) as server:
        async with ChatClient(LlmOptions(base_url=server.url, models=("small",))) as client:
            (heard,) = await confer(LlmDesk(client), {"ask": question})
    assert isinstance(heard, DocmillError)
    assert heard.reason is Reason.INTERNAL
    assert server.requests == []
