"""The client of a language model's server, against a server over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import stamina
import structlog

from docmill.domain.errors import DocmillError, ProviderAway, Reason, WorkFailed
from docmill.extract.llm import Answer, Question
from docmill.extract.llm.client import ChatClient, LlmOptions
from docmill.extract.llm.schema import strict
from tests.fixtures.llm_server import GOOD_KEY, LlmServer, Reply, llm_server, refuses, says

KEY = "sk-very-secret-key-0123456789"
SCHEMA = strict({"type": "object", "properties": {"total": {"type": "number"}}})
QUESTION = Question(system="rules", text="document", schema=SCHEMA, model="small", max_tokens=50)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retries follow at once, as many as in use."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


async def ask(server: LlmServer, question: Question = QUESTION, times: int = 1, **options: Any) -> list[Any]:
    """What comes back, for each of some questions in a row."""
    made = LlmOptions(**{"base_url": server.url, "models": ("small",), "api_key": KEY, **options})
    async with ChatClient(made) as client:
        return [outcome for _ in range(times) for outcome in await client.ask(question)]


async def test_a_question_is_asked_strictly() -> None:
    """The schema binds the answer, the key goes along, tokens are counted."""
    with llm_server(says({"total": 12.5})) as server:
        (answer,) = await ask(server)
    assert answer == Answer(text='{"total": 12.5}', input_tokens=100, output_tokens=20)
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["response_format"]["type"] == "json_schema"
    assert request["response_format"]["json_schema"] == {"name": "document", "strict": True, "schema": SCHEMA}
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("small", 50, 0.0)
    assert [message["content"] for message in request["messages"]] == ["rules", "document"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("status", "words", "strictly"),
    [
        (400, "", 1),
        (422, "", 1),
        (501, "", 1),
        (500, "response_format: not 'text' or 'json_object'", 1),
        (500, "oops", 3),
    ],
)
async def test_a_server_that_refuses_a_schema_is_asked_for_an_object(status: int, words: str, strictly: int) -> None:
    """And is not asked again in the way that it refused. Some answer 500, which may mean anything else as well."""

    def reply(body: dict[str, Any]) -> Reply:
        is_strict = body.get("response_format", {}).get("type") == "json_schema"
        return refuses(status, words) if is_strict else says({"total": 1})

    with llm_server(by=reply) as server:
        answers = await ask(server, times=2)
    assert [answer.text for answer in answers] == ['{"total": 1}'] * 2
    forms = [request["response_format"]["type"] for request in server.requests]
    assert forms == ["json_schema"] * strictly + ["json_object"] * 2
    assert server.requests[-1]["response_format"]["schema"]["properties"] == SCHEMA["properties"]


async def test_a_server_may_know_no_way_but_text() -> None:
    """The rules carry the schema too, so a plain model can still answer."""

    def reply(body: dict[str, Any]) -> Reply:
        return refuses(400) if "response_format" in body else says({"total": 1})

    with llm_server(by=reply) as server:
        (answer,) = await ask(server)
    assert answer.text == '{"total": 1}'
    assert len(server.requests) == 4


async def test_parameters_that_a_server_does_not_take_are_left_out() -> None:
    """What it names in its refusal, and nothing else: the schema stays."""

    def reply(body: dict[str, Any]) -> Reply:
        if "max_tokens" in body:
            return refuses(400, "Unsupported parameter: use 'max_completion_tokens' instead")
        return refuses(400, "'temperature' does not support 0.0") if "temperature" in body else says({"total": 1})

    with llm_server(by=reply) as server:
        (answer,) = await ask(server)
    assert answer.text == '{"total": 1}'
    assert server.requests[-1]["max_completion_tokens"] == 50
    assert server.requests[-1]["response_format"]["type"] == "json_schema"


async def test_a_refusal_for_another_cause_changes_nothing() -> None:
    """A document that is too long for the model: the next one is asked as strictly as before."""
    with llm_server(*[refuses(400, "context length exceeded")] * 4, says({"total": 1})) as server:
        first, second = await ask(server, times=2)
    assert isinstance(first, WorkFailed)
    assert not first.retryable
    assert "too long" in first.message
    assert isinstance(second, Answer)
    assert server.requests[-1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_two_retries_follow_where_they_may_help(status: int) -> None:
    """The third attempt is the last one."""
    with llm_server(refuses(status), refuses(status), says({"total": 1})) as server:
        assert isinstance((await ask(server))[0], Answer)
    with llm_server(says({}), refuses(status)) as server:
        _, failed = await ask(server, times=2)
    assert len(server.requests) == 4
    assert isinstance(failed, ProviderAway)
    assert failed.retryable
    assert failed.details == {"status": str(status)}


@pytest.mark.parametrize(("status", "word"), [(401, "LLM_API_KEY"), (403, "LLM_API_KEY"), (404, "LLM_BASE_URL"),
                                              (307, "redirect")])  # fmt: skip
async def test_other_refusals_are_final(status: int, word: str) -> None:
    """One attempt; the message says which setting is wrong, not what the server said."""
    with llm_server(refuses(status, f"bad key {KEY}", Location="http://127.0.0.1:9/v1")) as server:
        (failed,) = await ask(server)
    assert len(server.requests) == 1
    assert isinstance(failed, WorkFailed)
    assert not failed.retryable
    assert word in failed.message


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("7", 7.0), ("900", 30.0), ("soon", True), ("", True)])
async def test_a_server_says_how_long_to_wait(value: str, seconds: float) -> None:
    """At most 30 seconds; what is no time is no advice."""
    waits: list[float] = []

    def remember(details: stamina.instrumentation.RetryDetails) -> None:
        waits.append(details.wait_for)

    stamina.instrumentation.set_on_retry_hooks([remember])
    try:
        with llm_server(refuses(429, Retry_After=value), says({"total": 1})) as server, stamina.set_testing(False):
            client = ChatClient(LlmOptions(base_url=server.url, models=("small",), api_key=KEY))
            task = asyncio.create_task(client.ask(QUESTION))
            while not waits:
                await asyncio.wait({task}, timeout=0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.__aexit__()
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    if seconds is True:
        assert 1.0 <= waits[0] <= 1.5
    else:
        assert waits[0] == seconds


async def test_a_date_says_how_long_to_wait_too() -> None:
    """RFC 9110 allows both."""
    from email.utils import formatdate

    import httpx2

    from docmill.extract.llm.client import _retry_after

    later = httpx2.Response(429, headers={"Retry-After": formatdate(time.time() + 20, usegmt=True)})
    assert 15 < (_retry_after(later) or 0) <= 20


async def test_no_answer_in_time_is_a_failure() -> None:
    """After all attempts; the server sees that the client has gone."""
    with llm_server(Reply(hangs=True)) as server:
        (failed,) = await ask(server, timeout=0.05)
        assert server.hung_up.wait(10)
    assert isinstance(failed, ProviderAway)
    assert "within 0.05 s" in failed.message
    assert len(server.requests) == 3


async def test_a_cancelled_question_ends_the_call() -> None:
    """At once: the connection is closed."""
    with llm_server(Reply(hangs=True)) as server:
        task = asyncio.create_task(ask(server))
        while not server.asked.is_set():
            await asyncio.wait({task}, timeout=0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert server.hung_up.wait(10)
    assert task.cancelled()


async def test_a_server_that_is_not_there_is_away() -> None:
    """Nobody listens; another attempt of the job may help."""
    with llm_server(says({})) as server:
        pass
    (failed,) = await ask(server)
    assert isinstance(failed, ProviderAway)
    assert "cannot be reached" in failed.message


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    """A bound in bytes; it is not tried again."""
    with llm_server(says("x" * 100_000)) as server:
        (failed,) = await ask(server, max_answer=10_000)
    assert isinstance(failed, WorkFailed)
    assert "longer than 10000 bytes" in failed.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 1}]}',
                                  b'{"choices": [{"message": {"content": null, "refusal": "no"}}]}',
                                  b'{"choices": [{"message": {"content": ""}}], "usage": "x"}', b"[" * 100_000])  # fmt: skip
async def test_what_is_no_completion_is_a_failure(body: bytes) -> None:
    """Whatever else answers under that URL."""
    with llm_server(Reply(body=body)) as server:
        (failed,) = await ask(server)
    assert isinstance(failed, WorkFailed)


async def test_several_answers_come_at_once() -> None:
    """One for each seed, in their order; one that fails costs the others nothing."""

    def reply(body: dict[str, Any]) -> Reply:
        return refuses(401) if body["seed"] == 1 else says({"total": body["seed"]})

    with llm_server(by=reply) as server:
        outcomes = await ask(server, replace(QUESTION, seeds=(0, 1, 2)))
        alone = await ask(server, replace(QUESTION, seeds=(0, 1, 2), parallel=False))
    for zero, one, two in (outcomes, alone):
        assert (zero.text, two.text) == ('{"total": 0}', '{"total": 2}')
        assert isinstance(one, WorkFailed)


async def test_only_the_models_of_the_installation_are_asked() -> None:
    """Whatever a child asks for."""
    with llm_server(says({})) as server:
        (failed,) = await ask(server, replace(QUESTION, model="dearest"))
    assert isinstance(failed, WorkFailed)
    assert server.requests == []


async def test_a_server_can_be_looked_at() -> None:
    """For `docmill doctor`: whether it is there, and takes the key."""
    with llm_server(says({})) as server:
        async with ChatClient(LlmOptions(base_url=server.url, models=("small",), api_key=GOOD_KEY)) as client:
            assert await client.look() == "it answers"
        async with ChatClient(LlmOptions(base_url=server.url, models=("small",), api_key=KEY)) as client:
            with pytest.raises(WorkFailed, match="does not accept the key"):
                await client.look()
    async with ChatClient(LlmOptions(base_url=server.url, models=("small",))) as client:
        with pytest.raises(ProviderAway, match="cannot be reached"):
            await client.look()


async def test_the_key_is_in_no_message_and_no_log() -> None:
    """Also where the server repeats it."""
    spoken: list[str] = []
    with structlog.testing.capture_logs() as lines:
        for status in (400, 401, 429, 500, 418):
            with llm_server(refuses(status, f"key {KEY} is wrong", WWW_Authenticate=KEY)) as server:
                (failed,) = await ask(server)
                assert isinstance(failed, DocmillError)
                assert failed.reason is Reason.PROVIDER_FAILED
                spoken += [str(failed), repr(failed.details)]
    assert any("***" in str(line) for line in lines)
    assert KEY not in str(lines) + str(spoken)
    assert KEY not in repr(LlmOptions(base_url="", models=(), api_key=KEY))
