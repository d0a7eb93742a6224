"""A test's access to an installation in containers: pictures in, alerts out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests

from tests.production.engine import IMAGE, ROOT, Engine
from tests.support.waiting import wait_until

TYPE = "人数统计"


@dataclass(frozen=True)
class Site:
    """An installation whose API answers at `url`."""

    engine: Engine
    url: str

    def put_frame(self, container: str, number: int) -> None:
        """Put a picture into the frames that a container sees, as a camera writes it."""
        folder = f"/srv/easyai/snapshots/{TYPE}/门口"
        script = f'mkdir -p "{folder}" && cd "{folder}" && cat > .n && mv .n {number:06}.jpg'
        picture = (ROOT / "examples" / "street.jpg").read_bytes()
        self.engine.docker("exec", "--interactive", container, "sh", "-c", script, given=picture)

    def alerts(self) -> int:
        """How many alerts there are."""
        return int(self._get("/api/v1/alerts")["total"])

    def frames(self, container: str, state: str) -> int:
        """How many frames are in this state."""
        command = ("exec", container, "easyai", "frames", "--state", state, "--json")
        result = self.engine.docker(*command, check=False)  # exits with 1 where there is none
        return len(json.loads(result)["frames"])

    def wait_for_alerts(self, count: int, limit_sec: float = 60) -> None:
        """Wait for as many alerts."""
        wait_until(lambda: self._has_alerts(count), limit_sec, f"{count} alerts", 0.3)

    def _has_alerts(self, count: int) -> bool:
        try:
            return self.alerts() == count
        except requests.ConnectionError:  # of a container that has just been made
            return False

    def start_detector(
        self, name: str, network: str, server: str, *options: str, limit_sec: float = 60.0
    ) -> None:
        """A service in a network, known there as `detector`; waits until it is registered."""
        self.engine.docker(
            *("run", "--detach", "--rm", "--name", name),
            *("--network", network, "--network-alias", "detector"),
            *("--volume", f"{ROOT}/tests/production/detector.py:/detector.py:ro"),
            *(IMAGE, "python", "/detector.py", server, "detector", *options),
        )
        wait_until(self._has_service, limit_sec, "the service registers", 0.3)

    def _has_service(self) -> bool:
        try:
            return bool(self._get("/api/v1/ai_analysis/services")["total"])
        except requests.ConnectionError:
            return False

    def _get(self, path: str) -> dict[str, Any]:
        answer = requests.get(f"{self.url}{path}", timeout=5)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
