"""Statements about credits: accounts and the transfers between them.

Accounts are changed in the order of their names, whatever the direction, so that two transactions never wait for each
other. For the same reason nothing that locks a run may follow in a transaction that moved credits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from docmill.domain.credits import Account, Balance, Transfer, TransferKind
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import micros, moment

_COLUMNS = "id, org_id, run_id, kind, source, target, credits, note, created_at"


def record(transfers: Sequence[Transfer]) -> Op[bool]:
    """Move credits of one organization; False, and nothing is written, when `available` does not reach.

    Any other account that does not reach is a fault of ours: AssertionError, so that the transaction is undone.
    """
    changes: Counter[Account] = Counter()
    for transfer in transfers:
        changes[transfer.kind.source] -= transfer.credits
        changes[transfer.kind.target] += transfer.credits
    for account, change in sorted(changes.items()):
        if not (yield from _change(transfers[0].org_id, account, change)):
            assert account is Account.AVAILABLE, f"{account} of {transfers[0].org_id} would fall below 0"
            return False  # the first account in order: nothing is changed yet
    yield Many(
        f"INSERT INTO ledger_transfers ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",  # noqa: S608 - constant columns
        [
            (
                transfer.id,
                transfer.org_id,
                transfer.run_id or None,
                transfer.kind.value,
                transfer.kind.source.value,
                transfer.kind.target.value,
                transfer.credits,
                transfer.note,
                micros(transfer.created_at),
            )
            for transfer in transfers
        ],
    )
    return True


def _change(org_id: str, account: Account, change: int) -> Op[bool]:
    """Add to an account, or take from one what is there; False if it does not reach."""
    granted = account is Account.GRANTED
    if change < 0 and not granted:
        rows = yield Statement(
            "UPDATE ledger_accounts SET credits = credits - $3 WHERE org_id = $1 AND name = $2 AND credits >= $3 "
            "RETURNING credits",
            (org_id, account.value, -change),
        )
        return bool(rows)
    yield Statement(
        "INSERT INTO ledger_accounts (org_id, name, credits) VALUES ($1, $2, $3) "
        "ON CONFLICT (org_id, name) DO UPDATE SET credits = ledger_accounts.credits + excluded.credits",
        ("" if granted else org_id, account.value, change),
    )
    return True


def balance(org_id: str) -> Op[Balance]:
    """The organization's credits; all 0 for one that never had any."""
    rows = yield Statement("SELECT name, credits FROM ledger_accounts WHERE org_id = $1", (org_id,))
    credits_ = {Account(row[0]): int(row[1]) for row in rows}
    return Balance(
        available=credits_.get(Account.AVAILABLE, 0),
        reserved=credits_.get(Account.RESERVED, 0),
        used=credits_.get(Account.USED, 0),
    )


def latest(org_id: str, limit: int) -> Op[Sequence[Transfer]]:
    """The organization's last transfers, newest first."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM ledger_transfers WHERE org_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",  # noqa: S608 - constant columns
        (org_id, limit),
    )
    return [_transfer(row) for row in rows]


def of_run(run_id: str) -> Op[Counter[TransferKind]]:
    """Credits that moved for a run, by kind; 0 for a kind that did not happen."""
    rows = yield Statement("SELECT kind, credits FROM ledger_transfers WHERE run_id = $1", (run_id,))
    return Counter({TransferKind(row[0]): int(row[1]) for row in rows})


def _transfer(row: Row) -> Transfer:
    return Transfer(
        id=row[0],
        org_id=row[1],
        run_id=row[2] or "",
        kind=TransferKind(row[3]),
        credits=row[6],
        note=row[7],
        created_at=moment(row[8]),
    )
