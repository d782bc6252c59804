"""What `docmill run` says of a run beside its data."""

from __future__ import annotations

import pytest

from docmill.cli.progress import Progress
from docmill.client import Run, RunStatus

RUN = Run(
    id="run_1",
    flow_id="mail-room",
    version="1.0.0",
    document_id="doc_1",
    status=RunStatus.SUCCEEDED,
    warnings=("Pages 3-4 (letter): step 'kind' has no branch for 'letter'; add one",),
)


def test_warnings_are_said_where_people_look(capsys: pytest.CaptureFixture[str]) -> None:
    """A document that no branch took must not vanish in silence; data alone goes to stdout."""
    with Progress(1, quiet=False) as progress:
        progress.document("stack.pdf").ended(RUN)
    said = capsys.readouterr()
    assert f"stack.pdf: warning: {RUN.warnings[0]}" in said.err.splitlines()
    assert said.out == ""


def test_quiet_is_for_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings are in the run, for who wants them."""
    with Progress(1, quiet=True) as progress:
        progress.document("stack.pdf").ended(RUN)
    assert capsys.readouterr().err == ""
