"""The settings: one frozen tree, read once from `DOCMILL_` environment variables and a TOML file.

Only this file knows pydantic, and only this file reads the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.suggestions import closest
from docmill.masking import masked

__all__ = ["Settings", "load_settings", "unknown_variables"]

_PREFIX = "DOCMILL_"
_OTHERS = ("CONFIG", "API_KEY", "TLS", "PARENT", "BENCH_DATA")
"""Variables that are no settings: the file with settings, the command line's and the client's, what `docmill up` tells its
parts, and the folder of `make bench`. A test finds all that the repository speaks of."""
_SERVICE_HOST = "_SERVICE_HOST"

_URLS = {
    "database_url": ("sqlite:///", "postgresql://", "postgres://"),
    "blobs_url": ("file:///", "s3://", "memory://"),
    "bus_url": ("nats://", "tls://", "memory://"),
}
"""How each of them may begin."""


class Settings(BaseSettings):
    """Everything that can be set. `docmill config` prints what is in force."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    data: Path = Path(".docmill")
    """Folder of an embedded installation: database, blobs, bus, caches."""
    database_url: str = ""
    """`sqlite:///...` or `postgresql://...`; empty = a SQLite file in `data`."""
    blobs_url: str = ""
    """`file:///...` or `s3://bucket/prefix?endpoint=...&region=...`; empty = a folder in `data`."""
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    bus_url: str = ""
    """`nats://[user:password@]host:port`, several divided by commas; `docmill up` starts its own."""
    bus_prefix: str = Field("docmill", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    bus_replicas: int = Field(1, ge=1, le=5)
    """JetStream replicas; 3 in a cluster."""

    grpc: str = "127.0.0.1:50051"
    """Where the services listen: `host:port` (port 0 = any) or `unix:/path`."""
    grpc_tls_cert: Path | None = None
    """Certificate chain (PEM) of the listeners; with `grpc_tls_key`."""
    grpc_tls_key: Path | None = None
    """Its private key (PEM)."""
    grpc_local: str = ""
    """Where the services listen besides, always plain, for a gateway on the same machine: `unix:/path`. `docmill up`
    sets it."""
    rest: str = "127.0.0.1:8080"
    """Where the gateway listens: `host:port` (port 0 = any)."""
    grpc_upstream: str = ""
    """The services as the gateway reaches them: any gRPC target (`host:port`, `unix:/path`, `dns:///name:port`); empty = `grpc`."""
    grpc_upstream_ca: Path | None = None
    """Certificate authorities (PEM) for a TLS connection to the services; plain when not set."""
    max_body_mb: int = Field(140, ge=1, le=8192)
    """Largest body of a REST request: a document of `max_document_mb` in base64, and the rest."""
    trusted_proxies: str = ""
    """Addresses and networks, divided by commas, whose `X-Forwarded-For` the gateway believes."""
    cors_origins: str = ""
    """Origins, divided by commas, whose pages may call the gateway; empty = none (keys do not belong into browsers)."""
    public_url: str = Field("", pattern=r"^(https?://[^\s?#]+)?$")
    """Where clients reach the gateway, for links to results: `https://api.example.com`; empty = as each of them wrote
    it in its request."""
    status_vocabulary: Literal["sdk", "rest"] = "sdk"
    """Words for a run's state on the documented REST surface, where a request does not ask for the other ones."""

    secret_key: SecretStr | None = None
    """Encrypts webhook secrets at rest: 32 bytes in URL-safe base64, several divided by commas (the first one encrypts).
    An embedded installation makes its own in `data`."""
    webhook_allow: str = ""
    """Networks (CIDR, divided by commas) that webhooks may reach although they are private, or over plain http."""

    plans_file: Path | None = None
    """Plans of this installation (YAML or JSON), beside those that come with docmill or in place of their numbers."""

    reflection: bool = True
    """Answer gRPC server reflection."""

    workers: int = Field(0, ge=0, le=256)
    """Reading processes of one worker; 0 = one a core."""
    ocr_engine: str = "auto"
    """`auto`, `paddle`, `easyocr`, `tesseract`, or a plug-in's name."""
    ocr_weights: Path | None = None
    """Folder with model weights, for engines that take one."""
    page_cache: bool = True
    """Whether a page whose bytes an organization had read before is taken from then, instead of being read again."""
    ocr_languages: str = "en"
    """Of the documents: ISO 639-1 codes, divided by commas. `paddle` reads all Latin letters with any of them;
    `easyocr` needs weights for others than English."""
    ocr_profile: Literal["balanced", "fast"] = "balanced"
    """`fast` reads scans nearly twice as fast, and two to four words in a hundred worse (`paddle`; others take no notice)."""
    ocr_gpu: Literal["auto", "on", "off"] = "auto"
    """`auto` reads on a GPU where there is one that the engine can use, `on` insists, `off` never does."""
    ocr_gpu_memory: float = Field(1.0, gt=0, le=1)
    """Share of the GPU's memory that one reading process takes at most; several divide the GPU among them."""
    ocr_precision: Literal["auto", "mixed", "full"] = "auto"
    """`auto` computes with less than 32 bits where that is faster and reads the same, `mixed` anyway, `full` never."""
    page_timeout_s: float = Field(300, gt=0, le=3600)
    """For one attempt to read a page: it is killed then, and the page is tried again with as much time."""
    child_memory_mb: int = Field(4096, ge=256)
    """A reading process that grows beyond is killed."""
    recycle_pages: int = Field(2000, ge=1)
    """A reading process is replaced after so many pages."""

    llm_base_url: str = Field("", pattern=r"^(https?://[^\s?#@]+)?$")
    """A language model's server that speaks OpenAI's chat completions: `https://api.openai.com/v1`. Empty = none: flows
    that name one are refused. Services and workers need it; the key only workers do."""
    llm_api_key: SecretStr | None = None
    """Sent to that server and nowhere else; no child process gets it."""
    llm_model: str = Field("", max_length=1000)
    """Name of the model there; several divided by commas, of which the first is the flows' `llm`, any is `vendor:model`."""
    llm_timeout_s: float = Field(120, gt=0, le=3600)
    """For one attempt to get an answer; two more follow where the server is away or has too much to do."""
    llm_document_timeout_s: float = Field(900, gt=0, le=21_600)
    """For all answers about one document together."""
    llm_children: int = Field(2, ge=1, le=64)
    """Processes of one worker that wait for answers, a document each, beside those that read pages."""
    llm_input_chars: int = Field(60_000, ge=1000, le=1_000_000)
    """Of a document's text that are sent; the rest is left out, with a warning. About four are a token."""
    llm_max_tokens: int = Field(4096, ge=16, le=128_000)
    """Of an answer, where a flow's step says nothing."""

    max_document_mb: int = Field(100, ge=1, le=4096)
    max_pixels: int = Field(100_000_000, ge=1_000_000)
    """Of one image, before it is decoded."""
    probe_wait_s: float = Field(1.0, ge=0, le=30)
    run_timeout_s: float = Field(86_400, gt=0)
    unused_document_h: float = Field(24, gt=0, le=8760)
    """Hours after which an uploaded document that no run is over is deleted."""
    batch_kept_days: float = Field(30, gt=0, le=3650)
    """Days after which the files and the results of a batch are deleted."""
    lease_s: float = Field(1800, ge=30, le=86_400)
    """A published job that no worker is heard of for so long is published again: the last resort, behind `ack_wait_s`
    and the bus's own storage. At least four times `page_timeout_s`, since jobs may wait behind slow pages."""
    ack_wait_s: float = Field(10, ge=1, le=600)
    """A worker that is silent for so long has lost its jobs to the others."""
    shutdown_grace_s: float = Field(20, ge=0, le=600)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    ready_file: Path | None = None
    """Written as JSON once a role serves; for supervisors."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file `DOCMILL_CONFIG` names."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, _config_file())

    @field_validator(*_URLS)
    @classmethod
    def _known_scheme(cls, url: str, info: ValidationInfo) -> str:
        name = str(info.field_name)
        if url and not url.startswith(_URLS[name]):
            raise _wrong(name, f"a URL that begins with {', '.join(_URLS[name])} is expected")
        return url

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.grpc_tls_cert is None) != (self.grpc_tls_key is None):
            missing = "grpc_tls_key" if self.grpc_tls_key is None else "grpc_tls_cert"
            raise _wrong(missing, "is missing: TLS needs a certificate and its key")
        if bool(self.llm_base_url) != bool(self.llm_models):
            missing = "llm_model" if self.llm_base_url else "llm_base_url"
            raise _wrong(missing, "is missing: a language model needs both its server's address and its name")
        if self.ack_wait_s > self.lease_s:
            raise _wrong("ack_wait_s", "must not be longer than DOCMILL_LEASE_S")
        if self.lease_s < 4 * self.page_timeout_s:
            raise _wrong("lease_s", "must be at least four times DOCMILL_PAGE_TIMEOUT_S")
        return self

    @property
    def store_url(self) -> str:
        """Where the record is."""
        return self.database_url or f"sqlite:///{(self.data / 'docmill.db').absolute()}"

    @property
    def blob_url(self) -> str:
        """Where the bytes are."""
        return self.blobs_url or f"file://{quote(str((self.data / 'blobs').absolute()))}"

    @property
    def up_file(self) -> Path:
        """Where a running `docmill up` on `data` says how to reach it (owner only: it holds credentials)."""
        return self.data / "run" / "up.json"

    @property
    def languages(self) -> tuple[str, ...]:
        """`ocr_languages` one by one."""
        return tuple(language.strip() for language in self.ocr_languages.split(",") if language.strip()) or ("en",)

    @property
    def llm_models(self) -> tuple[str, ...]:
        """`llm_model` one by one."""
        return tuple(model.strip() for model in self.llm_model.split(",") if model.strip())

    @property
    def slots(self) -> int:
        """Reading processes of a worker on this machine."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def run_timeout(self) -> timedelta:
        """Deadline of a run that names none."""
        return timedelta(seconds=self.run_timeout_s)

    def describe(self) -> dict[str, Any]:
        """Everything in force as JSON values; secrets masked, also those inside URLs."""
        plain = self.model_dump(mode="json")
        urls = {name: getattr(self, name) for name in (*_URLS, "store_url", "blob_url")}
        return plain | {name: masked(url) for name, url in urls.items()} | {"slots": self.slots}


def load_settings(**given: Any) -> Settings:
    """The settings in force, with `given` over them. InvalidArgument names the setting or the file that is wrong."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = first.get("ctx", {}).get("setting") or ".".join(str(part) for part in first["loc"])
        wrong = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise InvalidArgument(
            Reason.FIELD_INVALID, f"Setting DOCMILL_{name.upper()}: {wrong}", {"field": name}
        ) from None


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """A sentence about each variable that begins like a setting and is none: it changes nothing, whoever set it.

    What Kubernetes tells a pod about Services whose names begin with `docmill-` looks like that and is left out.
    """
    known = {name.upper() for name in Settings.model_fields} | set(_OTHERS)
    names = {name: name.upper() for name in environment if name.upper().startswith(_PREFIX)}
    services = {name.removesuffix(_SERVICE_HOST) for name in names.values() if name.endswith(_SERVICE_HOST)}
    links = tuple(f"{service}{end}" for service in services for end in ("_SERVICE_", "_PORT"))
    return [
        _unknown(name, upper.removeprefix(_PREFIX), known)
        for name, upper in sorted(names.items())
        if upper.removeprefix(_PREFIX) not in known and not upper.startswith(links)
    ]


def _unknown(variable: str, name: str, known: set[str]) -> str:
    meant = closest(name, sorted(known))
    return f"{variable} is no setting of docmill" + (f"; did you mean {_PREFIX}{meant}?" if meant else "")


def _config_file() -> dict[str, Any]:
    """What the file that `DOCMILL_CONFIG` names says."""
    name = os.environ.get("DOCMILL_CONFIG")
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text("utf-8"))
    except OSError as error:
        message = f"DOCMILL_CONFIG names {name}, which cannot be read: {error.strerror}"
        raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "config", "file": name}) from None
    except ValueError as error:  # TOMLDecodeError says the line; UnicodeDecodeError is the other one
        message = f"{name}, named by DOCMILL_CONFIG, is no TOML: {error}"
        raise InvalidArgument(Reason.BODY_MALFORMED, message, {"field": "config", "file": name}) from None


def _wrong(setting: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("docmill", "{message}", {"message": message, "setting": setting})
