"""Calls a language model's server: with a deadline, a bound on what it may answer, and again where that may help.

Nothing of a server's own words reaches a user: they go to the log, with the key masked. The key is sent to the configured
server and nowhere else: redirects are not followed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

import httpx2
import stamina
import structlog

from docmill.domain.errors import DocmillError, ProviderAway, Reason, WorkFailed
from docmill.extract.llm.options import LlmOptions
from docmill.extract.llm.wire import Dialect, answer_of, body_of

if TYPE_CHECKING:
    from docmill.extract.llm import Answer, Question

__all__ = ["ChatClient", "LlmOptions"]

log = structlog.stdlib.get_logger("docmill.llm")

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_REFUSED = frozenset({400, 415, 422, 501})
"""What servers answer to a parameter that they do not know; 500 too, as llama-cpp-python does."""
_KEY_REFUSED = frozenset({401, 403})
_ATTEMPTS, _FIRST_WAIT, _LONGEST_WAIT, _JITTER = 3, 1.0, 30.0, 0.5  # contract, 8.5: two retries, doubling
_CONNECT = 10.0  # seconds
_LONGEST_ERROR, _LOGGED = 64 * 1024, 500


class _Refused(Exception):
    """The server answered something else than a completion."""

    def __init__(self, status: int, said: str, retry_after: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.said = said
        self.retry_after = retry_after


class ChatClient:
    """One server, over one pool of connections. Use as a context manager."""

    def __init__(self, options: LlmOptions) -> None:
        self._options = options
        self._url = f"{options.base_url.rstrip('/')}/chat/completions"
        self._dialects: dict[str, Dialect] = {}
        self._proven: set[str] = set()
        self._turns = asyncio.Semaphore(options.parallel)
        key = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        self._http = httpx2.AsyncClient(
            headers={"User-Agent": "docmill", "Accept": "application/json", **key},
            timeout=httpx2.Timeout(options.timeout, connect=_CONNECT),
            follow_redirects=False,
        )

    @property
    def models(self) -> Sequence[str]:
        """Those that may be asked."""
        return self._options.models

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def look(self) -> str:
        """Whether the server answers and takes the key, in words. Raises `WorkFailed` if not; asks no model anything."""
        url = f"{self._options.base_url.rstrip('/')}/models"
        try:
            response = await self._http.get(url, timeout=_CONNECT)
        except httpx2.HTTPError as error:
            raise _Away(f"it cannot be reached ({type(error).__name__})") from None
        if response.status_code in _KEY_REFUSED:
            raise self._told(_Refused(response.status_code, "", None))
        return (
            "it answers"
            if response.status_code == 200
            else f"it answers, but lists no models (HTTP {response.status_code})"
        )

    async def ask(self, question: Question) -> Sequence[Answer | DocmillError]:
        """An answer, or why there is none, for each seed of the question."""
        if question.model not in self._options.models:
            return [WorkFailed(Reason.PROVIDER_FAILED, f"There is no language model '{question.model}' here")]
        if not question.parallel:
            return [await self._outcome(question, seed) for seed in question.seeds]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._outcome(question, seed)) for seed in question.seeds]
        return [task.result() for task in tasks]

    async def _outcome(self, question: Question, seed: int) -> Answer | DocmillError:
        try:
            async with self._turns:
                return await self._answer(question, seed)
        except DocmillError as error:
            return error

    async def _answer(self, question: Question, seed: int) -> Answer:
        """In the dialect that the server took before, or the first one that it takes."""
        model = question.model
        while True:
            dialect = self._dialects.get(model, Dialect())
            try:
                answer = await self._tried(question, seed, dialect)
            except _Refused as refusal:
                if self._dialects.get(model, Dialect()) != dialect:
                    continue  # another call has found out already
                following = self._following(model, dialect, refusal)
                if following is None:
                    if model not in self._proven:
                        self._dialects.pop(model, None)  # what it refused was no way of asking
                    raise self._told(refusal) from None
                self._dialects[model] = following
                log.info(
                    "a language model's server is asked in another way",
                    event_key="llm.dialect", status=refusal.status, form=following.form, model=model,
                )  # fmt: skip
            else:
                self._proven.add(model)
                return answer

    def _following(self, model: str, dialect: Dialect, refusal: _Refused) -> Dialect | None:
        """How to ask instead; None where the way of asking is not to blame."""
        if model in self._proven:
            return None
        if refusal.status in _REFUSED:
            return dialect.after_refusal(refusal.said)
        return dialect.weaker() if refusal.status == 500 else None

    async def _tried(self, question: Question, seed: int, dialect: Dialect) -> Answer:
        """The answer to one way of asking, after as many attempts as the contract has."""
        async for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=_ATTEMPTS, timeout=None,
            wait_initial=_FIRST_WAIT, wait_max=_LONGEST_WAIT, wait_jitter=_JITTER,
        ):  # fmt: skip
            with attempt:
                return await self._call(question, seed, dialect)
        raise AssertionError  # stamina returns or raises

    async def _call(self, question: Question, seed: int, dialect: Dialect) -> Answer:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._options.timeout):
                request = self._http.build_request("POST", self._url, json=body_of(question, seed, dialect))
                response = await self._http.send(request, stream=True)
                async with aclosing(response):
                    if response.status_code != 200:
                        said = await self._start_of(response)
                        raise _Refused(response.status_code, said, _retry_after(response))
                    body = await self._whole(response)
        except (TimeoutError, httpx2.TimeoutException):
            raise _Away(f"it did not answer within {self._options.timeout:g} s") from None
        except httpx2.TransportError as error:
            raise _Away(f"it cannot be reached ({type(error).__name__})") from None
        except httpx2.HTTPError as error:
            raise WorkFailed(
                Reason.PROVIDER_FAILED, f"The language model's server cannot be used: {type(error).__name__}"
            ) from None
        answer = answer_of(body)
        log.info(
            "a language model answered",
            event_key="llm.answered", model=question.model, seconds=round(time.monotonic() - began, 2),
            input_tokens=answer.input_tokens, output_tokens=answer.output_tokens, cut=answer.cut,
        )  # fmt: skip
        return answer

    async def _whole(self, response: httpx2.Response) -> bytes:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._options.max_answer:
                raise WorkFailed(
                    Reason.PROVIDER_FAILED,
                    f"The language model's answer is longer than {self._options.max_answer} bytes",
                )
            parts.append(part)
        return b"".join(parts)

    async def _start_of(self, response: httpx2.Response) -> str:
        """What a refusal says, for us: without the key, whatever part of it the server may repeat."""
        said = b""
        async for part in response.aiter_bytes():
            said += part
            if len(said) > _LONGEST_ERROR:
                break
        text = said[:_LONGEST_ERROR].decode(errors="replace")
        key = self._options.api_key
        return text.replace(key, "***") if key else text

    def _told(self, refusal: _Refused) -> DocmillError:
        """What a user is told; the server's words go to the log only, and not where they may be about the key."""
        status = refusal.status
        words = refusal.said[:_LOGGED] if status not in _KEY_REFUSED else ""
        log.warning("a language model's server refused", event_key="llm.refused", status=status, said=words)
        details = {"status": str(status)}
        if status in _KEY_REFUSED:
            message = "The language model's server does not accept the key of this installation (DOCMILL_LLM_API_KEY)"
        elif status == 429:
            message = "The language model's server has too much to do, or the installation's limit there is used up"
        elif status in _RETRIED:
            message = f"The language model's server has a problem (HTTP {status})"
        elif status == 404:
            message = (
                "The language model's server knows no such address or model (DOCMILL_LLM_BASE_URL, DOCMILL_LLM_MODEL)"
            )
        elif 300 <= status < 400:
            message = (
                "The language model's server answers with a redirect, which is not followed: set its final address"
            )
        else:
            message = (
                f"The language model's server refused the request (HTTP {status}); the document may be too long for it"
            )
        kind = ProviderAway if status in _RETRIED else WorkFailed
        return kind(Reason.PROVIDER_FAILED, message, details)


class _Away(ProviderAway):
    """No answer at all; another attempt follows at once."""

    def __init__(self, why: str) -> None:
        super().__init__(Reason.PROVIDER_FAILED, f"The language model's server is away: {why}")

    def __reduce__(self) -> tuple[object, ...]:
        return ProviderAway, (self.reason, self.message, dict(self.details))


def _wait_before_retry(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds where the server says so."""
    if isinstance(error, _Away):
        return True
    if not isinstance(error, _Refused) or error.status not in _RETRIED or "response_format" in error.said:
        return False
    return True if error.retry_after is None else min(error.retry_after, _LONGEST_WAIT)


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the server asks to wait: a number, or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
