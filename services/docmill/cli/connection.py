"""How a command finds docmill, and what it says when docmill is not there or lets nobody in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from json import loads
from pathlib import Path

from docmill.cli.failures import UsageError
from docmill.cli.options import Server
from docmill.client import AsyncDocmill, AuthenticationError, ConnectionFailedError

DEFAULT_GRPC = "127.0.0.1:50051"
DEFAULT_FOLDER = Path(".docmill")


@asynccontextmanager
async def connect(server: Server) -> AsyncIterator[AsyncDocmill]:
    """A client of `server`. Errors of the connection say what a user of the command line can do."""
    target, api_key = (server.grpc, server.api_key) if server.grpc else _on_this_machine(server)
    try:
        client = AsyncDocmill(target, api_key, tls=server.tls)
    except ValueError as error:
        raise UsageError(f"--grpc: {error}") from None
    try:
        async with client as docmill:
            yield docmill
    except ConnectionFailedError as error:
        if server.grpc or server.tls:
            raise
        raise ConnectionFailedError(f"{error.message}; start it with `docmill up` (or `make up`)") from error
    except AuthenticationError as error:
        if api_key:
            raise
        message = f"{target} wants an API key: give it as --api-key or DOCMILL_API_KEY"
        raise AuthenticationError(message, code=error.code, reason=error.reason, details=error.details) from error


def _on_this_machine(server: Server) -> tuple[str, str]:
    """Address and key of the `docmill up` on the folder; with a key of the user's also of one that is not found so."""
    folder = server.up or DEFAULT_FOLDER
    if server.up is not None and not folder.is_dir():
        raise UsageError(f"--up {folder}: there is no such folder")
    here = _running_on(folder)
    if here:
        return here["grpc"], server.api_key or here["api_key"]
    if server.api_key and server.up is None:
        return DEFAULT_GRPC, server.api_key
    raise ConnectionFailedError(
        f"no `docmill up` runs on {folder.absolute()}: start it (or `make up`), say with --up on which folder it runs, "
        "or set DOCMILL_GRPC and DOCMILL_API_KEY"
    )


def _running_on(folder: Path) -> dict[str, str]:
    """How to reach the `docmill up` on a folder; nothing when none runs there."""
    try:
        facts: dict[str, str] = loads((folder / "run" / "up.json").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return facts
