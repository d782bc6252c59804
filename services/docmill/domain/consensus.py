"""Asking several times and taking what most answers say: the `consensus` of an extract or categorize step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docmill.domain.schemas import invalid

__all__ = ["ALONE", "Consensus", "check_consensus", "consensus_of"]

MAX_RUNS = 9
MAX_RETRIES = 5
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "strategy": ("majority", "unanimous"),
    "onTie": ("random", "fail", "retry"),
    "level": ("object", "field"),
}
_SWITCHES = ("parallel", "includeMetadata", "retryOnFailure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How often to ask, and how the answers decide."""

    runs: int = 1
    strategy: str = "majority"
    """`majority`: what more runs say than anything else; `unanimous`: all runs must say the same."""
    on_tie: str = "random"
    """Of a majority: take one of those that are level, fail, or ask all runs again (`retry`, `max_retries` times)."""
    level: str = "object"
    """Whether whole answers are compared, or field by field."""
    parallel: bool = True
    include_metadata: bool = False
    """Whether the step's artifact says how the runs agreed."""
    retry_on_failure: bool = False
    """Whether a run without a usable answer is asked again, `max_retries` times."""
    max_retries: int = 1

    @property
    def needed(self) -> int:
        """Usable answers without which the step fails."""
        return self.runs if self.strategy == "unanimous" else -(-self.runs // 2)


ALONE = Consensus()
"""One question, one answer."""


def check_consensus(raw: Any, path: str) -> dict[str, Any]:
    """`raw` if it is a `consensus` as documented; `InvalidArgument` with its dotted path else."""
    if not isinstance(raw, Mapping):
        raise invalid(path, "must be an object")
    _whole(raw.get("runs"), f"{path}.runs", 1, MAX_RUNS)
    _whole(raw.get("maxRetries", 1), f"{path}.maxRetries", 0, MAX_RETRIES)
    for name, choices in _CHOICES.items():
        if name in raw and raw[name] not in choices:
            raise invalid(f"{path}.{name}", f"must be one of {', '.join(choices)}")
    for name in _SWITCHES:
        if not isinstance(raw.get(name, False), bool):
            raise invalid(f"{path}.{name}", "must be true or false")
    return dict(raw)


def consensus_of(config: Mapping[str, Any]) -> Consensus:
    """The consensus of a checked step; one run where it names none."""
    raw = config.get("consensus")
    if raw is None:
        return ALONE
    return Consensus(
        runs=raw["runs"],
        strategy=raw.get("strategy", "majority"),
        on_tie=raw.get("onTie", "random"),
        level=raw.get("level", "object"),
        parallel=raw.get("parallel", True),
        include_metadata=raw.get("includeMetadata", False),
        retry_on_failure=raw.get("retryOnFailure", False),
        max_retries=raw.get("maxRetries", 1),
    )


def _whole(value: Any, path: str, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(path, f"must be a whole number from {least} to {most}")
