"""Statements about flow versions. `org_id` is empty for flows of the installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from docmill.domain.models import FlowLimits, FlowVersion
from docmill.store import Op, Row, Statement
from docmill.store._codec import dump, load, micros, moment

_COLUMNS = (
    "flow_id, org_id, version, name, description, hidden, input_schema, output_schema, limits, definition, created_at"
)


def insert(version: FlowVersion) -> Op[bool]:
    """Record a version; False if the flow has it already, there or in the installation."""
    rows = yield Statement(
        f"INSERT INTO flow_versions ({_COLUMNS}) SELECT $1, $2, $3, $4, $5, CAST($6 AS INTEGER), $7, $8, $9, $10, CAST($11 AS BIGINT) "  # noqa: S608 - constant columns
        "WHERE NOT EXISTS (SELECT 1 FROM flow_versions WHERE flow_id = $1 AND version = $3 AND org_id IN ($2, '')) "
        "ON CONFLICT DO NOTHING RETURNING flow_id",
        (
            version.flow_id,
            version.org_id,
            version.version,
            version.name,
            version.description,
            int(version.hidden),
            dump(version.input_schema),
            dump(version.output_schema),
            dump(asdict(version.limits)),
            dump(version.definition),
            micros(version.created_at),
        ),
    )
    return bool(rows)


def versions(org_id: str, flow_id: str) -> Op[Sequence[FlowVersion]]:
    """All versions of a flow that the organization can see, in no order."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM flow_versions WHERE flow_id = $1 AND org_id IN ($2, '')",  # noqa: S608 - constant columns
        (flow_id, org_id),
    )
    return [_version(row) for row in rows]


def numbers(org_id: str, flow_id: str) -> Op[Sequence[str]]:
    """The versions of a flow that the organization can see, in no order."""
    rows = yield Statement(
        "SELECT version FROM flow_versions WHERE flow_id = $1 AND org_id IN ($2, '')", (flow_id, org_id)
    )
    return [row[0] for row in rows]


def visible(org_id: str) -> Op[Sequence[FlowVersion]]:
    """All versions of all flows that the organization can see, in no order."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM flow_versions WHERE org_id IN ($1, '')",  # noqa: S608 - constant columns
        (org_id,),
    )
    return [_version(row) for row in rows]


def get(org_id: str, flow_id: str, version: str) -> Op[FlowVersion | None]:
    """One version."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM flow_versions WHERE flow_id = $1 AND version = $2 AND org_id IN ($3, '') "  # noqa: S608 - constant columns
        "ORDER BY org_id DESC",
        (flow_id, version, org_id),
    )
    return _version(rows[0]) if rows else None


def _version(row: Row) -> FlowVersion:
    return FlowVersion(
        flow_id=row[0],
        org_id=row[1],
        version=row[2],
        name=row[3],
        description=row[4],
        hidden=bool(row[5]),
        input_schema=load(row[6]),
        output_schema=load(row[7]),
        limits=FlowLimits(**load(row[8])),
        definition=load(row[9]),
        created_at=moment(row[10]),
    )
