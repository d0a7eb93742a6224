"""Sent pictures are remembered on both databases, the newest of them."""

from __future__ import annotations

import pytest

from easyai.db import sent_digests
from easyai.db.sent_digests import SentBefore
from tests.support.site import TYPE, Installation

KEY = f"{TYPE}/门口1/1.jpg"


def _remember(site: Installation, key: str, digest: str) -> None:
    with site.runtime.db.write() as conn:
        sent_digests.remember(conn, key, digest)


def _find(site: Installation, key: str) -> SentBefore | None:
    with site.runtime.db.read() as conn:
        return sent_digests.find(conn, key)


def test_picture_counts_as_written_once_a_later_frame_has_its_key(site: Installation) -> None:
    site.put(KEY)
    site.scan()
    assert _find(site, KEY) is None
    _remember(site, KEY, "a")
    assert _find(site, KEY) == SentBefore("a", recorded=False)
    site.execute("UPDATE frames SET image_path = ''")
    site.put(KEY, modified_at=1_700_000_000.0)
    site.scan()
    assert _find(site, KEY) == SentBefore("a", recorded=True)
    _remember(site, KEY, "b")
    assert _find(site, KEY) == SentBefore("b", recorded=False)


def test_only_the_newest_pictures_are_remembered(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_digests, "MOST", 3)
    for number in range(5):
        _remember(site, f"{number}", "a")
    assert [number for number in range(5) if _find(site, f"{number}")] == [2, 3, 4]
