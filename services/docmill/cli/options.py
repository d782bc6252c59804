"""Options that many commands share."""

from collections.abc import Sequence
from dataclasses import dataclass
from json import JSONDecodeError, loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from docmill.cli.failures import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from docmill.client import AsyncDocmill
    from docmill.settings import Settings

DOCUMENTS = Group.create_ordered("Documents")
OPERATION = Group.create_ordered("Operation")

AsJson = Annotated[bool, Parameter(name="--json", help="JSON for programs, with times in UTC.")]

Data = Annotated[
    Path | None,
    Parameter(name="--data", help="Folder of an embedded installation; without it the settings in force say where."),
]


@Parameter(name="*", group="Connection")
@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Which docmill to talk to, and as whom."""

    grpc: Annotated[str, Parameter(env_var="DOCMILL_GRPC", show_default=False)] = ""
    """Address: `host:port` or `unix:/path`; without it, the `docmill up` that runs on this machine."""
    api_key: Annotated[str, Parameter(env_var="DOCMILL_API_KEY", show_default=False)] = ""
    """The key."""
    tls: Annotated[bool, Parameter(env_var="DOCMILL_TLS")] = False
    """Encrypt the connection and check the server's certificate against the system's authorities."""

    up: Annotated[Path | None, Parameter(env_var="DOCMILL_DATA", show_default=False)] = None
    """Data folder of that `docmill up`; `.docmill` if not given."""

    def connect(self) -> "AbstractAsyncContextManager[AsyncDocmill]":
        """The client for it, closed at the end of the block."""
        from docmill.cli.connection import connect  # noqa: PLC0415 - gRPC loads in the commands that talk to docmill

        return connect(self)


LOCAL = Server()


def settings_of(data: Path | None, **given: Any) -> "Settings":
    """The settings in force, on the data folder `data` if one is named."""
    from docmill.settings import load_settings  # noqa: PLC0415 - pydantic loads in operator commands only

    if data is not None:
        given["data"] = data.absolute()
    return load_settings(**given)


def pairs(given: Sequence[str] | None, option: str, what: str) -> dict[str, str]:
    """`name=value` of an option that may be given several times. `what` it is, for the complaint: `a label`."""
    found: dict[str, str] = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"{option} {pair!r}: {what} is given as name=value")
        found[name] = value
    return found


def variables(given: Sequence[str] | None) -> dict[str, Any] | None:
    """Values of `--var`: JSON, or text where it is none; None where there are none."""
    return {name: _value(text) for name, text in pairs(given, "--var", "a variable").items()} or None


def _value(text: str) -> Any:
    try:
        return loads(text)
    except JSONDecodeError:
        return text
