"""The words of this surface for what the API counts: states, kinds, and the form of its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from docmill.v1 import runs_pb2

__all__ = ["REST", "SDK", "STATUSES", "VOCABULARIES", "Vocabulary", "time_text"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One of the two sets of words that the surface's own documents use for the state of a run."""

    name: str
    words: Mapping[int, str]
    """The word for each `RunStatus`."""

    def status(self, number: int) -> str:
        """The word for a state; one that is newer than this gateway is shown as running: it has not ended."""
        return self.words.get(number, self.words[runs_pb2.RUN_STATUS_RUNNING])


SDK = Vocabulary(
    "sdk",
    {
        runs_pb2.RUN_STATUS_QUEUED: "queued",
        runs_pb2.RUN_STATUS_RUNNING: "running",
        runs_pb2.RUN_STATUS_SUCCEEDED: "success",
        runs_pb2.RUN_STATUS_FAILED: "failed",
        runs_pb2.RUN_STATUS_CANCELLED: "cancelled",
    },
)
"""The words that the stock client waits for; webhooks use no others."""

REST = Vocabulary(
    "rest", {**SDK.words, runs_pb2.RUN_STATUS_QUEUED: "pending", runs_pb2.RUN_STATUS_SUCCEEDED: "completed"}
)
"""The words of the REST pages."""

VOCABULARIES = {vocabulary.name: vocabulary for vocabulary in (SDK, REST)}

STATUSES = {word: number for vocabulary in (SDK, REST) for number, word in vocabulary.words.items()}
"""What both of them mean."""


def time_text(stamp: Timestamp) -> str:
    """`2026-06-01T09:00:00.120Z`: always UTC, always milliseconds."""
    at = datetime.fromtimestamp(stamp.seconds, UTC).replace(microsecond=stamp.nanos // 1000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
