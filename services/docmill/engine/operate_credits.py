"""What the operator does about credits: grant them, take them back, look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docmill.domain.credits import Balance, Transfer, TransferKind
from docmill.domain.errors import InvalidArgument, NotFound, PaymentRequired, Reason
from docmill.engine import billing, ids
from docmill.engine.context import utc_now
from docmill.store import Op, Store, accounts, ledger

_MOST = 10**12  # credits of one grant
_NOTE_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """An organization's credits, and how they came to be, newest first."""

    balance: Balance
    transfers: Sequence[Transfer]


@dataclass(frozen=True, slots=True)
class CreditOffice:
    """Works on the record directly, beside running services."""

    store: Store

    async def grant(self, org_id: str, amount: int, note: str = "") -> tuple[Transfer, Balance]:
        """Give an organization credits; a negative amount takes free ones back, PaymentRequired if there are fewer."""
        if not 0 < abs(amount) <= _MOST:
            message = f"The number of credits is from 1 to {_MOST:,}, or below 0 to take as many back"
            raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "credits"})
        if len(note) > _NOTE_MAX or not note.isprintable():
            message = f"A note has at most {_NOTE_MAX} characters, on one line"
            raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "note"})
        transfer = Transfer(
            id=ids.new("led"),
            org_id=org_id,
            kind=TransferKind.GRANTED if amount > 0 else TransferKind.TAKEN_BACK,
            credits=abs(amount),
            created_at=utc_now(),
            note=note,
        )
        return transfer, await self.store.write(lambda: _grant(transfer))

    async def show(self, org_id: str, limit: int = 20) -> AccountStatement:
        """The organization's credits and its last `limit` transfers."""

        def read() -> Op[AccountStatement]:
            yield from _known(org_id)
            balance = yield from ledger.balance(org_id)
            return AccountStatement(balance=balance, transfers=(yield from ledger.latest(org_id, limit)))

        return await self.store.read(read)


def _grant(transfer: Transfer) -> Op[Balance]:
    yield from _known(transfer.org_id)
    done = yield from ledger.record([transfer])
    balance = yield from ledger.balance(transfer.org_id)
    if not done:
        details = billing.shortage(transfer.credits, balance.available)
        message = f"Only {balance.available:,} credits are free to be taken back"
        raise PaymentRequired(Reason.CREDITS_INSUFFICIENT, message, details)
    return balance


def _known(org_id: str) -> Op[None]:
    if (yield from accounts.get_organization(org_id)) is None:
        raise NotFound(Reason.ORGANIZATION_NOT_FOUND, f"There is no organization {org_id}", {"field": "org"})
