"""Folders that are not taken in for want of room are told in a diagnosis, and ring no alarm."""

from __future__ import annotations

from easyai.diagnosis.causes.rank import rank
from easyai.messages.catalogue import text
from tests.support.lively import look
from tests.support.site import Installation

CODE = "task_types_full"


def _codes(site: Installation) -> list[str]:
    return [cause.code for cause in rank(look(site, probes=False).facts)]


def test_a_diagnosis_names_folders_without_room_until_there_is_room(site: Installation) -> None:
    site.configure(max_task_types=2)
    for name in ("a", "b", "c"):
        site.put(f"{name}/c/1.jpg")
    site.scan()
    (cause,) = [one for one in rank(look(site, probes=False).facts) if one.code == CODE]
    (left,) = {"a", "b", "c"} - {frame["task_type"] for frame in site.frames()}
    assert f"in the store: {left}" in text(cause.evidence[0])
    assert cause.weight < 50, "it stops no inference"
    site.configure(max_task_types=3)
    assert CODE not in _codes(site)
