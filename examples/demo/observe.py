"""The frames' outcomes from four sides: REST, ledger, folder and services."""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from easyai.store.local_folder import CLAIM_KEY
from examples.demo.parts import Parts

_PAGE = 100  # alerts, the most per page
_CARRY_SEC = 20.0  # pictures are moved after the ledger's commit


@dataclass(frozen=True)
class Observed:
    """The whole result, from four sides that must agree."""

    ledger: list[dict[str, Any]]  # from `easyai frames --json`
    alerts: list[dict[str, Any]]  # from the REST API
    files: dict[str, str]  # path below the frame folder to digest
    calls: dict[str, int]  # task type to the number of frames that its service received


def observe(parts: Parts) -> Observed:
    """Observe after every frame is settled and every picture is moved."""
    return Observed(_ledger(parts), alerts(parts.url), _files(parts.frames), _calls(parts.url))


def services(url: str) -> list[dict[str, Any]]:
    """The services that can accept frames now."""
    listed: list[dict[str, Any]] = _get(f"{url}/api/v1/ai_analysis/services")["services"]
    return listed


def alerts(url: str) -> list[dict[str, Any]]:
    """All alerts of frames, without system alarms."""
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = _get(f"{url}/api/v1/alerts?page={page}&page_size={_PAGE}")
        found += answer["items"]
        if page * _PAGE >= answer["total"]:
            return [alert for alert in found if alert["task_id"] != "system"]
        page += 1


def picture(alert: dict[str, Any]) -> bytes:
    """An alert's picture, by the link that the alert carries."""
    response = requests.get(alert["image_url"], timeout=10)
    response.raise_for_status()
    return response.content


def digest(content: bytes) -> str:
    """A file's fingerprint."""
    return hashlib.sha256(content).hexdigest()


def _ledger(parts: Parts) -> list[dict[str, Any]]:
    limit = time.monotonic() + _CARRY_SEC
    while True:
        answer = json.loads(parts.command("frames", "--json", "--limit", "100000"))
        rows: list[dict[str, Any]] = answer["frames"]
        if not _under_way(rows) or time.monotonic() > limit:
            return rows
        time.sleep(0.2)


def _under_way(rows: Iterable[dict[str, Any]]) -> bool:
    return any(
        row["state"] in ("pending", "leased") or row["picture_state"] in ("moving", "being_deleted")
        for row in rows
    )


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != CLAIM_KEY
    }


def _calls(url: str) -> dict[str, int]:
    calls: dict[str, int] = {}
    for service in services(url):
        number = _total_requests(service["endpoint"])
        for task_type in service["task_types"]:
            calls[task_type] = calls.get(task_type, 0) + number
    return calls


def _total_requests(endpoint: str) -> int:
    address = urlsplit(endpoint)
    try:
        health = _get(f"{address.scheme}://{address.netloc}/health")
    except requests.RequestException:
        return 0  # the check reports missing calls
    return int(health["total_requests"])


def _get(url: str) -> Any:
    response = requests.get(url, timeout=10)
    response.raise_for_status()
    return response.json()
