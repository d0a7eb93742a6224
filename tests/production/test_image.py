"""The image by itself: small rights, everything in it that roles need, nothing that they do not."""

from __future__ import annotations

import json

import pytest

from tests.production.engine import IMAGE, REVISION, VERSION, Engine

HARDENED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)
_LABELS = {
    "title": "easyai",
    "licenses": "Apache-2.0",
    "version": VERSION,
    "revision": REVISION,
}


def _run(engine: Engine, *command: str) -> str:
    return engine.docker("run", "--rm", "--network=none", *HARDENED, IMAGE, *command)


def test_image_runs_as_an_unprivileged_user_and_has_labels_and_version(engine: Engine) -> None:
    image = engine.inspect(IMAGE)
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][0] == "/usr/bin/tini"
    labels = {name: config["Labels"][f"org.opencontainers.image.{name}"] for name in _LABELS}
    assert labels == _LABELS
    assert VERSION in _run(engine, "easyai", "--version")
    assert image["Size"] < 600e6


@pytest.mark.parametrize(
    "command",
    [
        ("easyai", "--help"),
        ("easyai", "config", "check"),
        ("celery", "-A", "easyai", "--help"),
    ],
)
def test_commands_work_on_a_read_only_root(engine: Engine, command: tuple[str, ...]) -> None:
    assert _run(engine, *command)


@pytest.mark.parametrize("transport", ["redis", "pyamqp", "filesystem"])
def test_image_has_the_client_of_every_broker(engine: Engine, transport: str) -> None:
    code = f"from kombu.transport import resolve_transport as r; print(r('{transport}'))"
    assert "Transport" in _run(engine, "python", "-c", code)


def test_parts_list_of_the_image_names_every_library(engine: Engine) -> None:
    listed = json.loads(_run(engine, "cat", "/opt/easyai/sbom.cdx.json"))
    names = {component["name"].lower() for component in listed["components"]}
    code = "from importlib.metadata import distributions as d; print(*(x.name for x in d()))"
    installed = {name.lower() for name in _run(engine, "python", "-c", code).split()}
    assert {"celery", "kombu", "sqlalchemy"} <= installed
    assert installed - names - {"easyai-frames"} == set()


def test_image_holds_no_build_tools_and_no_secrets(engine: Engine) -> None:
    assert _run(engine, "sh", "-c", "command -v pip gcc git; ls -A /build /run/secrets; true") == ""
    history = engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE)
    assert "BEGIN CERTIFICATE" not in history
