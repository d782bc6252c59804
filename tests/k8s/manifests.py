"""The manifests as kubectl renders them, and what a kubelet would make of a container's environment."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("dev", "prod", "gpu")
WORKLOADS = ("Deployment", "StatefulSet", "Job")
COMPONENT = "app.kubernetes.io/component"

OPERATORS_SECRETS = {
    "docmill-database": {"url": "postgresql://docmill:p@db.example.com:5432/docmill"},
    "docmill-s3": {"access-key": "a", "secret-key": "s"},
    "docmill-secrets": {"secret-key": base64.urlsafe_b64encode(bytes(32)).decode()},
    "docmill-nats": {f"{who}-password": f"p{who}" for who in ("services", "worker", "routes")},
}
"""What k8s/README.md has the operator of a production overlay make; test_readme.py holds it to that."""


_REFERENCE = re.compile(r"\$\(([A-Za-z0-9_]+)\)")


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet or Job."""

    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["metadata"]["name"])

    @property
    def template(self) -> dict[str, Any]:
        """Of its pods."""
        template: dict[str, Any] = self.document["spec"]["template"]
        return template

    @property
    def pod(self) -> dict[str, Any]:
        """The pods' spec."""
        spec: dict[str, Any] = self.template["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        """Of its pods."""
        labels: dict[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def container(self) -> dict[str, Any]:
        """The only one."""
        (container,) = self.pod["containers"]
        assert "initContainers" not in self.pod
        assert isinstance(container, dict)
        return container

    @property
    def ports(self) -> dict[str, int]:
        """Number by name."""
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    @property
    def role(self) -> str:
        """The docmill role it runs, or empty."""
        args = self.container.get("args", [])
        return str(args[2]) if args[:2] == ["serve", "--role"] else ""


@dataclass(frozen=True)
class Manifests:
    """Everything that one overlay applies."""

    documents: tuple[dict[str, Any], ...]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind."""
        return [document for document in self.documents if document["kind"] == kind]

    def find(self, kind: str, name: str) -> dict[str, Any]:
        """The one of this name; fails where there is none or another."""
        (found,) = [document for document in self.of(kind) if document["metadata"]["name"] == name]
        return found

    def workloads(self) -> Iterator[Workload]:
        """Everything that has pods."""
        return (Workload(document) for document in self.documents if document["kind"] in WORKLOADS)

    def workload(self, component: str) -> Workload:
        """By the component's name."""
        (found,) = [workload for workload in self.workloads() if workload.labels[COMPONENT] == component]
        return found

    def config(self, name: str) -> dict[str, str]:
        """A ConfigMap's data."""
        data: dict[str, str] = self.find("ConfigMap", name)["data"]
        return data

    def secret(self, name: str) -> Mapping[str, str]:
        """A Secret's data, of the overlay or of the operator."""
        for document in self.of("Secret"):
            if document["metadata"]["name"] == name:
                return {key: base64.b64decode(value).decode() for key, value in document["data"].items()}
        return OPERATORS_SECRETS[name]

    def environment(self, workload: Workload) -> dict[str, str]:
        """The variables of its container; fails for a reference to something that is not there, or not yet."""
        env: dict[str, str] = {}
        for source in workload.container.get("envFrom", []):
            env |= self.config(source["configMapRef"]["name"])
        for variable in workload.container.get("env", []):
            env[variable["name"]] = _REFERENCE.sub(lambda match: env[match[1]], self._value(workload, variable))
        return env

    def _value(self, workload: Workload, variable: dict[str, Any]) -> str:
        match variable:
            case {"value": str(value)}:
                return value
            case {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}:
                return self.secret(name)[key]
            case {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}:
                return f"{workload.name}-0"
        raise AssertionError(variable)


@cache
def rendered(overlay: str) -> Manifests:
    """What `kubectl apply -k k8s/overlays/OVERLAY` would send."""
    return render(K8S / "overlays" / overlay)


def render(folder: Path) -> Manifests:
    """What `kubectl apply -k FOLDER` would send."""
    done = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower(), done.stderr
    documents = yaml.safe_load_all(done.stdout)
    return Manifests(tuple(json.loads(json.dumps(document)) for document in documents))


def kubectl() -> str:
    """The program that renders."""
    found = os.environ.get("KUBECTL") or shutil.which("kubectl")
    assert found, "kubectl is not on PATH; `make test-k8s` fetches one"
    return found


def megabytes(quantity: str) -> float:
    """A Kubernetes quantity of bytes in MiB."""
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return float(number) * {"Mi": 1, "Gi": 1024}[unit]


def cores(quantity: str) -> float:
    """A Kubernetes quantity of processors."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
