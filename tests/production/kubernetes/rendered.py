"""The manifests as `kubectl apply -k` would send them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.needs import MissingError

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docker" / "kubernetes"
OVERLAYS = ("s3", "shared-folder")
# The values that an overlay leaves to its user.
OPTIONAL = ("flower", "ingress", "keda", "monitoring", "viewer-token")

Manifest = dict[str, Any]


@cache
def render(overlay: str) -> tuple[Manifest, ...]:
    """Every object of an overlay; raises MissingError without kubectl."""
    return _rendered(FOLDER / "overlays" / overlay)


@cache
def render_with_everything(overlay: str) -> tuple[Manifest, ...]:
    """The same with each component that it has not yet."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(FOLDER, Path(folder) / "kubernetes") / "overlays" / overlay
        own = copy / "kustomization.yaml"
        settings = yaml.safe_load(own.read_text("utf-8"))
        settings["components"] = [f"../../components/{name}" for name in OPTIONAL]
        own.write_text(yaml.safe_dump(settings), "utf-8")
        return _rendered(copy)


def _rendered(folder: Path) -> tuple[Manifest, ...]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise MissingError("kubectl", "install: sudo scripts/install-engine")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a warning of kustomize"
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    """The manifests of a kind, by name."""
    return {
        manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind
    }


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """The template of each Deployment's and Job's pods, by the role."""
    found = {}
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "Job"):
            role = manifest["metadata"]["name"].removeprefix("easyai-")
            found[role] = manifest["spec"]["template"]
    return found


def container(pod: Manifest) -> Manifest:
    """The only container of a pod."""
    (found,) = pod["spec"]["containers"]
    return dict(found)


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a selector by labels takes an object with these."""
    return selector.items() <= labels.items()


def environment(pod: Manifest) -> Iterator[tuple[str, str]]:
    """The variables of a pod that are not taken from a secret."""
    for variable in container(pod).get("env", []):
        if "value" in variable:
            yield variable["name"], variable["value"]
