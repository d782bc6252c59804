"""The composition root: the only file that knows which implementation runs. Opens in order, closes in reverse."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from docmill.blobs import BlobStore
from docmill.bus import Bus, Side
from docmill.domain.errors import DocmillError, FailedPrecondition, InvalidArgument, Reason
from docmill.engine.operate import Operator
from docmill.engine.plan_files import load_plans
from docmill.secret_key import open_vault
from docmill.settings import Settings
from docmill.store import Store

if TYPE_CHECKING:
    from grpc import ServerCredentials

    from docmill.engine import Engine
    from docmill.engine.notices import Webhooks
    from docmill.extract.llm.options import LlmOptions
    from docmill.rpc.server import RpcServer

log = structlog.get_logger(__name__)

_HEALTH_SECONDS = 5.0


def serve(
    role: str,
    settings: Settings,
    *,
    warnings: Sequence[str] = (),
    failed: Callable[[DocmillError], None] = lambda _: None,
) -> int:
    """Run one role (`services`, `gateway` or `worker`) until SIGTERM or SIGINT. 0 after an orderly end, 1 after a failure.

    `warnings` about the settings are the log's first lines; `failed` gets the error whose message says what to do.
    """
    from docmill.telemetry import configure_logging  # noqa: PLC0415 - structlog's console renderer is slow to import

    configure_logging(settings, role)
    for warning in warnings:
        log.warning(warning, event_key="settings.unknown")
    run = {"services": serve_services, "gateway": serve_gateway, "worker": serve_worker}[role]
    try:
        with _runner() as runner:
            runner.run(_until_signalled(run, settings))
    except DocmillError as error:  # its message says what to do
        log.error(error.message, event_key="app.failed", reason=error.reason)  # noqa: TRY400
        failed(error)
        return 1
    except Exception:
        log.exception("the role failed", event_key="app.failed")
        return 1
    return 0


def _runner() -> asyncio.Runner:
    import uvloop  # noqa: PLC0415 - clients and the command line never need it

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _until_signalled(run: Callable[[Settings, asyncio.Event], Awaitable[None]], settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.ready_file is not None:
        settings.ready_file.unlink(missing_ok=True)  # of a start before this one, killed with its container
    await run(settings, stop)


async def serve_services(settings: Settings, stop: asyncio.Event) -> None:
    """The record, the engine's loops and the gRPC server."""
    from docmill.engine import Engine  # noqa: PLC0415 - a worker needs none of it
    from docmill.engine.catalog import Catalog  # noqa: PLC0415
    from docmill.engine.context import Context, EngineOptions  # noqa: PLC0415
    from docmill.rpc.server import RpcServer, ServerOptions  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        blobs = await stack.enter_async_context(open_blobs(settings))
        bus = await stack.enter_async_context(open_bus(settings, Side.SERVICES))
        webhooks = await stack.enter_async_context(open_webhooks(settings))
        options = EngineOptions(
            max_document_bytes=settings.max_document_mb * 1024 * 1024,
            probe_wait=timedelta(seconds=settings.probe_wait_s),
            run_timeout=settings.run_timeout,
            lease=timedelta(seconds=settings.lease_s),
            unused_document_kept=timedelta(hours=settings.unused_document_h),
            batch_kept=timedelta(days=settings.batch_kept_days),
            llm_models=settings.llm_models,
        )
        plans = load_plans(settings.plans_file)
        engine = Engine(
            Context(
                store=store,
                blobs=blobs,
                bus=bus,
                options=options,
                catalog=Catalog(has_llm=bool(settings.llm_models)),
                plans=plans,
                limits=plans.limits,
                webhooks=webhooks,
            )
        )
        await engine.prepare()
        loops = asyncio.create_task(engine.serve(), name="engine")
        listen = (settings.grpc, settings.grpc_local) if settings.grpc_local else (settings.grpc,)
        server = RpcServer(
            engine,
            ServerOptions(listen=listen, reflection=settings.reflection, credentials=_tls(settings)),
        )
        address, *_ = await server.start()
        health = asyncio.create_task(_watch_health(engine, server))
        _ready(settings, {"role": "services", "grpc": address, "pid": os.getpid()})
        log.info("the services serve", event_key="services.ready", grpc=address)
        try:
            await _first(loops, stop)
        finally:
            health.cancel()
            await server.stop(grace_s=min(5.0, settings.shutdown_grace_s))
            loops.cancel()
            await asyncio.gather(loops, health, return_exceptions=True)


async def _watch_health(engine: Engine, server: RpcServer) -> None:
    """Health checks hear NOT_SERVING while the record is away."""
    while True:
        await asyncio.sleep(_HEALTH_SECONDS)
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                await engine.ping()
        except OSError:  # StoreUnavailable and TimeoutError are some
            await server.set_serving(serving=False)
        else:
            await server.set_serving(serving=True)


