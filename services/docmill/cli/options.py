"""Options that many commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Group, Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from docmill.client import AsyncDocmill
    from docmill.settings import Settings

T = TypeVar("T")

DOCUMENTS = Group.create_ordered("Documents")
OPERATION = Group.create_ordered("Operation")

AsJson = Annotated[bool, Parameter(name="--json", help="JSON for programs, with times in UTC.")]

Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000), help="How many at most.")]

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


async def first(found: "AsyncIterator[T]", limit: int) -> list[T]:
    """At most `limit` things of a list that is drawn from the server as needed."""
    taken: list[T] = []
    async for each in found:
        taken.append(each)
        if len(taken) == limit:
            break
    return taken


def settings_of(data: Path | None, **given: Any) -> "Settings":
    """The settings in force, on the data folder `data` if one is named."""
    from docmill.settings import load_settings  # noqa: PLC0415 - pydantic loads in operator commands only

    if data is not None:
        given["data"] = data.absolute()
    return load_settings(**given)
