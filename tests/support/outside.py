"""An installation as its users meet it: frames are files, everything else goes over REST."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from easyai.store.keys import held_name
from easyai.store.local_folder import CLAIM_KEY
from tests.support.jpeg import jpeg
from tests.support.waiting import wait_until

_API = "/api/v1"
_LARGEST_PAGE = 100


@dataclass(frozen=True)
class Outside:
    """A server at ``url`` as cameras, algorithm services and operators see it."""

    url: str  # http://host:port
    frames: Path  # the folder that cameras write to

    def put(self, key: str, content: bytes | None = None) -> Path:
        """Write a frame as a camera does: under a hidden name, then renamed into place."""
        path = self.frames / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{secrets.token_hex(4)}")
        draft.write_bytes(jpeg() if content is None else content)
        draft.rename(path)
        return path

    def put_many(
        self, count: int, task_type: str, camera: str = "门口1", first: int = 0
    ) -> list[str]:
        """Frames 00000.jpg and on of a camera; their keys."""
        numbers = range(first, first + count)
        keys = [f"{task_type}/{camera}/{number:05d}.jpg" for number in numbers]
        for number, key in zip(numbers, keys, strict=True):
            self.put(key, jpeg(number, 64, 48))
        return keys

    def pictures(self, folder: str) -> list[str]:
        """The files below a folder, as keys in order; a held picture under its original name."""
        found = (self.frames / folder).rglob("*")
        return sorted(
            str(_own(path).relative_to(self.frames))
            for path in found
            if path.is_file() and path.name != CLAIM_KEY
        )

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET below ``/api/v1``; an answer other than 200 fails."""
        with requests.get(f"{self.url}{_API}{path}", params=query, timeout=10) as response:
            assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
            return response.json()

    def alerts(self, task_type: str) -> list[dict[str, Any]]:
        """Every alert of a type, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            number = len(found) // _LARGEST_PAGE + 1
            query = {"task_type": task_type, "page": number, "page_size": _LARGEST_PAGE}
            page = self.get("/alerts", **query)
            found += page["items"]
            if len(page["items"]) < _LARGEST_PAGE:
                assert len(found) == page["total"]
                return sorted(found, key=lambda alert: int(alert["id"]))

    def alert_count(self, task_type: str) -> int:
        """How many alerts of a type there are."""
        return int(self.get("/alerts", task_type=task_type, page_size=1)["total"])

    def wait_for_alerts(self, task_type: str, count: int, timeout: float = 20.0) -> None:
        """Wait until there are at least so many alerts of a type."""

        def enough() -> bool:
            return self.alert_count(task_type) >= count

        wait_until(enough, timeout, f"{count} alerts of {task_type}", every=0.1)

    def assert_one_alert_each(self, keys: Iterable[str], timeout: float = 20.0) -> None:
        """Every frame has exactly one alert, its picture lies beside it, the folder is empty."""
        keys = sorted(keys)
        task_type = keys[0].partition("/")[0]
        self.wait_for_alerts(task_type, len(keys), timeout)
        wanted = [f"alerts/{key}" for key in keys]
        paths = sorted(alert["image_path"] for alert in self.alerts(task_type))
        assert paths == wanted, f"lost {set(wanted) - set(paths)}, too many {set(paths)}"
        wait_until(lambda: not self.pictures(task_type), timeout, f"{task_type}/ is empty")
        assert self.pictures(f"alerts/{task_type}") == wanted

    def services(self, everything: bool = False) -> list[dict[str, Any]]:
        """The services that can take work, or all with their states."""
        query = {"state": "all"} if everything else {}
        found: list[dict[str, Any]] = self.get("/ai_analysis/services", **query)["services"]
        return found

    def in_use(self) -> set[str]:
        """The ids of the services that can take work."""
        return {service["service_id"] for service in self.services()}

    def state(self, service_id: str) -> str:
        """The state of a service with a single endpoint."""
        (found,) = (
            service for service in self.services(True) if service["service_id"] == service_id
        )
        state: str = found["state"]
        return state

    def stats(self) -> dict[str, Any]:
        """The numbers of the pipeline."""
        numbers: dict[str, Any] = self.get("/ai_analysis/inference_stats")
        return numbers

    def heartbeat(self, service_id: str) -> requests.Response:
        """Send a heartbeat; the answer, whatever its status."""
        return self._post(f"/ai_analysis/heartbeat/{quote(service_id, safe='')}")

    def clear_services(self) -> None:
        """Unregister every service."""
        assert self._post("/ai_analysis/clear_all").ok

    def _post(self, path: str) -> requests.Response:
        with requests.post(f"{self.url}{_API}{path}", timeout=10) as response:
            return response


def _own(path: Path) -> Path:
    held = held_name(path.name)
    return path.with_name(held.name) if held else path
