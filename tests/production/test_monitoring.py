"""The profile monitoring: Prometheus scrapes easyai. No package has Grafana: it is not started."""

from __future__ import annotations

from typing import Any

import requests

from tests.production.conftest import Compose
from tests.support.ports import free_port
from tests.support.waiting import wait_until


def test_prometheus_scrapes_the_composed_installation(compose: Compose) -> None:
    port = free_port()
    project = compose("edge,monitoring", PROMETHEUS_PORT=str(port))
    project.up("easyai", "prometheus")
    project.wait_healthy("easyai", "prometheus")

    def get(path: str) -> Any:
        return requests.get(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=10).json()["data"]

    def scraped() -> bool:
        found = get('query?query=up{job="easyai"}')["result"]
        return [sample["value"][1] for sample in found] == ["1"]

    wait_until(scraped, 120, "easyai is scraped", 1.0)
    rules = [rule["name"] for group in get("rules")["groups"] for rule in group["rules"]]
    assert "EasyaiInferenceStalled" in rules
