"""OpenAI's chat completions as JSON: the body of a request in forms that servers may refuse, and what an answer says.

https://platform.openai.com/docs/api-reference/chat. Servers that call themselves compatible differ in what they take: which
`response_format`, what the bound on tokens is called, whether a temperature or a seed may be given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from docmill.domain.errors import Reason, WorkFailed
from docmill.extract.llm import Answer, Question
from docmill.extract.llm.schema import bounded

__all__ = ["FORMS", "Dialect", "answer_of", "body_of"]

FORMS = ("json_schema", "json_object with schema", "json_object", "text")
"""Ways to ask for JSON, the strictest first. The second is that of llama.cpp's servers."""

_MAY_GO = ("temperature", "seed", "reasoning_effort")
_TOKENS, _NEWER_TOKENS = "max_tokens", "max_completion_tokens"
_MOST_COUNTED = 10_000_000  # tokens of one call that are believed


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server wants to be asked, as far as it has said."""

    form: str = FORMS[0]
    tokens: str = _TOKENS
    without: frozenset[str] = frozenset()
    """Parameters that it does not take."""

    def after_refusal(self, said: str) -> Dialect | None:
        """The dialect to try next when a server refuses a request with these words; None when there is none left."""
        if self.tokens == _TOKENS and _NEWER_TOKENS in said:
            return replace(self, tokens=_NEWER_TOKENS)
        for name in _MAY_GO:
            if name in said and name not in self.without:
                return replace(self, without=self.without | {name})
        return self.weaker()

    def weaker(self) -> Dialect | None:
        """The same with the next form; None after the last one."""
        index = FORMS.index(self.form) + 1
        return replace(self, form=FORMS[index]) if index < len(FORMS) else None


def body_of(question: Question, seed: int, dialect: Dialect) -> dict[str, Any]:
    """The body of one request."""
    body: dict[str, Any] = {
        "model": question.model,
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.text},
        ],
        dialect.tokens: question.max_tokens,
        "temperature": question.temperature,
        "seed": seed,
        "stream": False,
    }
    if question.effort:
        body["reasoning_effort"] = question.effort
    if wanted := _response_format(question, dialect.form):
        body["response_format"] = wanted
    return {name: value for name, value in body.items() if name not in dialect.without}


def _response_format(question: Question, form: str) -> dict[str, Any]:
    match form:
        case "json_schema":
            return {
                "type": "json_schema",
                "json_schema": {"name": "document", "strict": True, "schema": question.schema},
            }
        case "json_object with schema":
            return {"type": "json_object", "schema": bounded(question.schema)}
        case "json_object":
            return {"type": "json_object"}
        case _:
            return {}


def answer_of(body: bytes) -> Answer:
    """What a completion says. `WorkFailed` for a body that is none, or in which the model declines to answer."""
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise WorkFailed(Reason.PROVIDER_FAILED, "The language model's server answered with something else than JSON of a "
                         "chat completion: is DOCMILL_LLM_BASE_URL right?") from None  # fmt: skip
    if not isinstance(content, str) or not content.strip():
        why = "declined to answer" if refusal else "gave an empty answer"
        raise WorkFailed(Reason.EXTRACTION_FAILED, f"The language model {why}")
    usage = completion.get("usage")
    return Answer(
        text=content,
        cut=choice.get("finish_reason") == "length",
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
    )


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return min(value, _MOST_COUNTED) if isinstance(value, int) and value > 0 else 0
