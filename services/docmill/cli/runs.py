"""`docmill runs`: runs that were started before."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from datetime import datetime
from typing import Literal

from cyclopts import App

from docmill.cli.options import DOCUMENTS, LOCAL, AsJson, Limit, Server, first
from docmill.cli.output import (
    RUN_STYLES,
    Styled,
    evidence_json,
    json_line,
    json_pretty,
    local,
    run_json,
    span,
    status_of,
    table,
)

app = App(name="runs", group=DOCUMENTS, help="Show runs.")

Status = Literal["queued", "running", "success", "failed", "cancelled"]


@app.command(name="list")
async def list_runs(
    *,
    flow: str = "",
    status: list[Status] | None = None,
    label: str = "",
    after: datetime | None = None,
    before: datetime | None = None,
    limit: Limit = 20,
    json: AsJson = False,
    server: Server = LOCAL,
) -> None:
    """List runs, newest first.

    Args:
        flow: Only runs of this flow.
        status: Only runs in this state; may be given several times.
        label: Only runs that have this label: `name=value`, or `name` for any value.
        after: Only runs created at this time or later, e.g. `2026-03-02T08:00`.
        before: Only runs created before this time.
    """
    from docmill.client import RunStatus  # noqa: PLC0415 - gRPC loads in the commands that talk to docmill

    async with server.connect() as docmill:
        states = [RunStatus(name) for name in status or ()]
        asked = docmill.runs.list(
            flow_id=flow, statuses=states, label=label, created_after=after, created_before=before
        )
        found = await first(asked, limit)
    if json:
        for run in found:
            json_line(run_json(run))
        return
    rows = []
    for run in found:
        pages = f"{run.progress.pages_done}/{run.progress.pages_total or '?'}"
        style = RUN_STYLES[run.status]
        took = span(run.metrics.duration_ms) if run.metrics else ""
        rows.append(
            (run.id, f"{run.flow_id} {run.version}", Styled(status_of(run), style), pages, local(run.created_at), took)
        )
    table(["RUN", "FLOW", "STATUS", "PAGES", "CREATED", "TOOK"], rows, nothing="There are no such runs.")


@app.command
async def get(run: str, /, *, evidence: bool = False, json: AsJson = False, server: Server = LOCAL) -> None:
    """Show a run with its output.

    Args:
        run: Id of the run.
        evidence: Also show where each value of the output was read.
    """
    async with server.connect() as docmill:
        found = await docmill.runs.get(run, evidence=evidence)
    asked = {"evidence": evidence_json(found), "lowConfidence": list(found.low_confidence)} if evidence else {}
    facts = run_json(found) | asked
    if json:
        json_line(facts)
    else:
        json_pretty(facts)