def _tls(settings: Settings) -> ServerCredentials | None:
    """The credentials of the listeners, where the settings name a certificate and its key (PEM)."""
    if settings.grpc_tls_cert is None or settings.grpc_tls_key is None:
        return None
    import grpc  # noqa: PLC0415 - the other roles need none of it

    try:
        pair = (settings.grpc_tls_key.read_bytes(), settings.grpc_tls_cert.read_bytes())
    except OSError as error:
        raise InvalidArgument(
            Reason.FIELD_INVALID, f"The TLS certificate or key cannot be read: {error.filename}: {error.strerror}"
        ) from None
    return grpc.ssl_server_credentials([pair])


async def serve_gateway(settings: Settings, stop: asyncio.Event) -> None:
    """The REST surfaces, in front of services that are reached over gRPC."""
    from docmill.gateway.factory import GatewayOptions  # noqa: PLC0415 - the other roles need none of it
    from docmill.gateway.server import AddressTaken, serve  # noqa: PLC0415
    from docmill.gateway.upstream import UpstreamOptions  # noqa: PLC0415

    options = GatewayOptions(
        max_body_bytes=settings.max_body_mb * 1024 * 1024,
        trusted_proxies=_listed(settings.trusted_proxies),
        cors_origins=_listed(settings.cors_origins),
        status_vocabulary=settings.status_vocabulary,
        public_url=settings.public_url,
    )
    target = settings.grpc_upstream or settings.grpc
    upstream = UpstreamOptions(target=target, root_certificates=_upstream_ca(settings))

    def ready(address: str) -> None:
        _ready(settings, {"role": "gateway", "rest": address, "pid": os.getpid()})
        log.info("the gateway serves", event_key="gateway.ready", rest=address, upstream=target)

    grace = min(10.0, settings.shutdown_grace_s)
    try:
        await serve(options, upstream, stop, listen=settings.rest, grace_s=grace, ready=ready)
    except AddressTaken as error:
        message = f"{error} (DOCMILL_REST, --rest)"
        raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "rest"}) from error


def _listed(text: str) -> list[str]:
    return [item for item in (item.strip() for item in text.split(",")) if item]


def _upstream_ca(settings: Settings) -> bytes | None:
    """The authorities that a TLS connection to the services is checked against."""
    if settings.grpc_upstream_ca is None:
        return None
    try:
        return settings.grpc_upstream_ca.read_bytes()
    except OSError as error:
        message = f"The certificate authorities cannot be read: {error.filename}: {error.strerror}"
        raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "grpc_upstream_ca"}) from None


async def serve_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Reading processes, and the loop that feeds them from the bus."""
    from docmill.worker import main as worker  # noqa: PLC0415 - the services need none of it
    from docmill.worker.handlers import Timeouts  # noqa: PLC0415
    from docmill.worker.options import WorkerOptions  # noqa: PLC0415
    from docmill.worker.process import EngineUnusable  # noqa: PLC0415

    options = WorkerOptions(
        worker_id=f"{socket.gethostname()}-{os.getpid()}",
        slots=settings.slots,
        ack_wait=settings.ack_wait_s,
        grace=settings.shutdown_grace_s,
    )
    setup = worker.WorkerSetup(
        options=options,
        cache_folder=settings.data / "cache",
        engine=settings.ocr_engine,
        weights_dir=str(settings.ocr_weights or ""),
        page_cache=settings.page_cache,
        languages=settings.languages,
        gpu=settings.ocr_gpu,
        gpu_memory=settings.ocr_gpu_memory,
        precision=settings.ocr_precision,
        profile=settings.ocr_profile,
        limits={"max_pixels": settings.max_pixels},
        memory_limit=settings.child_memory_mb * 1024 * 1024,
        recycle_after=settings.recycle_pages,
        timeouts=Timeouts(page=settings.page_timeout_s, llm=settings.llm_document_timeout_s),
        llm=llm_options(settings),
        llm_children=settings.llm_children,
        llm_max_input=settings.llm_input_chars,
        llm_max_tokens=settings.llm_max_tokens,
    )
    async with AsyncExitStack() as stack:
        blobs = await stack.enter_async_context(open_blobs(settings))
        bus = await stack.enter_async_context(open_bus(settings, Side.WORKER))
        ready = asyncio.Event()
        telling = asyncio.create_task(_tell_ready(settings, ready))
        try:
            await worker.serve_worker(bus, blobs, setup, stop, ready=ready)
        except EngineUnusable as error:
            message = f"DOCMILL_OCR_ENGINE is {settings.ocr_engine}: {error}"
            raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "ocr_engine"}) from error
        finally:
            telling.cancel()


def llm_options(settings: Settings) -> LlmOptions | None:
    """The language model's server, where the settings name one."""
    from docmill.extract.llm import options  # noqa: PLC0415 - the services need none of it

    if not settings.llm_models:
        return None
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
    return options.LlmOptions(
        base_url=settings.llm_base_url, models=settings.llm_models, api_key=key, timeout=settings.llm_timeout_s
    )


