"""The manifests, compose.yaml and the settings agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from easyai.settings import file as settings_file
from tests.production.kubernetes.rendered import (
    OVERLAYS,
    ROOT,
    Manifest,
    container,
    environment,
    of_kind,
    pods,
    render_with_everything,
)

_ROLES = ("api", "worker", "beat", "watchdog", "migrate")


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> tuple[Manifest, ...]:
    """An overlay of ours with every component."""
    return render_with_everything(request.param)


@pytest.fixture(scope="module")
def composed() -> dict[str, Manifest]:
    """The services of compose.yaml."""
    services: dict[str, Manifest] = yaml.safe_load(
        (ROOT / "docker" / "compose.yaml").read_text("utf-8")
    )["services"]
    return services


@pytest.mark.parametrize("role", _ROLES)
def test_role_runs_the_same_command_in_kubernetes_and_compose(
    manifests: tuple[Manifest, ...], composed: dict[str, Manifest], role: str
) -> None:
    assert container(pods(manifests)[role])["args"] == composed[role]["command"]


@pytest.mark.parametrize("role", ["worker", "beat", "watchdog"])
def test_role_is_probed_by_the_same_command_in_kubernetes_and_compose(
    manifests: tuple[Manifest, ...], composed: dict[str, Manifest], role: str
) -> None:
    own = container(pods(manifests)[role])
    (_, *command) = composed[role]["healthcheck"]["test"]
    assert own["readinessProbe"]["exec"]["command"] == command
    # A container of compose.yaml is not restarted when it is unhealthy, a pod is.
    for probe in ("startupProbe", "livenessProbe"):
        script = own[probe]["exec"]["command"]
        assert script == ["sh", "-c", " ".join(command) + "; test $? -ne 1"]


def test_limits_and_grace_agree_between_kubernetes_and_compose(
    manifests: tuple[Manifest, ...], composed: dict[str, Manifest]
) -> None:
    for role in _ROLES:
        pod, service = pods(manifests)[role], composed[role]
        assert f"{pod['spec']['terminationGracePeriodSeconds']}s" == service["stop_grace_period"]
        limit = container(pod)["resources"]["limits"]["memory"]
        assert service["mem_limit"] == "${EASYAI_MEMORY:-" + limit.removesuffix("Gi") + "g}"
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_api_stop_fits_into_the_grace_period_of_its_pod(manifests: tuple[Manifest, ...]) -> None:
    pod = pods(manifests)["api"]
    (_, seconds) = container(pod)["lifecycle"]["preStop"]["exec"]["command"]
    # 18 s: docs/containers.md
    assert int(seconds) + 18 < pod["spec"]["terminationGracePeriodSeconds"]


def test_the_port_is_that_of_the_settings(manifests: tuple[Manifest, ...]) -> None:
    (port,) = container(pods(manifests)["api"])["ports"]
    (service,) = of_kind(manifests, "Service")["easyai-api"]["spec"]["ports"]
    assert port["containerPort"] == service["port"] == 5066


def test_every_variable_is_a_setting(manifests: tuple[Manifest, ...]) -> None:
    for pod in pods(manifests).values():
        for name, _ in environment(pod):
            if name in ("EASYAI_CONFIG", "FLOWER_BASIC_AUTH_FILE"):
                continue
            parts = settings_file._path(name.removesuffix("_FILE"))
            assert settings_file._type_of(parts) is not None, f"{name} sets nothing"


def test_settings_of_the_pods_pass_config_check(
    manifests: tuple[Manifest, ...], tmp_path: Path
) -> None:
    (config,) = of_kind(manifests, "ConfigMap").values()
    file = tmp_path / "config.toml"
    file.write_text(config["data"]["config.toml"], "utf-8")
    (tmp_path / "snapshots").mkdir()  # else the check warns that it is missing
    own = {"EASYAI_CONFIG": str(file)}
    for name, value in environment(pods(manifests)["worker"]):
        if name.endswith("_FILE"):
            key = tmp_path / Path(value).name
            address = "postgresql://easyai:secret@db/easyai" if "database" in key.name else "x" * 32
            key.write_text("redis://broker/0" if "broker" in key.name else address, "utf-8")
            own[name] = str(key)
        elif name != "EASYAI_CONFIG":
            own[name] = value
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
    command = [sys.executable, "-m", "easyai.cli.main", "config", "check"]
    done = subprocess.run(command, env=clean | own, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
