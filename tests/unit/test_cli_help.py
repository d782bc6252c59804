"""The command line without a server: help, usage errors, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from docmill.bus import BusUnavailable
from docmill.bus.server import ServerFailed
from docmill.cli import failures, main
from docmill.client import errors
from docmill.domain.errors import InternalError, InvalidArgument, NotFound, Reason, Unauthenticated, Unavailable
from docmill.store import StoreUnavailable


def commands(app: App, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of every command under `app`."""
    for name in app:
        if not name.startswith("-"):
            yield (*path, name)
            yield from commands(app[name], *path, name)


COMMANDS = sorted(commands(main.app))


def test_the_commands_are_those_scripts_rely_on() -> None:
    """No command disappears by accident."""
    assert {" ".join(words) for words in COMMANDS} == {
        *("run", "watch", "cancel", "runs", "runs list", "runs get", "flows", "flows list", "flows show"),
        *("flows apply", "up", "serve", "migrate", "config", "doctor", "orgs", "orgs create", "orgs list"),
        *("keys", "keys create", "keys list", "keys revoke", "credits", "credits grant", "credits show"),
        *("deliveries", "deliveries list", "deliveries redeliver", "orgs webhook-secret"),
        *("orgs set-plan", "usage", "eval", "batch", "batches", "batches list", "batches watch", "batches results"),
        "batches cancel",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` of each command shows its usage, and says what each of its arguments, options and commands does."""
    monkeypatch.setenv("COLUMNS", "250")
    assert main.main([*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: docmill {' '.join(words)}" in out
    rows = [line.strip("│ *") for line in out.splitlines() if line.startswith("│")]
    assert [row for row in rows if not re.search(r"\S {2,}[^\[\s]", row)] == []


def test_help_loads_nothing_heavy() -> None:
    """The command line starts without gRPC, the store, the bus or anything that reads documents."""
    heavy = [
        "grpc",
        "sqlalchemy",
        "nats",
        "obstore",
        "pydantic",
        "cv2",
        "numpy",
        "onnxruntime",
        "structlog",
        "rich.progress",
        "yaml",
    ]
    code = f"import sys, docmill.cli.main\nprint([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"


def test_eval_runs_on_the_base_install() -> None:
    """Against a docmill elsewhere nothing of the extras is needed; pictures of the misses need Pillow."""
    extras = ["PIL", "structlog", "orjson", "numpy"]
    code = f"import sys, docmill.cli.evaluate_runs, docmill.evaluate\nprint([m for m in {extras} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "frobnicate"),
        (["--quiet", "runs"], "Unknown option: --quiet; options come after the command. Try: docmill --help"),
        (["runs", "frobnicate"], "Try: docmill runs --help"),
        (["run"], "FLOW is missing (docmill run FLOW FILES...). Try: docmill run --help"),
        (["run", "invoice-extractor"], "FILES is missing (docmill run FLOW FILES...). Try: docmill run --help"),
        (["run", "invoice-extractor", str(Path(__file__).parent)], f"this is a folder: {Path(__file__).parent}; name"),
        (["runs", "list", "--grpc"], "--grpc needs a value. Try: docmill runs list --help"),
        (["runs", "list", "--grpc", "http://localhost:1"], "write host:port, without http://"),
        (["runs", "list", "--up", "/no/such"], "--up /no/such: there is no such folder"),
        (["keys", "create"], "--org is missing (docmill keys create --org ORG). Try: docmill keys create --help"),
        (["flows", "apply", "no-such.yaml"], "no such file: no-such.yaml"),
        (["flows", "apply", str(Path(__file__).parent)], "there is no flow in"),
        (["run", "invoice-extractor", "no-such.pdf"], "no such file: no-such.pdf"),
        (["run", "invoice-extractor", __file__, "--var", "units"], "name=value"),
        (["run", "invoice-extractor", __file__, "--metadata", "{"], "--metadata is no JSON"),
        (["run", "invoice-extractor", __file__, "--metadata", "[]"], "must be a JSON object"),
        (["runs", "list", "--status", "done"], "done"),
        (["runs", "list", "--limit", "0"], "limit"),
        (["keys", "create", "--org", "org_1", "--scopes", "flows:read,flows:burn"], "flows:burn"),
        (["keys", "create", "--org", "org_1", "--expires", "tomorrow"], "ISO 8601"),
    ],
)
def test_wrong_command_lines_exit_with_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command line that cannot be right is one plain line on stderr that says what is wrong, never a traceback."""
    assert main.main(arguments) == failures.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("docmill: ")
    assert said in err
    assert err.count("\n") == 1


def test_nobody_there_exits_with_3(capsys: pytest.CaptureFixture[str], unused_tcp_port: int) -> None:
    """A server that cannot be reached is said plainly, with its address; for programs as JSON."""
    target = f"127.0.0.1:{unused_tcp_port}"
    assert main.main(["runs", "get", "run_1", "--grpc", target]) == failures.UNREACHABLE
    assert capsys.readouterr().err == f"docmill: cannot reach docmill at {target}: Connection refused\n"
    assert main.main(["watch", "run_1", "--json", "--grpc", target]) == failures.UNREACHABLE
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["reason"], target in error["message"]) == ("UNREACHABLE", True)


def test_a_docmill_of_this_machine_that_is_away_can_be_started(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, unused_tcp_port: int
) -> None:
    """A `docmill up` that died, or none at all: exit code 3 and what to do; a key alone looks at the usual address."""
    assert main.main(["runs", "list", "--up", str(tmp_path)]) == failures.UNREACHABLE
    err = capsys.readouterr().err
    assert err.startswith(f"docmill: no `docmill up` runs on {tmp_path}: start it (or `make up`)")
    assert all(word in err for word in ("--up", "DOCMILL_GRPC", "DOCMILL_API_KEY"))
    (tmp_path / "run").mkdir()
    target = f"127.0.0.1:{unused_tcp_port}"
    (tmp_path / "run" / "up.json").write_text(json.dumps({"grpc": target, "api_key": "dc_test_x"}))
    assert main.main(["runs", "list", "--up", str(tmp_path)]) == failures.UNREACHABLE
    said = f"cannot reach docmill at {target}: Connection refused; start it with `docmill up` (or `make up`)"
    assert capsys.readouterr().err == f"docmill: {said}\n"


def test_outside_the_folder_the_command_says_what_to_set(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an address, a key or a `docmill up` here nothing is asked of anybody."""
    monkeypatch.chdir(tmp_path)
    assert main.main(["watch", "run_1"]) == failures.UNREACHABLE
    assert f"no `docmill up` runs on {tmp_path / '.docmill'}" in capsys.readouterr().err


def test_an_error_of_several_lines_is_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What a parser says about a flow file is told in one line."""
    file = tmp_path / "flow.yaml"
    file.write_text("a: [\nb: c\n")
    assert main.main(["flows", "apply", str(file)]) == failures.REFUSED
    err = capsys.readouterr().err
    assert (err.count("\n"), f"{file} is not YAML" in err) == (1, True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConnectionFailedError("x"), failures.UNREACHABLE),
        (errors.AuthenticationError("x"), failures.CREDENTIALS),
        (errors.PermissionDeniedError("x"), failures.CREDENTIALS),
        (errors.NotFoundError("x"), failures.REFUSED),
        (errors.OutOfRangeError("x"), failures.REFUSED),
        (errors.FailedPreconditionError("x"), failures.REFUSED),
        (errors.UnavailableError("x"), failures.BROKEN),
        (errors.ServerError("x"), failures.BROKEN),
        (NotFound(Reason.RUN_NOT_FOUND, "x"), failures.REFUSED),
        (InvalidArgument(Reason.FIELD_INVALID, "x"), failures.REFUSED),
        (Unauthenticated(Reason.CREDENTIAL_INVALID, "x"), failures.CREDENTIALS),
        (Unavailable(Reason.OVERLOADED, "x"), failures.BROKEN),
        (InternalError("x"), failures.BROKEN),
        (ServerFailed("x"), failures.BROKEN),
        (StoreUnavailable("x"), failures.UNREACHABLE),
        (BusUnavailable("x"), failures.UNREACHABLE),
        (TimeoutError("x"), failures.UNREACHABLE),
        (FileNotFoundError(2, "x", "there"), failures.USAGE),
        (OSError(28, "x"), failures.BROKEN),
        (KeyError("x"), failures.BROKEN),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    """Errors of the client, of docmill itself and of Python end a command with the documented codes."""
    assert failures.exit_code(error) == code
    assert failures.report(error, as_json=False) == code
    assert f"\n  {code}    " in (main.__doc__ or "")


def test_a_package_that_is_not_installed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A base install that is asked for a server command says what to install."""
    missing = ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy")
    assert failures.report(missing, as_json=False) == failures.USAGE
    assert "pip install" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreUnavailable("the database is away"), "docmill: the database is away\n"),
        (ServerFailed("nats-server is not installed"), "docmill: nats-server is not installed\n"),
        (Unavailable(Reason.OVERLOADED, "try again"), "docmill: try again (OVERLOADED)\n"),
        (FileNotFoundError(2, "No such file or directory", "there"), "docmill: there: No such file or directory\n"),
        (OSError(28, "No space left on device"), "docmill: No space left on device\n"),
        (KeyError("surprise"), "docmill: unexpected KeyError: 'surprise'\n"),
    ],
)
def test_failures_of_parts_are_said_plainly(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with what was wrong; only what nobody foresaw is called unexpected."""
    failures.report(error, as_json=False)
    assert capsys.readouterr().err == said
