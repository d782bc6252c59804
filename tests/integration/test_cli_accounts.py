"""Organizations, plans, keys and usage on the command line, against a whole docmill."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docmill import app
from docmill.cli import failures, main
from docmill.settings import load_settings
from tests.fixtures.processes import eventually
from tests.fixtures.stack import Stack


def test_an_organization_changes_its_plan(stack: Stack) -> None:
    """It is told at once, also to the running services; an unknown plan is answered with the list."""
    org = stack.new_organization()
    key = str(stack.new_key(org, "--mode", "live")["key"])
    assert stack.facts_of("usage", "--api-key", key)["plan"] == {
        "id": "doclo.pro",
        "requestsPerMinute": 1000,
        "concurrentRuns": 50,
        "features": [],
    }
    changed = stack.facts_of("orgs", "set-plan", org, "--plan", "doclo.enterprise", "--data", stack.data)
    assert (changed["id"], changed["plan"]) == (org, "doclo.enterprise")
    assert stack.facts_of("usage", "--api-key", key)["plan"]["requestsPerMinute"] is None
    wrong = stack.docmill("orgs", "set-plan", org, "--plan", "doclo.huge", "--data", stack.data)
    assert (wrong.returncode, wrong.stdout) == (failures.REFUSED, "")
    assert "there are doclo.test, doclo.free, doclo.pro, doclo.enterprise" in wrong.stderr
    nobody = stack.docmill("orgs", "set-plan", "org_nobody", "--plan", "doclo.pro", "--data", stack.data, "--json")
    assert json.loads(nobody.stderr)["error"]["reason"] == "ORGANIZATION_NOT_FOUND"


def test_usage_for_people(stack: Stack) -> None:
    """A word for every line; test runs are free, and no bound is said as such."""
    done = stack.docmill("usage")
    assert done.returncode == 0, done.stderr
    lines = {line[:16].strip(): line[16:].strip() for line in done.stdout.splitlines() if line.strip()}
    assert lines["plan"] == "doclo.enterprise"
    assert lines["calls a minute"] == lines["runs at a time"] == "no bound"
    assert lines["credits"] == "runs are free in test mode"
    assert "succeeded" in lines["runs"]


def test_usage_of_a_time(stack: Stack) -> None:
    """The times that are asked for are those that are summed up."""
    found = stack.facts_of("usage", "--after", "2026-01-01T00:00:00+00:00", "--before", "2026-01-02T00:00:00+00:00")
    assert (found["from"], found["to"]) == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")
    assert (found["runs"], found["pages"]) == (0, 0)


def test_keys_show_their_last_use(stack: Stack) -> None:
    """A key with `admin` is made only on demand; its first use is shown some seconds later, to the minute."""
    org = stack.new_organization()
    usual, admin = stack.new_key(org), stack.new_key(org, "--scopes", "flows:read,admin")
    assert (len(usual["scopes"]), "admin" in usual["scopes"], admin["scopes"]) == (8, False, ["admin", "flows:read"])
    assert stack.docmill("flows", "list", "--api-key", str(admin["key"])).returncode == 0

    def last_uses() -> dict[str, str | None]:
        done = stack.docmill("keys", "list", "--org", org, "--data", stack.data, "--json")
        return {key["id"]: key["lastUsedAt"] for key in map(json.loads, done.stdout.splitlines())}

    assert eventually(lambda: last_uses()[admin["id"]], 20)
    uses = last_uses()
    assert uses[usual["id"]] is None
    used = datetime.fromisoformat(str(uses[admin["id"]]))
    assert (used.second, used.microsecond) == (0, 0)
    assert (datetime.now(UTC) - used).total_seconds() < 180


def test_an_operators_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Organizations can be on the plans of the operator's file; a file that is wrong stops the command."""
    file = tmp_path / "plans.yaml"
    monkeypatch.setenv("DOCMILL_PLANS_FILE", str(file))
    file.write_text("plans: {acme.small: {requestsPerMinute: 5}}")
    app.migrate(load_settings(data=tmp_path))
    create = ["orgs", "create", "Acme", "--plan", "acme.small", "--data", str(tmp_path), "--json"]
    assert main.main(create) == failures.DONE
    assert json.loads(capsys.readouterr().out)["plan"] == "acme.small"
    file.write_text("plans: {acme.small: {requestsPerMinute: many}}")
    assert main.main(create) == failures.REFUSED
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["details"] == {"file": str(file), "field": "plans.acme.small.requestsPerMinute"}
