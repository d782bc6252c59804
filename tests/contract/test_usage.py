"""What is summed up from runs, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from docmill.domain.models import Mode, Priority, Run
from docmill.domain.states import RunState
from docmill.store import Op, Store, documents, runs, usage
from docmill.store.usage import OpenRuns, RunSums
from tests.fixtures.record import a_document

NOW = datetime(2026, 11, 21, 12, 30, 15, 123_456, tzinfo=UTC)


def run(number: int, state: RunState, **changes: Any) -> Run:
    """Run number `number` of the organization, accepted so many seconds after NOW."""
    values: dict[str, Any] = {
        "id": f"run_{number}",
        "org_id": "org_1",
        "mode": Mode.LIVE,
        "flow_id": "flow",
        "flow_version": "1.0.0",
        "document_id": "doc_1",
        "state": state,
        "priority": Priority.STANDARD,
        "created_at": NOW + timedelta(seconds=number),
        "admitted_at": NOW + timedelta(seconds=number),
    }
    return Run(**{**values, **changes})


async def record(store: Store, *found: Run) -> None:
    """Put the runs into the record."""

    def insert() -> Op[None]:
        yield from documents.insert(a_document(NOW, "doc_1"))
        for each in found:
            yield from runs.insert(each)

    await store.write(insert)


async def test_sums_are_of_one_organization_mode_and_time(store: Store) -> None:
    """From the first moment on and before the last; cancelled and open runs count as runs, with the pages they read."""
    ours = [
        run(0, RunState.SUCCEEDED, pages_done=3, credits_used=6),
        run(1, RunState.SUCCEEDED, pages_done=1, credits_used=2),
        run(2, RunState.FAILED, pages_done=1),
        run(3, RunState.CANCELLED, pages_done=2, credits_used=4),
        run(4, RunState.RUNNING, pages_done=1),
    ]
    others = [
        run(5, RunState.SUCCEEDED, pages_done=100, org_id="org_2"),
        run(6, RunState.SUCCEEDED, pages_done=100, mode=Mode.TEST),
        run(7, RunState.SUCCEEDED, pages_done=100),  # at the end of the time: not before it
    ]
    await record(store, *ours, *others)
    end = NOW + timedelta(seconds=7)
    assert await store.read(lambda: usage.sums("org_1", Mode.LIVE, NOW, end)) == RunSums(
        runs=5, succeeded=2, failed=1, pages=8, credits_used=12
    )
    assert await store.read(lambda: usage.sums("org_1", Mode.LIVE, end, end)) == RunSums(
        runs=0, succeeded=0, failed=0, pages=0, credits_used=0
    )


async def test_open_runs_are_at_work_or_wait(store: Store) -> None:
    """Runs that were let in and have not ended are at work, those that were not let in wait; ended ones are neither."""
    await record(
        store,
        run(0, RunState.RUNNING),
        run(1, RunState.QUEUED),
        run(2, RunState.QUEUED, admitted_at=None),
        run(3, RunState.SUCCEEDED),
        run(4, RunState.CANCELLED, admitted_at=None),
        run(5, RunState.RUNNING, org_id="org_2"),
        run(6, RunState.QUEUED, admitted_at=None, mode=Mode.TEST),
    )
    assert await store.read(lambda: usage.open_runs("org_1", Mode.LIVE)) == OpenRuns(active=2, waiting=1)
