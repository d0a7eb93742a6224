"""The diagnosis names folders beyond max_task_types, and no alarm is raised."""

from __future__ import annotations

from easyai.diagnosis.causes.rank import rank
from easyai.messages.catalogue import text
from tests.support.lively import look
from tests.support.site import Installation

CODE = "task_types_full"


def _codes(site: Installation) -> list[str]:
    return [cause.code for cause in rank(look(site, probes=False).facts)]


def test_diagnosis_names_folders_beyond_max_task_types_until_the_limit_is_raised(
    site: Installation,
) -> None:
    site.configure(max_task_types=2)
    for name in ("a", "b", "c"):
        site.put(f"{name}/c/1.jpg")
    site.scan()
    (cause,) = [cause for cause in rank(look(site, probes=False).facts) if cause.code == CODE]
    (left,) = {"a", "b", "c"} - {frame["task_type"] for frame in site.frames()}
    assert f"in the store: {left}" in text(cause.evidence[0])
    assert cause.weight < 50, "it stops no inference"
    site.configure(max_task_types=3)
    assert CODE not in _codes(site)
