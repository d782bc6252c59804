"""Containers may do what they need, and speak to whom they must."""

from __future__ import annotations

from typing import Any

import pytest

from tests.k8s.manifests import COMPONENT, OVERLAYS, Manifests, Workload, rendered
from tests.k8s.test_references import selects

pytestmark = pytest.mark.k8s


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each overlay."""
    return rendered(request.param)


def test_containers_are_locked_down(manifests: Manifests) -> None:
    """Not root, no new rights, no capabilities, a read-only root, the runtime's seccomp profile: "restricted"."""
    for workload in manifests.workloads():
        pod, container = workload.pod["securityContext"], workload.container["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] > 0
        assert pod["fsGroup"] == pod["runAsGroup"] == pod["runAsUser"]
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    (namespace,) = manifests.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nobody_has_a_token(manifests: Manifests) -> None:
    """No part of docmill speaks to Kubernetes."""
    for workload in manifests.workloads():
        assert workload.pod["automountServiceAccountToken"] is False
    for account in manifests.of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    assert not [document for document in manifests.documents if "rbac" in document["apiVersion"]]


def test_nothing_is_unbounded(manifests: Manifests) -> None:
    """Requests and a memory limit for each container, a size for each scratch volume."""
    for workload in manifests.workloads():
        resources = workload.container["resources"]
        assert resources["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in resources["limits"]
        for volume in workload.pod.get("volumes", []):
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"]


def test_production_holds_no_secret() -> None:
    """Only development has Secrets in its overlay."""
    assert not rendered("prod").of("Secret")
    assert not rendered("gpu").of("Secret")


def test_everything_is_shut_by_default(manifests: Manifests) -> None:
    """A pod that no rule names speaks to nobody."""
    policy = manifests.find("NetworkPolicy", "default-deny")["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_policy_has_pods(manifests: Manifests) -> None:
    """And ports that the pods it leads to have."""
    for policy in manifests.of("NetworkPolicy"):
        pods = _pods(manifests, policy["spec"]["podSelector"])
        assert pods
        for rule in policy["spec"].get("ingress", []):
            assert all(port["port"] in workload.ports for workload in pods for port in rule["ports"])
        for rule in policy["spec"].get("egress", []):
            for peer in rule["to"]:
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    targets = _pods(manifests, peer["podSelector"])
                    assert targets
                    assert all(port["port"] in workload.ports for workload in targets for port in rule["ports"])


def _pods(manifests: Manifests, selector: dict[str, Any]) -> list[Workload]:
    return [workload for workload in manifests.workloads() if selects(selector, workload.labels)]


def reaches(manifests: Manifests, component: str) -> set[str]:
    """Whom its pods may call: components, or addresses with ports."""
    workload = manifests.workload(component)
    found = set()
    for policy in manifests.of("NetworkPolicy"):
        if selects(policy["spec"]["podSelector"], workload.labels):
            for rule in policy["spec"].get("egress", []):
                ports = ",".join(str(port["port"]) for port in rule["ports"])
                found |= {f"{name}:{ports}" for peer in rule["to"] for name in _names(manifests, peer)}
    return found


def _names(manifests: Manifests, peer: dict[str, Any]) -> list[str]:
    if "ipBlock" in peer:
        return [peer["ipBlock"]["cidr"]]
    if "namespaceSelector" in peer:
        return ["dns"]
    return [workload.labels[COMPONENT] for workload in _pods(manifests, peer["podSelector"])]


DNS = "dns:53,53"


@pytest.mark.parametrize(
    ("overlay", "component", "expected"),
    [
        ("dev", "worker", {DNS, "nats:client", "s3:s3"}),
        ("dev", "gateway", {DNS, "services:grpc"}),
        ("dev", "services", {DNS, "nats:client", "s3:s3", "postgres:postgres", "0.0.0.0/0:443"}),
        ("dev", "migrate", {DNS, "postgres:postgres"}),
        ("dev", "nats", {DNS}),
        ("dev", "postgres", {DNS}),
        ("dev", "s3", {DNS}),
        ("prod", "worker", {DNS, "nats:client", "0.0.0.0/0:443"}),
        ("prod", "gateway", {DNS, "services:grpc"}),
        ("prod", "services", {DNS, "nats:client", "10.0.0.0/8:5432", "0.0.0.0/0:443"}),
        ("prod", "migrate", {DNS, "10.0.0.0/8:5432"}),
        ("prod", "nats", {DNS, "nats:routes"}),
        ("gpu", "worker", {DNS, "nats:client", "0.0.0.0/0:443"}),
    ],
)
def test_who_may_call_whom(overlay: str, component: str, expected: set[str]) -> None:
    """The worker reaches the bus and the object store, the gateway the services; and so on, and nobody else."""
    assert reaches(rendered(overlay), component) == expected


def test_callers_and_called_agree(manifests: Manifests) -> None:
    """Where a pod may call another one, that one takes the call: egress and ingress are two rules."""
    for caller in manifests.workloads():
        for target in reaches(manifests, caller.labels[COMPONENT]):
            name, _, port = target.partition(":")
            if name in {"dns", "0.0.0.0/0", "10.0.0.0/8"}:
                continue
            assert caller.labels[COMPONENT] in _callers(manifests, name, port)


def _callers(manifests: Manifests, component: str, port: str) -> set[str]:
    callee = manifests.workload(component)
    found = set()
    for policy in manifests.of("NetworkPolicy"):
        if not selects(policy["spec"]["podSelector"], callee.labels):
            continue
        for rule in policy["spec"].get("ingress", []):
            if port in {entry["port"] for entry in rule["ports"]}:
                for peer in rule.get("from", []):
                    found |= set(_names(manifests, peer)) if "podSelector" in peer else set()
    return found


def test_webhooks_cannot_reach_private_networks(manifests: Manifests) -> None:
    """The second fence behind docmill's own: metadata services and the cluster's networks are not among the targets."""
    policy = manifests.find("NetworkPolicy", "services")["spec"]
    (block,) = [peer["ipBlock"] for rule in policy["egress"] for peer in rule["to"] if "ipBlock" in peer]
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10"}
    assert private <= set(block["except"])


def test_the_bus_is_looked_at_by_keda_only() -> None:
    """Its monitoring port tells names of streams and addresses of clients."""
    rules = rendered("prod").find("NetworkPolicy", "nats")["spec"]["ingress"]
    (rule,) = [
        rule
        for rule in rules
        if {"port": "monitor", "protocol": "TCP"} in rule["ports"] or {"port": "monitor"} in rule["ports"]
    ]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}]
