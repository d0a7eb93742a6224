"""Nodes without containers: the pods of the manifests as processes of this machine.

A fake of the kubelet, for none can be had from packages. Real are the commands, the variables, the
files below their paths, the host names, the probes and the grace of a stop; the root file system,
the user and the limits are this machine's. Paths of the pods are put below folders of the test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.production.kubernetes.rendered import ROOT, Manifest, container, environment, of_kind

# A pod has a host name of its own, by which `easyai alive` knows the rows of its processes.
_NAMED = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"'
_IMAGE_VARIABLE = re.compile(r"^\s+(?:ENV )?(EASYAI_\w+)=(\S+)", re.MULTILINE)


@dataclass
class Node:
    """Runs pods; `secrets` are the keys of the Secret, `port` is the API's in place of 5066.

    A pod is named by its role, further pods of the role have names of their own.
    """

    folder: Path
    manifests: tuple[Manifest, ...]
    secrets: Mapping[str, str]
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (config,) = of_kind(self.manifests, "ConfigMap").values()
        for folder, files in (("config", config["data"]), ("secrets", self.secrets)):
            (self.folder / folder).mkdir()
            for name, text in files.items():
                (self.folder / folder / name).write_text(text, "utf-8")
        self.frames.mkdir()

    @property
    def frames(self) -> Path:
        """The volume with the frames."""
        return self.folder / "frames"

    def log(self, role: str) -> str:
        """The log of a pod."""
        return (self.folder / f"{role}.log").read_text(errors="replace")

    def start(self, role: str, pod: Manifest) -> None:
        """Start a pod."""
        with (self.folder / f"{role}.log").open("ab") as log:
            self.running[role] = subprocess.Popen(
                _in_pod(role, container(pod)["args"]),
                cwd=self._data(role),
                env=self._environment(role, pod),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def passes(self, role: str, pod: Manifest, probe: str) -> bool:
        """Whether a try of a probe passes within its time."""
        wanted: dict[str, Any] = container(pod)[probe]
        limit = wanted.get("timeoutSeconds", 1)
        if "httpGet" in wanted:
            return self._answers(wanted["httpGet"]["path"], limit)
        try:
            done = subprocess.run(
                _in_pod(role, wanted["exec"]["command"]),
                cwd=self._data(role),
                env=self._environment(role, pod),
                capture_output=True,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def is_left_alone(self, role: str, pod: Manifest) -> bool:
        """Whether fewer tries of the liveness probe fail in a row than Kubernetes restarts for."""
        tries = container(pod)["livenessProbe"]["failureThreshold"]
        return any(self.passes(role, pod, "livenessProbe") for _ in range(tries))

    def starts(self, role: str, pod: Manifest) -> bool:
        """Whether the startup probe passes before Kubernetes gives up on the pod."""
        probe = container(pod)["startupProbe"]
        for _ in range(probe["failureThreshold"]):
            assert self.running[role].poll() is None, self.log(role)
            if self.passes(role, pod, "startupProbe"):
                return True
            time.sleep(probe["periodSeconds"])
        return False

    def stop(self, role: str, pod: Manifest) -> int:
        """Stop a pod as Kubernetes does; raises TimeoutExpired when its grace is over."""
        process = self.running.pop(role)
        process.terminate()
        return process.wait(pod["spec"]["terminationGracePeriodSeconds"])

    def lose(self, role: str) -> None:
        """Kill a pod, as the loss of its node does."""
        process = self.running.pop(role)
        process.kill()
        process.wait(10)

    def close(self) -> None:
        """Kill the remaining processes."""
        for role in list(self.running):
            self.lose(role)

    def _answers(self, path: str, limit: float) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}{path}"
            return requests.get(url, timeout=limit).ok
        except requests.RequestException:
            return False

    def _environment(self, role: str, pod: Manifest) -> dict[str, str]:
        dockerfile = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
        own = dict(_IMAGE_VARIABLE.findall(dockerfile)) | dict(environment(pod))
        places = {
            "/etc/easyai": self.folder / "config",
            "/run/secrets/easyai": self.folder / "secrets",
            "/srv/easyai/data": self._data(role),
            "/srv/easyai/snapshots": self.frames,
        }
        for path, place in places.items():
            own = {name: value.replace(path, str(place)) for name, value in own.items()}
        own |= {"EASYAI_HOST": "127.0.0.1", "EASYAI_PORT": str(self.port)}
        own |= {"EASYAI_PUBLIC_URL": f"http://127.0.0.1:{self.port}"}
        clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
        path_first = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return clean | own | {"PATH": path_first, "PYTHONPATH": str(ROOT)}

    def _data(self, role: str) -> Path:
        """Each pod has a folder of its own for its data, empty at its start."""
        folder = self.folder / f"data-{role}"
        folder.mkdir(exist_ok=True)
        return folder


def _in_pod(name: str, command: list[str]) -> list[str]:
    """A command under the host name of a pod; it replaces the processes before it."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--uts", "sh", "-c", _NAMED, name, *command]
