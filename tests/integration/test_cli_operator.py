"""The operator's commands without a running docmill: whose data they work on, and how they end."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import nats
import pytest

from docmill import app
from docmill.bus.server import NatsServer
from docmill.cli import failures
from docmill.doctor import Check, doctor
from docmill.settings import load_settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of an installation, without organizations."""
    app.migrate(load_settings(data=tmp_path))
    return tmp_path


def docmill(*arguments: str | Path, **settings: str | Path) -> tuple[int, str, dict[str, Any]]:
    """Run a command with these settings and `--json`: exit code, standard output, and the error if there is one."""
    done = docmill_process(*arguments, **settings)
    return (
        done.returncode,
        done.stdout,
        json.loads(done.stderr)["error"] if "--json" in arguments and done.stderr else {},
    )


def docmill_process(*arguments: str | Path, **settings: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command with these settings alone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DOCMILL_")}
    return subprocess.run(
        [sys.executable, "-c", "from docmill.cli.main import main; raise SystemExit(main())", *arguments],
        env=clean | {f"DOCMILL_{name.upper()}": str(value) for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_up_works_on_the_data_of_the_other_commands(tmp_path: Path) -> None:
    """DOCMILL_DATA says where for `up` too: it refuses a folder on which another one runs, with its own reason."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-c", "from docmill.cli.main import main; raise SystemExit(main())", "up"],
            env={**os.environ, "DOCMILL_DATA": str(tmp_path), "DOCMILL_WORKRES": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == failures.REFUSED
    assert str(tmp_path) in done.stderr
    assert "(ALREADY_RUNNING)" in done.stderr
    assert "did you mean DOCMILL_WORKERS?" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock"]


def test_a_database_that_is_away_exits_with_3(unused_tcp_port: int) -> None:
    """The command line was right; the message has no password."""
    url = f"postgresql://docmill:hunter2@127.0.0.1:{unused_tcp_port}/docmill"
    code, out, error = docmill("orgs", "list", "--json", database_url=url)
    assert (code, out, error["reason"]) == (failures.UNREACHABLE, "", "UNREACHABLE")
    assert "hunter2" not in error["message"]


@pytest.mark.parametrize(
    "command",
    [
        ["orgs", "create", "Accounting", "--plan", "doclo.pro"],
        ["orgs", "list"],
        ["orgs", "webhook-secret", "org_x"],
        ["orgs", "set-plan", "org_x", "--plan", "doclo.pro"],
        ["keys", "create", "--org", "org_x"],
        ["keys", "list"],
        ["keys", "revoke", "key_x"],
        ["credits", "show", "--org", "org_x"],
        ["credits", "grant", "--org", "org_x", "1"],
    ],
)
def test_no_command_makes_a_second_installation(tmp_path: Path, command: list[str]) -> None:
    """Where there is none, it says so, names the place, and how to name another; nothing is made."""
    data = tmp_path / "elsewhere"
    code, out, error = docmill(*command, "--json", data=data)
    assert (code, out, error["reason"]) == (failures.USAGE, "", "USAGE")
    assert f"there is no docmill in {data}: " in error["message"]
    assert "--data or DOCMILL_DATA" in error["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_database_file_that_is_not_there(tmp_path: Path) -> None:
    """Named by its URL it is neither made, nor is the data folder beside it."""
    file = tmp_path / "records.db"
    code, _, error = docmill("orgs", "list", "--json", database_url=f"sqlite:///{file}", data=tmp_path / "data")
    assert (code, f"there is no database {file}: say in DOCMILL_DATABASE_URL" in error["message"]) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_migrate_makes_an_installation_before_the_first_up(data: Path) -> None:
    """It says where, once; an operator may then prepare it."""
    made = docmill_process("migrate", data=data / "new")
    assert (made.returncode, made.stderr) == (0, f"made a new database: {data / 'new' / 'docmill.db'}\n")
    again = docmill_process("migrate", data=data / "new")
    assert (again.returncode, again.stderr) == (0, "")
    assert docmill("orgs", "create", "Acme", "--plan", "doclo.pro", data=data / "new")[0] == 0


def test_what_is_not_there_has_its_reason(data: Path) -> None:
    """An unknown organization and an unknown key are refused, each with a reason of its own."""
    code, _, error = docmill("keys", "create", "--org", "org_nobody", "--json", data=data)
    assert (code, error["reason"], error["details"]) == (failures.REFUSED, "ORGANIZATION_NOT_FOUND", {"field": "org"})
    code, _, error = docmill("keys", "revoke", "key_nobody", "--json", data=data)
    assert (code, error["reason"], error["details"]) == (failures.REFUSED, "KEY_NOT_FOUND", {"field": "key"})


def test_a_mistyped_config_file_stops_every_command(tmp_path: Path) -> None:
    """Nothing runs on the defaults instead."""
    code, out, error = docmill("config", "--json", config=tmp_path / "absent.toml")
    assert (code, out, error["details"]["field"]) == (failures.REFUSED, "", "config")


def test_config_shows_no_password() -> None:
    """Neither in a URL's login nor in its options."""
    code, out, _ = docmill(
        "config",
        "--json",
        database_url="postgresql:///docmill?host=/tmp&password=hunter2",
        bus_url="nats://docmill:hunter2@127.0.0.1:4222",
        s3_secret_key="hunter2",
    )
    assert code == failures.DONE
    assert "hunter2" not in out
    assert json.loads(out)["bus_url"] == "nats://***@127.0.0.1:4222"


def test_a_misspelt_variable_is_told(tmp_path: Path) -> None:
    """By `config`, beside the settings in force; by `doctor`, which fails; and in the first line of a log."""
    says = "DOCMILL_OCR_PROFLE is no setting of docmill; did you mean DOCMILL_OCR_PROFILE?"
    told = docmill_process("config", "--json", ocr_profle="fast")
    assert (told.returncode, told.stderr) == (failures.DONE, f"{says}\n")
    assert json.loads(told.stdout)["ocr_profile"] == "balanced"
    told = docmill_process("doctor", "--json", ocr_profle="fast", data=tmp_path)
    found = [check for check in map(json.loads, told.stdout.splitlines()) if check["name"] == "settings"]
    assert (told.returncode, found) == (failures.NOT_DONE, [{"name": "settings", "ok": False, "detail": says}])
    with socket.create_server(("127.0.0.1", 0)) as other:  # so that it ends at once
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        told = docmill_process("serve", "--role", "gateway", ocr_profle="fast", rest=taken)
    first = json.loads(told.stderr.splitlines()[0])
    assert (first["event"], first["level"], first["event_key"]) == (says, "warning", "settings.unknown")


def checks(**settings: Any) -> dict[str, Check]:
    """What doctor finds, by name."""
    return {check.name: check for check in doctor(load_settings(**settings))}


def test_doctor_makes_nothing(tmp_path: Path) -> None:
    """A folder that is not there stays away, and is told as still to be made; a whole one stays as it is."""
    data = tmp_path / "absent"
    found = checks(data=data)
    assert list(tmp_path.iterdir()) == []
    for name in ("database", "blobs"):
        assert (found[name].ok, "`docmill up` makes it" in found[name].detail) == (True, True)
    code, _, _ = docmill("migrate", data=data)
    assert code == failures.DONE
    (data / "blobs").mkdir()
    before = [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))]
    found = checks(data=data)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(tmp_path.rglob("*"))] == before
    assert (found["database"].ok, found["blobs"].detail) == (True, str(data / "blobs"))


