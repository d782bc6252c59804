"""Run by Alembic: one history for SQLite and PostgreSQL, on the connection of `docmill.store.sql.migrate`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, Engine, text

from docmill.store.sql.schema import metadata

_ONE_AT_A_TIME = 0x646F636D696C6C  # "docmill": the advisory lock of whoever migrates


def run(connection: Connection) -> None:
    """Run the migrations asked for in one transaction: all of them or none."""
    sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=sqlite,
        transactional_ddl=True,  # SQLite can, once its driver keeps out of it
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        if not sqlite:
            connection.execute(text("SET LOCAL statement_timeout = '15min'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
            # Waiting for a table in use would make the whole service wait: give up soon, nothing changed, try again.
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        context.run_migrations()


target: Connection | Engine = context.config.attributes["connection"]
if isinstance(target, Engine):
    with target.connect() as opened:
        run(opened)
else:
    run(target)
