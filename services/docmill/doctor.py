"""`docmill doctor`: what is installed, which engines work, and whether every part can be reached."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from docmill import app
from docmill.domain.errors import FailedPrecondition, InvalidArgument, Reason
from docmill.masking import masked
from docmill.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from docmill.ocr.plugins import EngineOptions

_PARTS = {"docmill": "", "grpcio": "", "nats-py": "server", "starlette": "gateway", "uvicorn": "gateway",
          "pypdfium2": "ocr", "openvino": "ocr", "onnxruntime": "ocr"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `ok` is None where a part is optional and absent."""

    name: str
    ok: bool | None
    detail: str


def doctor(settings: Settings) -> list[Check]:
    """Everything that can be looked at without changing anything."""
    parts = [*_packages(), *_engines(settings), _nats_program(), *asyncio.run(_connections(settings))]
    return [_python(), *_variables(), *parts]


def _python() -> Check:
    return Check(name="python", ok=True, detail=f"{platform.python_version()} on {platform.machine()}")


def _variables() -> list[Check]:
    wrong = [Check(name="settings", ok=False, detail=unknown) for unknown in unknown_variables()]
    return wrong or [Check(name="settings", ok=True, detail="every DOCMILL_ variable is known")]


def _packages() -> list[Check]:
    checks = []
    for package, extra in _PARTS.items():
        try:
            checks.append(Check(name=f"package {package}", ok=True, detail=version(package)))
        except PackageNotFoundError:
            hint = f"pip install 'docmill[{extra}]'" if extra else "pip install docmill"
            checks.append(Check(name=f"package {package}", ok=False, detail=f"missing: {hint}"))
    return checks


def _engines(settings: Settings) -> list[Check]:
    from docmill.ocr.plugins import EngineOptions  # noqa: PLC0415 - needs the ocr extra
    from docmill.ocr.registry import available_engines  # noqa: PLC0415 - as above

    options = EngineOptions(
        weights_dir=settings.ocr_weights,
        languages=settings.languages,
        gpu=settings.ocr_gpu,
        gpu_memory=settings.ocr_gpu_memory,
        precision=settings.ocr_precision,
        profile=settings.ocr_profile,
    )
    engines = available_engines(options)
    checks = [
        Check(
            name=f"ocr engine {engine.name}",
            ok=True if engine.works else None,
            detail=f"{engine.device}; {engine.note}" if engine.device and engine.note else engine.device or engine.note,
        )
        for engine in engines
    ]
    return [*checks, _engine_in_force(settings.ocr_engine, options)]


def _engine_in_force(name: str, options: EngineOptions) -> Check:
    """The one that a worker would read with, in the languages and the profile of the settings."""
    from docmill.ocr import EngineUnavailable  # noqa: PLC0415 - needs the ocr extra
    from docmill.ocr.registry import find_factory  # noqa: PLC0415 - as above

    try:
        status = find_factory(name, options).status(options)
    except (EngineUnavailable, InvalidArgument) as error:
        wrong = error.message if isinstance(error, InvalidArgument) else str(error)
    else:
        if status.works:
            return Check(name="ocr", ok=True, detail=f"{status.name} (DOCMILL_OCR_ENGINE is {name})")
        wrong = status.note
    return Check(name="ocr", ok=False, detail=f"DOCMILL_OCR_ENGINE is {name}: {wrong}")


def _nats_program() -> Check:
    from docmill.bus.server import ServerFailed, find_nats_server  # noqa: PLC0415 - needs the server extra

    try:
        return Check(name="nats-server program", ok=True, detail=str(find_nats_server()))
    except ServerFailed as error:
        return Check(name="nats-server program", ok=None, detail=str(error))


async def _connections(settings: Settings) -> list[Check]:
    disk = shutil.disk_usage(_nearest(settings.data))
    return [
        Check(name="disk", ok=disk.free > 1 << 30, detail=f"{disk.free / (1 << 30):.1f} GiB free"),
        await _reach("database", lambda: _look_at_database(settings)),
        await _reach("blobs", lambda: _look_at_blobs(settings)),
        await _reach("bus", lambda: _look_at_bus(settings)),
        *([await _reach("language model", lambda: _look_at_llm(settings))] if settings.llm_models else []),
    ]


async def _reach(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        async with asyncio.timeout(10):
            return Check(name=name, ok=True, detail=await look())
    except Exception as error:
        return Check(name=name, ok=False, detail=getattr(error, "message", str(error)) or type(error).__name__)


async def _look_at_database(settings: Settings) -> str:
    from docmill.store.sql.migrate import pending  # noqa: PLC0415 - needs the server extra

    if not settings.database_url and not (settings.data / "docmill.db").exists():
        return _to_be_made(settings.data)
    if await asyncio.to_thread(pending, settings.store_url):
        raise FailedPrecondition(Reason.SCHEMA_OUTDATED, "not at this release's schema: run `docmill migrate`")
    return str(settings.describe()["store_url"])


async def _look_at_blobs(settings: Settings) -> str:
    url = urlsplit(settings.blob_url)
    if url.scheme == "file":
        folder = Path(unquote(url.path))
        return _writable(folder) if folder.exists() else _to_be_made(folder)
    async with app.open_blobs(settings) as blobs:
        await blobs.ping()  # S3 is asked for an object that need not be there
    return str(settings.describe()["blob_url"])


async def _look_at_bus(settings: Settings) -> str:
    from docmill.bus.ping import ping  # noqa: PLC0415 - needs the server extra

    url = settings.bus_url or _bus_of_up(settings)
    if not url:
        return f"none runs on {settings.data}; `docmill up` starts one"
    if not url.startswith("memory:"):
        await ping(url)
    return masked(url)


async def _look_at_llm(settings: Settings) -> str:
    from docmill.extract.llm.client import ChatClient  # noqa: PLC0415 - needs the server extra

    options = app.llm_options(settings)
    assert options is not None
    async with ChatClient(options) as client:
        return f"{', '.join(options.models)} at {options.base_url}; {await client.look()}"


def _bus_of_up(settings: Settings) -> str:
    """The bus of a `docmill up` that runs on the data folder, or empty."""
    try:
        return str(json.loads(settings.up_file.read_text())["bus_url"])
    except FileNotFoundError:
        return ""


def _to_be_made(folder: Path) -> str:
    _writable(_nearest(folder))
    return f"none yet in {folder}; `docmill up` makes it"


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _writable(folder: Path) -> str:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written by this user")
    return str(folder)