def test_doctor_names_what_is_wrong(tmp_path: Path, unused_tcp_port: int) -> None:
    """An empty database, and a bus that is away, with what to do and without passwords."""
    (tmp_path / "docmill.db").touch()
    found = checks(data=tmp_path, bus_url=f"nats://docmill:hunter2@127.0.0.1:{unused_tcp_port}")
    assert (found["database"].ok, "docmill migrate" in found["database"].detail) == (False, True)
    assert found["bus"].ok is False
    assert f"***@127.0.0.1:{unused_tcp_port}" in found["bus"].detail


@pytest.mark.parametrize(
    ("engine", "languages", "why"),
    [
        ("foo", "en", "There is no OCR engine 'foo'; known are auto, paddle"),
        ("tesseract", "xx", "install it, e.g.: apt-get install"),
        ("paddle", "en,xx", "xx"),
    ],
)
def test_doctor_looks_at_the_engine_in_force(tmp_path: Path, engine: str, languages: str, why: str) -> None:
    """In the languages that are set; that another one works does not make up for it."""
    found = checks(data=tmp_path, ocr_engine=engine, ocr_languages=languages)
    assert found["ocr engine paddle"].ok is (True if languages == "en" else None)
    assert (found["ocr"].ok, why in found["ocr"].detail) == (False, True)
    assert found["ocr"].detail.startswith(f"DOCMILL_OCR_ENGINE is {engine}: ")
    code, _, _ = docmill("doctor", data=tmp_path, ocr_engine=engine, ocr_languages=languages)
    assert code == failures.NOT_DONE


