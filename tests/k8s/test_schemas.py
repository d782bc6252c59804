"""The manifests are what Kubernetes and KEDA take: every field is known and of the right type."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.k8s.manifests import K8S, OVERLAYS, Manifests, render, rendered

pytestmark = pytest.mark.k8s

OLDEST, NEWEST = "1.31", "1.37"
"""The versions that k8s/README.md promises."""

_SCALED_OBJECT = {"apiVersion", "kind", "metadata", "spec"}
_SCALED_SPEC = {
    "scaleTargetRef",
    "minReplicaCount",
    "maxReplicaCount",
    "pollingInterval",
    "cooldownPeriod",
    "advanced",
    "triggers",
}
_NATS_TRIGGER = {"natsServerMonitoringEndpoint", "account", "stream", "consumer", "lagThreshold"}


def check(manifests: Manifests, version: str) -> None:
    """Every object against its schema; only KEDA's have none there."""
    for document in manifests.documents:
        if document["apiVersion"] != "keda.sh/v1alpha1":
            _check(json.dumps(document), version)


@cache
def _check(document: str, version: str) -> None:
    """Once for what the overlays share: the schemas are large, and read anew for every object."""
    kubernetes_validate.validate(json.loads(document), version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_knows_every_field(overlay: str, version: str) -> None:
    """Strictly, for the oldest and the newest version supported."""
    check(rendered(overlay), version)


def test_a_wrong_field_is_found() -> None:
    """The check above can fail: for a field that is not there, and for a kind that nobody knows."""
    services = rendered("prod").find("Deployment", "docmill-services")
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        check(Manifests(({**services, "spec": {**services["spec"], "replica": 2}},)), NEWEST)
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        check(Manifests(({**services, "kind": "Deploiment"},)), NEWEST)


@pytest.mark.parametrize("overlay", ["prod", "gpu"])
def test_keda_knows_every_field(overlay: str) -> None:
    """Its schema is in no package that this project needs, so the few fields are listed here; metadata are strings."""
    (scaled,) = rendered(overlay).of("ScaledObject")
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    assert scaled.keys() <= _SCALED_OBJECT
    spec = scaled["spec"]
    assert spec.keys() <= _SCALED_SPEC
    assert spec["scaleTargetRef"].keys() == {"name"}
    (trigger,) = spec["triggers"]
    assert trigger.keys() == {"type", "metadata"}
    assert trigger["type"] == "nats-jetstream"
    assert trigger["metadata"].keys() == _NATS_TRIGGER
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert int(trigger["metadata"]["lagThreshold"]) > 0


def test_dev_needs_no_keda() -> None:
    """The development overlay applies to a cluster as it comes: nothing but Kubernetes' own kinds."""
    kinds = {document["apiVersion"] for document in rendered("dev").documents}
    assert kinds <= {"v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_unique_and_in_one_namespace(overlay: str) -> None:
    """No object hides another, and none lands elsewhere."""
    documents = rendered(overlay).documents
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(names) == len(set(names))
    for document in documents:
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "docmill"


def test_the_yaml_is_tidy() -> None:
    """yamllint, with the line length of the rest of the project."""
    rules = (
        "{extends: default, rules: {line-length: {max: 120}, document-start: disable, braces: {max-spaces-inside: 1},"
        " comments: {min-spaces-from-content: 1}}}"
    )
    lint = Path(sys.executable).parent / "yamllint"
    done = subprocess.run([lint, "-d", rules, K8S], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_tls_component(tmp_path: Path) -> None:
    """An overlay of the operator's own with the TLS component still fits the schema; probes and files are TLS's."""
    manifests = with_tls(tmp_path)
    check(manifests, NEWEST)
    services = manifests.workload("services")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert "grpc" not in services.container[probe], "the kubelet's gRPC probe speaks no TLS"
        assert services.container[probe]["tcpSocket"] == {"port": "grpc"}
    env = manifests.environment(services)
    assert _files(services.pod, services.container) >= {env["DOCMILL_GRPC_TLS_CERT"], env["DOCMILL_GRPC_TLS_KEY"]}
    gateway = manifests.workload("gateway")
    ca = manifests.environment(gateway)["DOCMILL_GRPC_UPSTREAM_CA"]
    assert _files(gateway.pod, gateway.container) == {ca}, "the gateway sees no private key"


def with_tls(folder: Path) -> Manifests:
    """Production with the component, as an operator would write it."""
    shared = folder / "k8s"
    shared.symlink_to(K8S)
    own = folder / "own"
    own.mkdir()
    (own / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources: [../k8s/overlays/prod]\ncomponents: [../k8s/components/tls]\n"
    )
    return render(own)


def _files(pod: dict[str, Any], container: dict[str, Any]) -> set[str]:
    """Paths of the files that Secrets put into the container."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}"
        for volume in pod["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
