"""Steps of these tests with a running `easyai up`: write frames, wait for alerts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests

from tests.support.easyai_process import EasyaiProcess
from tests.support.waiting import wait_until

CAMERA = "人数统计/门口"
_PAGE = 100


def jpeg(number: int) -> bytes:
    """A picture that is whole at once, and no other's."""
    return b"\xff\xd8\xff\xfe\x00\x08%06d\xff\xd9" % number


def put(frames: Path, numbers: Iterable[int]) -> None:
    """Write pictures of a camera as an extractor does."""
    folder = frames / CAMERA
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        draft = folder / f".{number}.draft"
        draft.write_bytes(jpeg(number))
        draft.rename(folder / f"{number:06d}.jpg")


def alerts(site: EasyaiProcess) -> list[dict[str, Any]]:
    """Every alert, the newest first; none while the API does not answer."""
    found: list[dict[str, Any]] = []
    try:
        while True:
            page = len(found) // _PAGE + 1
            answer = site.get(f"/api/v1/alerts?page={page}&page_size={_PAGE}").json()
            found += answer.get("items", [])
            if len(answer.get("items", [])) < _PAGE:
                return found
    except requests.RequestException:
        return []


def wait_for_alerts(site: EasyaiProcess, numbers: Iterable[int], timeout: float = 60.0) -> None:
    """Wait until each of these pictures has its alert; none has two."""
    wanted = {f"{number:06d}.jpg" for number in numbers}

    def names() -> list[str]:
        return [alert["image_path"].rpartition("/")[2] for alert in alerts(site)]

    try:
        wait_until(lambda: wanted <= set(names()), timeout, f"{len(wanted)} alerts")
    except AssertionError as error:
        raise AssertionError(
            f"{error}; missing {sorted(wanted - set(names()))[:5]}\n{site.log[-4000:]}"
        ) from None
    found = [name for name in names() if name in wanted]
    assert len(found) == len(set(found)), "none has two"
