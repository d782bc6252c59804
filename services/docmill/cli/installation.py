"""The installation that the operator's commands work on. They make none: only `docmill up` and `docmill migrate` do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from docmill.cli.failures import UsageError
from docmill.cli.options import settings_of

if TYPE_CHECKING:
    from docmill.engine.operate import Operator


@asynccontextmanager
async def installation(data: Path | None) -> "AsyncIterator[Operator]":
    """The operator's use cases on the settings in force; `UsageError` where they lead to no installation."""
    from docmill import app  # noqa: PLC0415 - the store loads in operator commands only

    settings = settings_of(data)
    absent = app.absent_database(settings)
    if absent is not None and settings.database_url:
        raise UsageError(
            f"there is no database {absent}: say in DOCMILL_DATABASE_URL where yours is, "
            "or make a new one there with `docmill migrate`"
        )
    if absent is not None:
        raise UsageError(
            f"there is no docmill in {absent.parent}: say with --data or DOCMILL_DATA in which folder yours is, "
            "or make a new one there with `docmill up` or `docmill migrate`"
        )
    async with app.open_operator(settings) as operator:
        yield operator