async def _tell_ready(settings: Settings, ready: asyncio.Event) -> None:
    await ready.wait()
    _ready(settings, {"role": "worker", "pid": os.getpid()})
    log.info("the worker takes jobs", event_key="worker.ready", slots=settings.slots)


@asynccontextmanager
async def open_operator(settings: Settings) -> AsyncIterator[Operator]:
    """The operator's use cases, on the record itself; also beside running services."""
    await asyncio.to_thread(migrate, settings)
    async with open_store(settings) as store:
        yield Operator(store, open_vault(settings), load_plans(settings.plans_file))


def absent_database(settings: Settings) -> Path | None:
    """The database file that `migrate` would make; None where it is there, or on a server."""
    from docmill.store.sql.migrate import absent_file  # noqa: PLC0415 - a worker has no database

    return absent_file(settings.store_url)


def migrate(settings: Settings) -> None:
    """Bring the database to this release's schema."""
    from docmill.store.sql.migrate import migrate as run  # noqa: PLC0415 - loads Alembic only when there is work

    if not settings.database_url:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    run(settings.store_url)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The record."""
    from docmill.store import sql  # noqa: PLC0415 - a worker has no database
    from docmill.store.sql.migrate import pending  # noqa: PLC0415

    if await asyncio.to_thread(pending, settings.store_url):
        raise FailedPrecondition(
            Reason.SCHEMA_OUTDATED, "The database is not at this release's schema; run `docmill migrate` first"
        )
    store = await sql.open_store(settings.store_url)
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def open_blobs(settings: Settings) -> AsyncIterator[BlobStore]:
    """The bytes."""
    from docmill.blobs import factory  # noqa: PLC0415 - obstore is needed for S3 only

    access, secret = settings.s3_access_key, settings.s3_secret_key
    blobs = factory.open_blobs(
        settings.blob_url,
        access_key_id=access.get_secret_value() if access else "",
        secret_access_key=secret.get_secret_value() if secret else "",
    )
    try:
        yield blobs
    finally:
        await blobs.aclose()


@asynccontextmanager
async def open_bus(settings: Settings, side: Side) -> AsyncIterator[Bus]:
    """The bus, from one of its sides, which shows in the server's list of clients."""
    from docmill.bus import factory  # noqa: PLC0415 - nats is needed by servers only

    bus = await factory.open_bus(
        settings.bus_url,
        prefix=settings.bus_prefix,
        replicas=settings.bus_replicas,
        name=f"docmill-{side.name.lower()}",
        ack_wait=settings.ack_wait_s,
        side=side,
    )
    try:
        yield bus
    finally:
        await bus.aclose()


@asynccontextmanager
async def open_webhooks(settings: Settings) -> AsyncIterator[Webhooks]:
    """What sends word of runs' ends, in the forms of all dialects."""
    from docmill.engine.notices import Webhooks  # noqa: PLC0415 - a worker sends none
    from docmill.gateway.dialects.webhooks import BATCH_WEBHOOKS, WEBHOOKS  # noqa: PLC0415
    from docmill.rpc.webhook_forms import batch_forms, webhook_forms  # noqa: PLC0415
    from docmill.webhooks.guard import Guard, parse_networks  # noqa: PLC0415
    from docmill.webhooks.http import HttpSender  # noqa: PLC0415

    sender = HttpSender(Guard(parse_networks(settings.webhook_allow)))
    try:
        yield Webhooks(
            sender=sender,
            forms=webhook_forms(WEBHOOKS),
            batch_forms=batch_forms(BATCH_WEBHOOKS),
            vault=open_vault(settings),
        )
    finally:
        await sender.aclose()


async def _first(loops: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Return when `stop` is set; raise when the loops end before."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({loops, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if loops.done():
            loops.result()
    finally:
        stopped.cancel()


def _ready(settings: Settings, facts: dict[str, Any]) -> None:
    if settings.ready_file is not None:
        write_json(settings.ready_file, facts)


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write at once or not at all: a reader never sees half a file."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.touch(mode=0o600)  # it may hold a key
    scratch.write_text(json.dumps(facts) + "\n")
    scratch.replace(path)
