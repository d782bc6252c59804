"""The Execution object: what a run looks like on the documented surface and in its webhooks."""

from __future__ import annotations

import orjson
import pytest
from google.protobuf import json_format

from docmill.domain.errors import Reason
from docmill.gateway.dialects.doclo.execution import execution
from docmill.gateway.dialects.doclo.words import REST, SDK, STATUSES
from docmill.v1 import errors_pb2, runs_pb2

RUN = {
    "id": "run_1",
    "flowId": "lab-report",
    "version": "2.3.0",
    "documentId": "doc_1",
    "createdAt": "2026-06-01T09:00:00.120999Z",
    "progress": {"step": "panel", "percentage": 40, "pagesDone": 2, "pagesTotal": 5},
    "traceId": "3f0c7b1d9a5e4c2f8b6d0e1a2c3b4d5f",
    "metadata": {"ward": "B2"},
}


def run(**given: object) -> runs_pb2.Run:
    """A run with these fields, in proto JSON."""
    return json_format.ParseDict({**RUN, **given}, runs_pb2.Run())


def test_a_run_that_waits() -> None:
    """Only what is known: no progress, no end, no metrics; the place in the line."""
    assert execution(run(status="RUN_STATUS_QUEUED", queuePosition=3)) == {
        "id": "run_1",
        "flowId": "lab-report",
        "version": "2.3.0",
        "status": "queued",
        "createdAt": "2026-06-01T09:00:00.120Z",
        "queuePosition": 3,
        "traceId": "3f0c7b1d9a5e4c2f8b6d0e1a2c3b4d5f",
        "documentId": "doc_1",
        "metadata": {"ward": "B2"},
    }


def test_a_run_at_work() -> None:
    """How far it is."""
    made = execution(run(status="RUN_STATUS_RUNNING", startedAt="2026-06-01T09:00:01Z"))
    assert made["startedAt"] == "2026-06-01T09:00:01.000Z"
    assert made["progress"] == {"step": "panel", "percentage": 40, "pagesDone": 2, "pagesFailed": 0, "pagesTotal": 5}


def test_a_run_that_succeeded() -> None:
    """Output, all metrics of both documents, warnings, artifacts and labels."""
    made = execution(
        run(
            status="RUN_STATUS_SUCCEEDED",
            completedAt="2026-06-01T09:00:06.480Z",
            duration=6360,
            output={"patientRef": "P-11", "hemoglobin": 13.9, "n": 2},
            warnings=["one page was skipped"],
            labels={"team": "lab"},
            artifacts={"read": {"type": "parse", "pageCount": 3}},
            metrics={
                "durationMs": 6360,
                "pageCount": 3,
                "creditsUsed": 6,
                "tokensUsed": "4120",
                "cost": 0.0061,
                "stepsRun": 2,
                "stepsTotal": 2,
                "steps": [{"step": "read", "nodeType": "parse", "durationMs": 9}],
            },
        )
    )
    assert made["output"] == {"patientRef": "P-11", "hemoglobin": 13.9, "n": 2}
    assert (made["completedAt"], made["duration"]) == ("2026-06-01T09:00:06.480Z", 6360)
    assert (made["warnings"], made["labels"]) == (["one page was skipped"], {"team": "lab"})
    assert made["artifacts"] == {"read": {"type": "parse", "pageCount": 3}}
    assert made["metrics"] == {
        "durationMs": 6360,
        "pageCount": 3,
        "creditsUsed": 6,
        "tokensUsed": 4120,
        "cost": 0.0061,
        "stepsRun": 2,
        "stepsTotal": 2,
        "engineMs": 0,
        "pagesFailed": 0,
        "steps": [{"step": "read", "nodeType": "parse", "durationMs": 9}],
    }
    assert "progress" not in made


def test_an_output_as_text_goes_out_as_it_is() -> None:
    """The order of its keys is kept."""
    made = execution(run(status="RUN_STATUS_SUCCEEDED", outputJson='{"z": 1, "a": [2.0]}'))
    assert b'"output":{"z": 1, "a": [2.0]}' in orjson.dumps(made)


def test_a_run_that_was_cancelled() -> None:
    """Both of its times, and no error."""
    at = "2026-06-01T09:00:03.002Z"
    made = execution(run(status="RUN_STATUS_CANCELLED", completedAt=at, cancelledAt=at))
    assert (made["status"], made["cancelledAt"], made["completedAt"], "error" in made) == ("cancelled", at, at, False)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("EXTRACTION_FAILED", "EXTRACTION_FAILED"),
        ("PROVIDER_FAILED", "PROVIDER_ERROR"),
        ("MEDIA_TOO_MANY_PAGES", "INVALID_DOCUMENT"),
        ("MEDIA_ENCRYPTED", "INVALID_DOCUMENT"),
        ("DEADLINE", "EXECUTION_TIMEOUT"),
        ("CREDITS_INSUFFICIENT", "INSUFFICIENT_CREDITS"),
        ("WORKER_CRASHED", "EXECUTION_FAILED"),
        ("INTERNAL", "EXECUTION_FAILED"),
    ],
)
def test_why_a_run_failed(reason: str, code: str) -> None:
    """Always a code of the documents, with step and details."""
    error = {"code": f"ERROR_REASON_{reason}", "message": "no", "step": "fields", "details": {"limit": "3"}}
    made = execution(run(status="RUN_STATUS_FAILED", error=error))["error"]
    word = reason.removeprefix("MEDIA_").lower()
    assert made == {"code": code, "message": "no", "step": "fields", "details": {"reason": word, "limit": "3"}}


def test_every_reason_has_a_code() -> None:
    """Also a reason that is newer than this gateway, and a fault outside of every step."""
    for reason in Reason:
        number = errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")
        made = execution(runs_pb2.Run(status=runs_pb2.RUN_STATUS_FAILED, error={"reason": number}))["error"]
        assert made["code"].isupper()
        assert made["step"] == ""
    newer = runs_pb2.Run(status=99)
    newer.error.reason = 999  # type: ignore[assignment]  # what a newer service may say
    assert execution(newer)["error"]["code"] == "EXECUTION_FAILED"
    assert execution(newer)["status"] == "running"


def test_vocabularies() -> None:
    """The two lists of words, and that both are understood."""
    statuses = range(1, 6)
    assert [SDK.status(number) for number in statuses] == ["queued", "running", "success", "failed", "cancelled"]
    assert [REST.status(number) for number in statuses] == ["pending", "running", "completed", "failed", "cancelled"]
    assert {STATUSES[word] for word in ("pending", "queued")} == {runs_pb2.RUN_STATUS_QUEUED}
    assert {STATUSES[word] for word in ("completed", "success")} == {runs_pb2.RUN_STATUS_SUCCEEDED}
