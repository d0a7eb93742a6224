"""The manifests fit the schemas of Kubernetes and of its operators, and each other.

No API server can be had from packages, so nothing is applied: kubectl renders, and the schemas are
those that packages of PyPI carry.
"""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor

from tests.production.kubernetes.rendered import (
    OVERLAYS,
    ROOT,
    Manifest,
    container,
    environment,
    of_kind,
    pods,
    render,
    render_with_everything,
    selects,
)

_OPERATORS: dict[str, Any] = {
    "ScaledObject": ScaledObject,
    "TriggerAuthentication": TriggerAuthentication,
    "ServiceMonitor": ServiceMonitor,
}
_OLDEST, _NEWEST = "1.29", kubernetes_validate.latest_version()
_TWICE = ("api", "worker", "beat", "watchdog")
_ROLES = {*_TWICE, "migrate"}


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> tuple[Manifest, ...]:
    """An overlay of ours with every component."""
    return render_with_everything(request.param)


def test_an_overlay_is_complete_without_further_components() -> None:
    for overlay in OVERLAYS:
        assert set(pods(render(overlay))) == _ROLES


@pytest.mark.parametrize("version", [_OLDEST, _NEWEST])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_fits_its_schema(overlay: str, version: str) -> None:
    for manifest in render_with_everything(overlay):
        if model := _OPERATORS.get(manifest["kind"]):
            # The models leave out unknown fields: a field that is left out is misspelt.
            read = model.model_validate(manifest).model_dump(
                mode="json", by_alias=True, exclude_none=True, exclude_unset=True
            )
            assert read == manifest
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_every_role_has_two_pods_on_two_nodes(manifests: tuple[Manifest, ...]) -> None:
    assert set(pods(manifests)) == _ROLES | {"flower"}
    deployments = of_kind(manifests, "Deployment")
    for role in _TWICE:
        spec = deployments[f"easyai-{role}"]["spec"]
        # The pods of a node that is lost are replaced after five minutes.
        assert spec.get("replicas") == 2 or role == "worker", "KEDA sets that of the workers"
        assert spec.get("strategy", {"type": "RollingUpdate"}) == {"type": "RollingUpdate"}
        (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == "kubernetes.io/hostname"
        assert _taken(manifests, spread["labelSelector"]["matchLabels"]) == {role}
        assert spread["matchLabelKeys"] == ["pod-template-hash"], "only pods of the same rollout"


def test_pods_run_with_least_privilege(manifests: tuple[Manifest, ...]) -> None:
    for role, pod in pods(manifests).items():
        spec, own = pod["spec"], container(pod)
        context = spec["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001), role
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, role
        assert own["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, role
        assert spec["automountServiceAccountToken"] is False, role
        assert own["resources"]["limits"]["memory"], role
        assert own["resources"]["requests"].keys() == {"cpu", "memory"}, role


def test_service_links_of_kubernetes_set_no_setting(manifests: tuple[Manifest, ...]) -> None:
    # A Service called easyai would give every pod EASYAI_PORT=tcp://10.0.0.1:5066.
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(manifests).values())


def _taken(manifests: tuple[Manifest, ...], selector: Manifest) -> set[str]:
    """The roles whose pods a selector takes."""
    found = pods(manifests).items()
    return {role for role, pod in found if selects(selector, pod["metadata"]["labels"])}


def test_deployment_and_budget_select_the_pods_of_their_role(
    manifests: tuple[Manifest, ...],
) -> None:
    for kind in ("Deployment", "PodDisruptionBudget"):
        for name, manifest in of_kind(manifests, kind).items():
            taken = _taken(manifests, manifest["spec"]["selector"]["matchLabels"])
            assert taken == {name.removeprefix("easyai-")}
    budgets = of_kind(manifests, "PodDisruptionBudget")
    # Flower has a single pod: a budget would block the drain of its node.
    assert set(budgets) == {f"easyai-{role}" for role in _TWICE}
    for budget in budgets.values():
        assert budget["spec"]["maxUnavailable"] == 1
        # While the database is away no pod is ready, and nodes can be emptied all the same.
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_service_leads_to_the_port_of_its_role(manifests: tuple[Manifest, ...]) -> None:
    services = of_kind(manifests, "Service")
    assert set(services) == {"easyai-api", "easyai-flower"}
    for name, service in services.items():
        (role,) = _taken(manifests, service["spec"]["selector"])
        assert role == name.removeprefix("easyai-")
        (port,) = container(pods(manifests)[role])["ports"]
        assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    backend = of_kind(manifests, "Ingress")["easyai"]["spec"]["rules"][0]["http"]["paths"][0]
    assert backend["backend"]["service"]["name"] in services


def test_pods_are_reachable_only_through_their_service(manifests: tuple[Manifest, ...]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    for name, policy in policies.items():
        taken = _taken(manifests, policy["spec"]["podSelector"]["matchLabels"])
        everybody = name == "easyai"
        assert taken == (set(pods(manifests)) if everybody else {name.removeprefix("easyai-")})
        assert policy["spec"]["policyTypes"] == ["Ingress"]
        assert everybody != ("ingress" in policy["spec"])
    assert set(policies) == {"easyai", *of_kind(manifests, "Service")}


def test_prometheus_scrapes_the_api(manifests: tuple[Manifest, ...]) -> None:
    (monitor,) = of_kind(manifests, "ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"]
    services = of_kind(manifests, "Service").items()
    watched = [name for name, service in services if selects(wanted, service["metadata"]["labels"])]
    assert watched == ["easyai-api"]
    of_api = of_kind(manifests, "Service")["easyai-api"]["metadata"]["labels"]
    assert of_api[monitor["spec"]["jobLabel"]] == "easyai", "the job of the alert rules"
    (port,) = of_kind(manifests, "Service")["easyai-api"]["spec"]["ports"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] == port["name"]
    # By the token that every API pod takes from the Secret.
    sent = endpoint["authorization"]["credentials"]
    taken = dict(environment(pods(manifests)["api"]))["EASYAI_VIEWER_TOKEN_FILE"]
    assert taken == f"/run/secrets/{sent['name']}/{sent['key']}"


def test_the_viewer_token_is_needed_only_with_its_component() -> None:
    for overlay in OVERLAYS:
        for pod in pods(render(overlay)).values():
            # A file that is named must be there.
            assert not any("VIEWER" in name for name, _ in environment(pod))


def test_every_volume_and_secret_is_known(manifests: tuple[Manifest, ...]) -> None:
    maps = of_kind(manifests, "ConfigMap")
    claims = of_kind(manifests, "PersistentVolumeClaim")
    for pod in pods(manifests).values():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for mount in container(pod)["volumeMounts"]} == set(volumes)
        assert volumes["config"]["configMap"]["name"] in maps
        assert volumes["secrets"]["secret"]["secretName"] == "easyai"
        if "frames" in volumes:
            assert volumes["frames"]["persistentVolumeClaim"]["claimName"] in claims


def test_page_has_a_command_for_each_key_of_the_secret(manifests: tuple[Manifest, ...]) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    used = set()
    for pod in pods(manifests).values():
        for variable in container(pod)["env"]:
            if str(variable.get("value", "")).startswith("/run/secrets/easyai/"):
                used.add(variable["value"].rpartition("/")[2])
            elif "valueFrom" in variable:
                used.add(variable["valueFrom"]["secretKeyRef"]["key"])
    for trigger in of_kind(manifests, "TriggerAuthentication").values():
        used |= {target["key"] for target in trigger["spec"]["secretTargetRef"]}
    assert {"database_url", "broker_url", "secret_key", "operator_token"} <= used
    assert [key for key in used if f"--from-literal={key}=" not in page] == []


def test_no_manifest_contains_a_secret(manifests: tuple[Manifest, ...]) -> None:
    assert not of_kind(manifests, "Secret")
    words = ("PASSWORD", "SECRET", "TOKEN", "DATABASE_URL", "BROKER_URL", "ACCESS_KEY", "AUTH")
    for pod in pods(manifests).values():
        for variable in container(pod)["env"]:
            if any(word in variable["name"] for word in words):
                assert variable["name"].endswith("_FILE") or "valueFrom" in variable, variable


def test_workers_are_never_scaled_to_zero(manifests: tuple[Manifest, ...]) -> None:
    # They also look for new frames: without any no frame would ever wait.
    scaled = of_kind(manifests, "ScaledObject")["easyai-worker"]["spec"]
    assert scaled["minReplicaCount"] >= 1
    assert "idleReplicaCount" not in scaled
    target = of_kind(manifests, "Deployment")[scaled["scaleTargetRef"]["name"]]
    assert "replicas" not in target["spec"], "each apply would set the number back"
    assert scaled["triggers"][0]["authenticationRef"]["name"] in of_kind(
        manifests, "TriggerAuthentication"
    )
