"""`docmill up`, `serve`, `migrate`, `config` and `doctor`: running docmill itself."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

import os
import sys
from json import dumps
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from docmill.cli.failures import DONE, NOT_DONE
from docmill.cli.options import AsJson, Data, settings_of
from docmill.cli.output import Styled, json_line, notice, table


def up(
    *,
    data: Data = None,
    grpc: str | None = None,
    rest: str | None = None,
    workers: Annotated[int | None, Parameter(validator=Number(gte=1, lte=256))] = None,
    ready_file: Path | None = None,
) -> int:
    """Run everything on this machine until Ctrl-C.

    Bus, services, gateway and workers work on one data folder. What dies is started again; a second start on the same folder goes on with the runs that had not ended.

    Args:
        grpc: Where to listen, `host:port` (port 0 picks a free one) or `unix:/path`; the settings say it otherwise.
        rest: Where the REST gateway listens, `host:port` (port 0 picks a free one); the settings say it otherwise.
        workers: Reading processes; one for each core when not given.
        ready_file: Written as JSON once everything serves: addresses, process id, data folder and development key.
    """
    from docmill.supervisor import UpOptions, run_up  # noqa: PLC0415 - the server loads in operator commands only

    folder = settings_of(data).data
    return run_up(
        UpOptions(data=folder, grpc=grpc, rest=rest, workers=workers, ready_file=ready_file), announce=_announce
    )


def serve(*, role: Literal["services", "gateway", "worker"]) -> int:
    """Run one role of a cluster until SIGTERM.

    The settings come from DOCMILL_ variables and from the TOML file that DOCMILL_CONFIG names.

    Args:
        role: `services` (record, engine, gRPC), `gateway` (REST) or `worker` (reading).
    """
    from docmill import app  # noqa: PLC0415 - the server loads in operator commands only
    from docmill.settings import unknown_variables  # noqa: PLC0415 - as above

    return app.serve(role, settings_of(None), warnings=unknown_variables())


def migrate(*, data: Data = None) -> None:
    """Bring the database to this release's schema; where there is none, make it."""
    from docmill import app  # noqa: PLC0415 - the server loads in operator commands only

    settings = settings_of(data)
    made = app.absent_database(settings)
    app.migrate(settings)
    if made is not None:
        notice(f"made a new database: {made}")
    print("the database is up to date")


def config(*, data: Data = None, json: AsJson = False) -> None:
    """Print the settings in force, with secrets masked; on stderr the variables that are none."""
    settings = settings_of(data).describe()
    from docmill.settings import unknown_variables  # noqa: PLC0415 - pydantic loads in operator commands only

    for unknown in unknown_variables():
        notice(unknown)
    if json:
        json_line(settings)
        return
    for name, value in settings.items():
        print(f"{name} = {_toml(value)}" if value is not None else f"# {name} is not set")


def doctor(*, data: Data = None, json: AsJson = False) -> int:
    """Check the settings, what is installed, which engines work, and whether the bus can be reached."""
    from docmill import doctor as checkup  # noqa: PLC0415 - the server loads in operator commands only

    checks = checkup.doctor(settings_of(data))
    if json:
        for check in checks:
            json_line({"name": check.name, "ok": check.ok, "detail": check.detail})
    else:
        marks = {True: Styled("ok", "green"), False: Styled("wrong", "red"), None: Styled("absent", "dim")}
        table(["", "PART", ""], [(marks[check.ok], check.name, check.detail) for check in checks], nothing="")
    return NOT_DONE if any(check.ok is False for check in checks) else DONE


def _announce(facts: dict[str, Any]) -> None:
    print(f"docmill serves gRPC on {facts['grpc']} and REST on http://{facts['rest']}; data in {facts['data']}.")
    print("Ctrl-C stops it. In another terminal:")
    scripts = Path(sys.executable).parent
    if str(scripts) not in os.get_exec_path() and (scripts / "activate").exists():
        print(f"  . {quote(str(_near(scripts / 'activate')))}")
    print(f"  export DOCMILL_GRPC={quote(facts['grpc'])} DOCMILL_API_KEY={facts['api_key']}")
    sample = Path("examples/invoice.pdf")
    print(f"  docmill run invoice-extractor {sample if sample.exists() else 'INVOICE.pdf'}", flush=True)


def _near(path: Path) -> Path:
    """As seen from here, where it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return dumps(value)  # a TOML basic string is a JSON string
    return str(value)
