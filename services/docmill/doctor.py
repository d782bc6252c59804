"""`docmill doctor`: what is installed, which engines work, and whether every part can be reached."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from docmill import app
from docmill.settings import Settings

_PARTS = {"docmill": "", "grpcio": "", "nats-py": "server", "pypdfium2": "ocr", "onnxruntime": "ocr", "rapidocr": "ocr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `ok` is None where a part is optional and absent."""

    name: str
    ok: bool | None
    detail: str


def doctor(settings: Settings) -> list[Check]:
    """Everything that can be looked at without changing anything."""
    return [_python(), *_packages(), *_engines(), _nats_program(), *asyncio.run(_connections(settings))]


def _python() -> Check:
    return Check(name="python", ok=True, detail=f"{platform.python_version()} on {platform.machine()}")


def _packages() -> list[Check]:
    checks = []
    for package, extra in _PARTS.items():
        try:
            checks.append(Check(name=f"package {package}", ok=True, detail=version(package)))
        except PackageNotFoundError:
            hint = f"pip install 'docmill[{extra}]'" if extra else "pip install docmill"
            checks.append(Check(name=f"package {package}", ok=False, detail=f"missing: {hint}"))
    return checks


def _engines() -> list[Check]:
    from docmill.ocr.registry import available_engines  # noqa: PLC0415 - needs the ocr extra

    engines = available_engines()
    checks = [
        Check(
            name=f"ocr engine {engine.name}",
            ok=True if engine.works else None,
            detail=f"{engine.device}; {engine.note}" if engine.device and engine.note else engine.device or engine.note,
        )
        for engine in engines
    ]
    works = [engine.name for engine in engines if engine.works]
    detail = ", ".join(works) if works else "none works: pip install 'docmill[ocr]'"
    return [*checks, Check(name="ocr", ok=bool(works), detail=detail)]


def _nats_program() -> Check:
    from docmill.bus.server import ServerFailed, find_nats_server  # noqa: PLC0415 - needs the server extra

    try:
        return Check(name="nats-server program", ok=True, detail=str(find_nats_server()))
    except ServerFailed as error:
        return Check(name="nats-server program", ok=None, detail=str(error))


async def _connections(settings: Settings) -> list[Check]:
    disk = shutil.disk_usage(settings.data if settings.data.exists() else settings.data.absolute().anchor)
    return [
        Check(name="disk", ok=disk.free > 1 << 30, detail=f"{disk.free / (1 << 30):.1f} GiB free"),
        await _reach("database", lambda: _ping_store(settings)),
        await _reach("blobs", lambda: _ping_blobs(settings)),
        await _reach("bus", lambda: _ping_bus(settings)),
    ]


async def _reach(name: str, ping: Callable[[], Awaitable[str]]) -> Check:
    try:
        async with asyncio.timeout(10):
            return Check(name=name, ok=True, detail=await ping())
    except Exception as error:
        return Check(name=name, ok=False, detail=str(error) or type(error).__name__)


async def _ping_store(settings: Settings) -> str:
    if not settings.database_url and not (settings.data / "docmill.db").exists():
        return f"none yet in {settings.data}; `docmill up` makes it"
    async with app.open_store(settings) as store:
        await store.ping()
    return str(settings.describe()["store_url"])


async def _ping_blobs(settings: Settings) -> str:
    async with app.open_blobs(settings) as blobs:
        await blobs.ping()
    return str(settings.describe()["blob_url"])


async def _ping_bus(settings: Settings) -> str:
    if not settings.bus_url:
        settings = settings.model_copy(update={"bus_url": _bus_of_up(settings)})
    if not settings.bus_url:
        return f"none runs on {settings.data}; `docmill up` starts one"
    async with app.open_bus(settings, "doctor") as bus:
        await bus.ping()
    return str(settings.describe()["bus_url"])


def _bus_of_up(settings: Settings) -> str:
    """The bus of a `docmill up` that runs on the data folder, or empty."""
    try:
        return str(json.loads(settings.up_file.read_text())["bus_url"])
    except FileNotFoundError:
        return ""
