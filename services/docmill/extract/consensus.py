"""What several answers to one question say together (contract: `consensus` of a step).

Votes compare JSON whatever the order of keys. Under `object` the result is one of the answers; under `field` each field is
that of some answer: objects are taken apart, lists are not, as items of two answers need not be the same things. A field
that most answers leave out is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.domain.consensus import Consensus
from docmill.domain.errors import Reason, WorkFailed
from docmill.extract.locate import leaves_of

__all__ = ["Tie", "Verdict", "agreement", "vote"]

_ABSENT = "absent"  # no JSON text is spelled so


class Tie(WorkFailed):
    """As many answers say one thing as another, and the step does not want one of them taken at random."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the answers say together."""

    value: Any
    tied: tuple[str, ...] = ()
    """JSON pointers of what was taken at random among equals; empty for the whole answer under `object`."""


def vote(answers: Sequence[Any], consensus: Consensus) -> Verdict:
    """The verdict over usable answers. `WorkFailed` if there are too few or they differ too much, `Tie` if they are level."""
    if len(answers) < consensus.needed:
        raise WorkFailed(
            Reason.EXTRACTION_FAILED,
            f"{len(answers)} of {consensus.runs} runs gave a usable answer; '{consensus.strategy}' needs {consensus.needed}",
        )
    if consensus.level == "object" or not all(isinstance(answer, Mapping) for answer in answers):
        key, tied = _elect([_key(answer) for answer in answers], consensus, "")
        return Verdict(next(answer for answer in answers if _key(answer) == key), ("",) if tied else ())
    tied_fields: list[str] = []
    return Verdict(_merged(answers, consensus, "", tied_fields), tuple(tied_fields))


def agreement(value: Any, answers: Sequence[Any]) -> Mapping[str, int]:
    """For each scalar of `value`, by JSON pointer, how many answers have the same one there."""
    others = [{leaf.pointer: _key(leaf.value) for leaf in leaves_of(answer)} for answer in answers]
    return {
        leaf.pointer: sum(other.get(leaf.pointer) == _key(leaf.value) for other in others) for leaf in leaves_of(value)
    }


def _merged(answers: Sequence[Any], consensus: Consensus, pointer: str, tied: list[str]) -> dict[str, Any]:
    """Field by field, in the order in which the answers name them."""
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for answer in answers for name in answer):
        path = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        given = [answer[name] for answer in answers if name in answer]
        if len(given) == len(answers) and all(isinstance(value, Mapping) for value in given):
            merged[name] = _merged(given, consensus, path, tied)
            continue
        key, level = _elect([_key(answer[name]) if name in answer else _ABSENT for answer in answers], consensus, path)
        if level:
            tied.append(path)
        if key != _ABSENT:
            merged[name] = next(value for value in given if _key(value) == key)
    return merged


def _elect(keys: Sequence[str], consensus: Consensus, path: str) -> tuple[str, bool]:
    """The key with the most votes, and whether others had as many."""
    counts = Counter(keys)
    where = f"at {path}" if path else "as a whole"
    if consensus.strategy == "unanimous" and len(counts) > 1:
        raise WorkFailed(Reason.EXTRACTION_FAILED, f"The runs do not agree {where}, as 'unanimous' asks")
    most = max(counts.values())
    best = sorted(key for key, count in counts.items() if count == most)
    if len(best) > 1 and consensus.on_tie != "random":
        raise Tie(Reason.EXTRACTION_FAILED, f"{len(best)} different answers have as many runs for them {where}")
    return best[_draw(best)], len(best) > 1


def _draw(keys: Sequence[str]) -> int:
    """At random, but the same again for the same answers: an attempt that is made again has the same outcome."""
    if len(keys) == 1:
        return 0
    digest = hashlib.sha256("\n".join(keys).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % len(keys)


def _key(value: Any) -> str:
    """Equal for equal JSON: `1` and `1.0` are one number."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
