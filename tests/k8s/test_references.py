"""Everything that an object names is there: labels, ports, ConfigMaps, Secrets, claims, accounts, targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.k8s.manifests import COMPONENT, OVERLAYS, Manifests, Workload, rendered

pytestmark = pytest.mark.k8s

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each overlay."""
    return rendered(request.param)


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels; only what the manifests use."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    expressions = selector.get("matchExpressions", [])
    assert all(expression["operator"] == "In" for expression in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(expression["key"]) in expression["values"] for expression in expressions
    )


def selected(manifests: Manifests, selector: dict[str, Any]) -> list[Workload]:
    """The workloads whose pods a selector takes."""
    return [workload for workload in manifests.workloads() if selects(selector, workload.labels)]


def test_every_part_is_there(manifests: Manifests) -> None:
    """The roles, the migration and the bus; a database and an object store in development only."""
    components = {workload.labels[COMPONENT] for workload in manifests.workloads()}
    expected = {"services", "worker", "gateway", "migrate", "nats"}
    assert components == expected | ({"postgres", "s3"} if manifests is rendered("dev") else set())


def test_workloads_select_their_own_pods(manifests: Manifests) -> None:
    """And nobody else's."""
    for workload in manifests.workloads():
        if workload.kind != "Job":
            assert [found.name for found in selected(manifests, workload.document["spec"]["selector"])] == [
                workload.name
            ]
        for constraint in workload.pod.get("topologySpreadConstraints", []):
            assert [found.name for found in selected(manifests, constraint["labelSelector"])] == [workload.name]


def test_services_lead_to_ports(manifests: Manifests) -> None:
    """Every Service has pods, every port of it is a named port of theirs with the same number or REST's 80."""
    for service in manifests.of("Service"):
        (workload,) = selected(manifests, {"matchLabels": service["spec"]["selector"]})
        for port in service["spec"]["ports"]:
            number = workload.ports[port["targetPort"]]
            headless = service["spec"].get("clusterIP") == "None"
            assert port["port"] == number or (port["name"] == "rest" and port["port"] == 80)
            assert port["port"] == number or not headless, "nothing translates ports there"


def test_stateful_sets_have_their_service(manifests: Manifests) -> None:
    """The one that gives their pods names; the bus's peers find each other before they are ready."""
    for document in manifests.of("StatefulSet"):
        service = manifests.find("Service", document["spec"]["serviceName"])
        (workload,) = selected(manifests, {"matchLabels": service["spec"]["selector"]})
        assert workload.name == document["metadata"]["name"]
    peers = manifests.find("Service", "docmill-nats-peers")["spec"]
    assert peers["clusterIP"] == "None"
    assert peers["publishNotReadyAddresses"] is True


def test_probes_ask_where_somebody_listens(manifests: Manifests) -> None:
    """Ports by name exist; the gRPC probe, which takes numbers only, has the number of a port."""
    for workload in manifests.workloads():
        for name in PROBES:
            match workload.container.get(name, {}):
                case {"httpGet": {"port": port}}:
                    assert port in workload.ports
                case {"grpc": {"port": port}}:
                    assert port in workload.ports.values()
                case {"exec": _}:
                    pass
                case probe:
                    assert not probe


def test_long_running_pods_say_when_they_are_ready(manifests: Manifests) -> None:
    """Otherwise an update replaces the last good pod by one that does not serve."""
    for workload in manifests.workloads():
        assert ("readinessProbe" in workload.container) == (workload.kind != "Job")
    for component in ("services", "gateway", "nats"):
        container = manifests.workload(component).container
        assert container["livenessProbe"] != container["readinessProbe"], "what is away is no reason to restart"


def test_environment_resolves(manifests: Manifests) -> None:
    """ConfigMaps, Secrets and their keys, and `$(NAME)` of a variable defined before."""
    for workload in manifests.workloads():
        assert "$(" not in "".join(manifests.environment(workload).values())


def test_volumes_resolve(manifests: Manifests) -> None:
    """Every mount has its volume, every volume is mounted, its ConfigMap or Secret is there."""
    for workload in manifests.workloads():
        mounted = {mount["name"] for mount in workload.container.get("volumeMounts", [])}
        volumes = {volume["name"]: volume for volume in workload.pod.get("volumes", [])}
        claims = {claim["metadata"]["name"] for claim in workload.document["spec"].get("volumeClaimTemplates", [])}
        assert mounted == volumes.keys() | claims
        for volume in volumes.values():
            if "configMap" in volume:
                assert manifests.config(volume["configMap"]["name"])
            if "secret" in volume:
                secret = manifests.secret(volume["secret"]["secretName"])
                assert {item["key"] for item in volume["secret"]["items"]} <= secret.keys()


def test_nothing_is_left_over(manifests: Manifests) -> None:
    """Every ConfigMap, Secret and ServiceAccount is somebody's."""
    used = set(_used(manifests))
    for kind in ("ConfigMap", "Secret", "ServiceAccount"):
        assert {document["metadata"]["name"] for document in manifests.of(kind)} <= used


def _used(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads():
        yield workload.pod["serviceAccountName"]
        yield from (source["configMapRef"]["name"] for source in workload.container.get("envFrom", []))
        for variable in workload.container.get("env", []):
            yield from (source["name"] for source in variable.get("valueFrom", {}).values() if "name" in source)
        for volume in workload.pod.get("volumes", []):
            yield volume.get("configMap", {}).get("name", "")
            yield volume.get("secret", {}).get("secretName", "")


def test_accounts_exist(manifests: Manifests) -> None:
    """One for each workload."""
    accounts = [workload.pod["serviceAccountName"] for workload in manifests.workloads()]
    assert sorted(accounts) == sorted(account["metadata"]["name"] for account in manifests.of("ServiceAccount"))


def test_budgets_leave_room_for_a_drain(manifests: Manifests) -> None:
    """One pod at a time may go, of what serves calls and of the bus."""
    budgets = manifests.of("PodDisruptionBudget")
    assert {budget["metadata"]["name"] for budget in budgets} == {
        f"docmill-{c}" for c in ("services", "gateway", "nats")
    }
    for budget in budgets:
        assert budget["spec"]["maxUnavailable"] == 1
        assert [found.name for found in selected(manifests, budget["spec"]["selector"])] == [budget["metadata"]["name"]]


@pytest.mark.parametrize("overlay", ["prod", "gpu"])
def test_autoscalers_have_targets(overlay: str) -> None:
    """Deployments that leave their number of replicas to them."""
    manifests = rendered(overlay)
    targets = [
        document["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for document in manifests.of(kind)
    ]
    assert sorted(targets) == ["docmill-gateway", "docmill-worker"]
    for target in targets:
        assert "replicas" not in manifests.find("Deployment", target)["spec"], "every apply would set it back"
    (scaler,) = manifests.of("HorizontalPodAutoscaler")
    requests = manifests.workload("gateway").container["resources"]["requests"]
    assert all(metric["resource"]["name"] in requests for metric in scaler["spec"]["metrics"])


def test_images_have_tags(manifests: Manifests) -> None:
    """Never `latest`, by name or by omission."""
    for workload in manifests.workloads():
        name, _, tag = workload.container["image"].rpartition(":")
        assert name
        assert "/" not in tag
        assert tag != "latest"
