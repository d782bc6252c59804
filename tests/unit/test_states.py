"""The state machines: every state against every change."""

from __future__ import annotations

import itertools

import pytest

from docmill.domain.states import (
    JOB_ARROWS,
    RUN_ARROWS,
    JobState,
    PageState,
    RunState,
    job_sources,
    run_sources,
)

RUN_CHANGES = {
    ("QUEUED", "RUNNING"),
    ("QUEUED", "FAILED"),
    ("QUEUED", "CANCELLED"),
    ("RUNNING", "SUCCEEDED"),
    ("RUNNING", "FAILED"),
    ("RUNNING", "CANCELLED"),
}
JOB_CHANGES = {
    ("READY", "PUBLISHED"),
    ("READY", "SUCCEEDED"),
    ("READY", "FAILED"),
    ("READY", "CANCELLED"),
    ("PUBLISHED", "SUCCEEDED"),
    ("PUBLISHED", "FAILED"),
    ("PUBLISHED", "READY"),
    ("PUBLISHED", "CANCELLED"),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(RunState, RunState)))
def test_a_run_changes_only_along_its_arrows(old: RunState, new: RunState) -> None:
    """A run may go from one state to another exactly where the plan draws an arrow."""
    allowed = (old.value, new.value) in RUN_CHANGES
    assert (new in RUN_ARROWS[old]) is allowed
    assert (old in run_sources(new)) is allowed


@pytest.mark.parametrize(("old", "new"), list(itertools.product(JobState, JobState)))
def test_a_job_changes_only_along_its_arrows(old: JobState, new: JobState) -> None:
    """A job may go from one state to another exactly where the plan draws an arrow."""
    allowed = (old.value, new.value) in JOB_CHANGES
    assert (new in JOB_ARROWS[old]) is allowed
    assert (old in job_sources(new)) is allowed


def test_terminal_states_have_no_way_out() -> None:
    """What is terminal stays so, and everything else can still end."""
    for run in RunState:
        assert run.is_terminal is (not RUN_ARROWS[run])
    for job in JobState:
        assert job.is_terminal is (not JOB_ARROWS[job])


def test_every_job_state_shows_as_a_page_state() -> None:
    """A page shows a state for each state of its job."""
    assert {PageState.of(job) for job in JobState} == set(PageState)
