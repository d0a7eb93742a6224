"""Prometheus from Debian's package, on loopback, and its promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.support.needs import program
from tests.support.server_process import ServerProcess

ROOT = Path(__file__).parents[3]
FILES = ROOT / "docker" / "prometheus"
_OF = "Prometheus; install: sudo scripts/install-engine"
_DISCOVERY = """    dns_sd_configs:
      - names: [easyai, api]
        type: A
        port: 5066
        refresh_interval: 15s
"""


def promtool(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """A call of promtool."""
    command = [program("promtool", _OF), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


class Prometheus(ServerProcess):
    """A server with docker/prometheus/prometheus.yml, but for names and times.

    Names of a compose network mean nothing here: a single address stands for them.
    """

    name = "prometheus"

    def __init__(self, target: str) -> None:
        self._program = program("prometheus", _OF)
        super().__init__()
        text = (FILES / "prometheus.yml").read_text(encoding="utf-8")
        assert _DISCOVERY in text
        static = f'    static_configs:\n      - targets: ["{target}"]\n'
        text = text.replace(_DISCOVERY, static).replace("15s", "1s")
        text = text.replace("localhost:9090", f"127.0.0.1:{self.port}")
        (self.folder / "prometheus.yml").write_text(text, encoding="utf-8")
        rules = (FILES / "rules.yml").read_text(encoding="utf-8")
        (self.folder / "rules.yml").write_text(rules, encoding="utf-8")

    def command(self) -> list[str]:
        """Everything below its folder, listening on loopback only."""
        return [
            self._program,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def answers(self) -> bool:
        """It takes queries."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).ok
        except requests.RequestException:
            return False

    def get(self, path: str, **query: Any) -> Any:
        """The data of a call of its API; its error fails."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        body = requests.get(url, params=query, timeout=10).json()
        assert body["status"] == "success", f"{query}: {body}"
        assert not body.get("warnings"), f"{query}: {body['warnings']}"
        return body["data"]

    def value(self, query: str) -> float | None:
        """The value of a query with a single result; None without a result."""
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None
