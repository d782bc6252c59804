"""`docmill deliveries`: what was sent of a run's end, and sending it again. `docmill orgs webhook-secret`."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from typing import TYPE_CHECKING, Any

from cyclopts import App

from docmill.cli.accounts import orgs
from docmill.cli.installation import installation
from docmill.cli.options import DOCUMENTS, LOCAL, AsJson, Data, Server
from docmill.cli.output import Styled, json_line, local, printable, table, utc

if TYPE_CHECKING:
    from docmill.client import AsyncDocmill, Delivery
    from docmill.client.aio import AsyncBatches, AsyncRuns

app = App(name="deliveries", group=DOCUMENTS, help="Show webhooks that were sent, and send them again.")

_STYLES = {"pending": "yellow", "delivered": "green", "failed": "red"}


@app.command(name="list")
async def list_deliveries(subject: str, /, *, json: AsJson = False, server: Server = LOCAL) -> None:
    """List what was sent, or is to be sent, to the webhook of a run or a batch.

    Args:
        subject: Id of the run, or of the batch.
    """
    async with server.connect() as docmill:
        found = await _whose(docmill, subject).deliveries(subject)
    if json:
        for delivery in found:
            json_line(_delivery_json(delivery))
        return
    rows = []
    for delivery in found:
        last = delivery.attempts[-1] if delivery.attempts else None
        outcome = "" if last is None else last.error or str(last.http_status)
        status = Styled(delivery.status, _STYLES[delivery.status])
        due = local(delivery.next_attempt_at)
        rows.append((delivery.id, delivery.event, status, str(len(delivery.attempts)), printable(outcome), due))
    columns = ["DELIVERY", "EVENT", "STATUS", "ATTEMPTS", "LAST ANSWER", "NEXT ATTEMPT"]
    table(columns, rows, nothing="Nothing was sent.")


@app.command
async def redeliver(subject: str, delivery: str, /, *, json: AsJson = False, server: Server = LOCAL) -> None:
    """Send a webhook again, whatever became of it. It keeps its id.

    Args:
        subject: Id of the run, or of the batch.
        delivery: Id of the delivery.
    """
    async with server.connect() as docmill:
        again = await _whose(docmill, subject).redeliver(subject, delivery)
    if json:
        json_line(_delivery_json(again))
    else:
        print(f"sending {again.id} again")


@orgs.command(name="webhook-secret")
async def webhook_secret(org: str, /, *, rotate: bool = False, data: Data = None, json: AsJson = False) -> None:
    """Show the secret under which an organization's webhooks are signed.

    Args:
        org: Id of the organization.
        rotate: Make another one; whatever is sent from now on is signed with it.
    """
    async with installation(data) as operator:
        secret = await operator.webhook_secret(org, rotate=rotate)
    if json:
        json_line({"id": org, "webhook_secret": secret})
    else:
        print(secret)


def _whose(docmill: "AsyncDocmill", subject: str) -> "AsyncRuns | AsyncBatches":
    """Runs, or batches: their ids are of two forms."""
    return docmill.runs if subject.startswith("run_") else docmill.batches


def _delivery_json(delivery: "Delivery") -> dict[str, Any]:
    return {
        "id": delivery.id,
        "runId": delivery.run_id or None,
        "batchId": delivery.batch_id or None,
        "event": delivery.event,
        "url": delivery.url,
        "status": delivery.status,
        "createdAt": utc(delivery.created_at),
        "nextAttemptAt": utc(delivery.next_attempt_at),
        "completedAt": utc(delivery.completed_at),
        "attempts": [
            {
                "number": attempt.number,
                "at": utc(attempt.at),
                "httpStatus": attempt.http_status,
                "durationMs": attempt.duration_ms,
                "error": attempt.error,
            }
            for attempt in delivery.attempts
        ],
    }
