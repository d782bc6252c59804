"""`docmill credits`: the operator's commands about what organizations may spend. They work on the data itself."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from docmill.cli.installation import installation
from docmill.cli.options import OPERATION, AsJson, Data
from docmill.cli.output import json_line, local, printable, table, utc

if TYPE_CHECKING:
    from docmill.domain.credits import Balance, Transfer

app = App(name="credits", group=OPERATION, help="Grant and show credits.")


@app.command
async def grant(
    credits_: Annotated[int, Parameter(name="N")],
    /,
    *,
    org: str,
    note: str = "",
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Give credits to an organization. A new organization has none, and live runs need them.

    Args:
        credits_: How many; below 0 takes as many back, of those that are free.
        org: Id of the organization.
        note: Why, kept with the grant.
    """
    async with installation(data) as operator:
        transfer, balance = await operator.credits.grant(org, credits_, note)
    if json:
        json_line({"org": org, **_balance_json(balance), "transfer": _transfer_json(transfer)})
    else:
        print(f"{credits_:+,} credits; {balance.available:,} are available")


@app.command
async def show(
    *,
    org: str,
    limit: Annotated[int, Parameter(validator=Number(gte=0, lte=1000))] = 20,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Show the credits of an organization and what became of them, newest first.

    Args:
        org: Id of the organization.
        limit: How many transfers at most.
    """
    async with installation(data) as operator:
        found = await operator.credits.show(org, limit)
    balance = found.balance
    if json:
        transfers = [_transfer_json(transfer) for transfer in found.transfers]
        json_line({"org": org, **_balance_json(balance), "transfers": transfers})
        return
    print(f"{balance.available:,} available, {balance.reserved:,} reserved, {balance.used:,} used")
    rows = [
        (local(moved.created_at), moved.kind, f"{moved.credits:,}", _way(moved), moved.run_id or printable(moved.note))
        for moved in found.transfers
    ]
    table(["WHEN", "KIND", "CREDITS", "FROM AND TO", "RUN OR NOTE"], rows, nothing="There are no transfers.")


def _way(transfer: "Transfer") -> str:
    return f"{transfer.kind.source} -> {transfer.kind.target}"


def _balance_json(balance: "Balance") -> dict[str, Any]:
    return {"available": balance.available, "reserved": balance.reserved, "used": balance.used}


def _transfer_json(transfer: "Transfer") -> dict[str, Any]:
    return {
        "id": transfer.id,
        "kind": transfer.kind.value,
        "credits": transfer.credits,
        "from": transfer.kind.source.value,
        "to": transfer.kind.target.value,
        "run": transfer.run_id or None,
        "note": transfer.note,
        "createdAt": utc(transfer.created_at),
    }