def test_doctor_names_the_engine_that_reads(tmp_path: Path) -> None:
    """Chosen or found."""
    for engine in ("paddle", "auto"):
        found = checks(data=tmp_path, ocr_engine=engine)["ocr"]
        assert (found.ok, found.detail) == (True, f"paddle (DOCMILL_OCR_ENGINE is {engine})")


async def test_doctor_leaves_the_bus_alone(tmp_path: Path, nats_server: NatsServer) -> None:
    """It sees that the server is there, and makes no stream."""
    found = await asyncio.to_thread(checks, data=tmp_path, bus_url=nats_server.url)
    assert found["bus"].ok, found["bus"].detail
    client = await nats.connect(nats_server.url)
    assert (await client.jetstream().account_info()).streams == 0
    await client.close()


@pytest.mark.parametrize("url", ["mysql://db/x", "nonsense"])
def test_a_url_that_nobody_knows_is_told(url: str) -> None:
    """With the ones that are known."""
    code, _, error = docmill("orgs", "list", "--json", database_url=url)
    assert (code, "postgresql://" in error["message"]) == (failures.REFUSED, True)


def test_credits_are_granted_taken_back_and_shown(data: Path) -> None:
    """A new organization has none; what is not there cannot be taken back; a note is kept."""
    _, out, _ = docmill("orgs", "create", "Acme", "--plan", "doclo.pro", "--json", data=data)
    org = json.loads(out)["id"]
    code, out, _ = docmill("credits", "show", "--org", org, "--json", data=data)
    assert (code, json.loads(out)) == (0, {"org": org, "available": 0, "reserved": 0, "used": 0, "transfers": []})
    code, out, _ = docmill("credits", "grant", "--org", org, "100", "--note", "first month", "--json", data=data)
    granted = json.loads(out)
    assert (code, granted["available"], granted["transfer"]["kind"]) == (0, 100, "GRANTED")
    code, out, _ = docmill("credits", "grant", "--org", org, "-30", "--json", data=data)
    assert (code, json.loads(out)["available"]) == (0, 70)
    code, _, error = docmill("credits", "grant", "--org", org, "-71", "--json", data=data)
    assert (code, error["reason"]) == (failures.REFUSED, "CREDITS_INSUFFICIENT")
    assert error["details"] == {"required": "71", "available": "70"}
    code, out, _ = docmill("credits", "show", "--org", org, "--limit", "1", data=data)
    assert code == 0
    assert out.startswith("70 available, 0 reserved, 0 used\n")
    assert ("TAKEN_BACK" in out, "first month" in out) == (True, False)
    code, _, error = docmill("credits", "grant", "--org", "org_nobody", "1", "--json", data=data)
    assert (code, error["reason"]) == (failures.REFUSED, "ORGANIZATION_NOT_FOUND")
