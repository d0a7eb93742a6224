"""A whole installation on each kind of database, with frames and alerts in every state."""

from __future__ import annotations

import pytest

from easyai.pipeline.alert_removal import delete_alerts
from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.site_fixtures import (
    living_links,
    migrated_url,
    no_variables_of_the_caller,
    site,
)

__all__ = [
    "filled",
    "living_links",
    "migrated_url",
    "no_variables_of_the_caller",
    "site",
]


def jpeg(words: str) -> bytes:
    """A complete picture whose content is unique to `words`."""
    comment = words.encode()
    return b"\xff\xd8\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + b"\xff\xd9"


@pytest.fixture
def filled(site: Installation, algorithm: AlgorithmStub) -> Installation:
    """Alerts, a failed frame, three waiting frames (one of them leased), and a deleted alert.

    The pictures are 0.jpg to 6.jpg of a camera; the frame of 2.jpg has failed, 4 to 6 wait.
    """

    def answer(frame: Frame) -> Answer:
        if "/2.jpg" in frame["image_path"]:
            return 200, {"success": False, "error": "no"}
        return detections(1)

    algorithm.answer = answer
    site.register(algorithm)
    for number in range(4):
        site.put(f"{TYPE}/门口1/{number}.jpg", jpeg(f"picture {number}"), 1_700_000_000 + number)
    site.work(site.loop())
    assert len(site.alerts()) == 3
    assert site.count("failed") == 1
    delete_alerts(site.runtime, [site.alerts()[-1]["id"]])
    for number in range(4, 7):
        site.put(f"{TYPE}/门口1/{number}.jpg", jpeg(f"picture {number}"), 1_700_000_000 + number)
    site.put(f"{TYPE}/门口1/algo_config.json", b"{}")
    site.scan()
    assert len(site.lease(most=1).frames) == 1
    assert site.count("pending") == 2
    return site
