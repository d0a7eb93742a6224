"""Places for task types: which types get a place, give way, and are forgotten."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from easyai.db import clock, task_types
from easyai.domain.type_places import TYPES_FULL
from easyai.errors import BadRequestError
from easyai.pipeline.type_gate import TypeGate
from easyai.pipeline.type_upkeep import keep_types
from easyai.registry import registration, unregistration
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

DAY = 86_400.0
ODD = (
    "a,b",
    "a b",
    "Caf\u00e9",
    "TYPE",
    "type",
    "😀 笑脸",
    "很长的类型" * 14,
    "infer.人脸",
    "%2F",
)


def register(site: Installation, number: int, *names: str) -> None:
    """Register a service of these types at its own endpoint."""
    body = {"service_id": f"s{number}", "endpoint": f"http://127.0.0.1:9/{number}"}
    registration.register(site.runtime, body | {"task_types": list(names)})


def known(site: Installation) -> list[str]:
    """The task types in the database."""
    with site.runtime.db.read() as conn:
        return task_types.names(conn)


def age(site: Installation, sec: float) -> None:
    """Let so much time pass for every type."""
    site.execute(
        "UPDATE task_types SET seen_at = seen_at - :sec,"
        " framed_at = CASE WHEN framed_at > 0 THEN framed_at - :sec ELSE 0 END",
        sec=sec,
    )


def admit_anew(site: Installation, *names: str) -> set[str]:
    """The types that a new process admits."""
    return TypeGate(site.runtime).admit(names)


def test_registration_beyond_max_task_types_is_refused_and_changes_nothing(
    site: Installation,
) -> None:
    site.configure(max_task_types=3)
    register(site, 1, "a", "b")
    with pytest.raises(BadRequestError, match=r"task_types: .*max_task_types = 3") as caught:
        register(site, 2, "c", "d")
    assert "ai_analysis.max_task_types" in str(caught.value)
    assert known(site) == ["a", "b"]
    assert [row["service_id"] for row in site.rows("SELECT service_id FROM services")] == ["s1"]
    register(site, 2, "c", "b")
    register(site, 1, "b", "a")  # registered types always fit
    assert known(site) == ["a", "b", "c"]


def test_cleared_services_free_places_for_types_at_once(site: Installation) -> None:
    site.configure(max_task_types=20)
    for cycle in range(5):
        register(site, cycle, *(f"{cycle}-{number}" for number in range(20)))
        unregistration.clear_all(site.runtime)
    assert len(known(site)) == 20


def test_folders_take_places_from_registered_types_and_configured_types_always_fit(
    site: Installation,
) -> None:
    site.configure('[ai_analysis.types."named"]\npriority = 5\n', max_task_types=4)
    register(site, 1, *(f"garbage{number}" for number in range(4)))
    for number in range(6):
        site.put(f"folder{number}/c/1.jpg")
    site.put("named/c/1.jpg")
    report = site.scan()
    assert report.new_frames == 5
    assert report.refused == 2
    assert len(known(site)) == 5
    assert all(name.startswith("folder") or name == "named" for name in known(site))
    # The types gave way; the service stays registered, and may register again.
    register(site, 1, *(f"garbage{number}" for number in range(4)))


def test_folder_beyond_max_task_types_is_reported_once_and_recorded_later(
    site: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyai.pipeline.type_gate._ASK_AGAIN_SEC", 0.0)
    site.configure(max_task_types=2)
    for name in ("a", "b", "c"):
        site.put(f"{name}/c/1.jpg")
    with caplog.at_level(logging.WARNING, "easyai.pipeline.type_gate"):
        for _ in range(3):
            site.scan()
    (record,) = [record for record in caplog.records if record.name == "easyai.pipeline.type_gate"]
    assert "max_task_types = 2" in record.getMessage()
    (left,) = {"a", "b", "c"} - {frame["task_type"] for frame in site.frames()}
    assert f"their frames stay in the store: {left}" in record.getMessage()
    assert site.pictures(left) == [f"{left}/c/1.jpg"]
    events = site.rows("SELECT text FROM events WHERE kind = :kind", kind=TYPES_FULL)
    assert len(events) == 1
    site.configure(max_task_types=3)
    assert site.scan().new_frames == 1
    assert {frame["task_type"] for frame in site.frames()} == {"a", "b", "c"}


def test_unused_type_is_forgotten_after_a_day_and_admitted_again(
    site: Installation,
) -> None:
    names = [*ODD, *(f"类型{number}" for number in range(190))]
    assert admit_anew(site, *names) == set(names)
    assert set(known(site)) == set(names)
    age(site, DAY - 60)
    assert keep_types(site.runtime) == 0
    age(site, 120)
    assert keep_types(site.runtime) == len(names)
    assert known(site) == []
    assert admit_anew(site, *names) == set(names)
    assert len(known(site)) == len(set(names)) == len(names)


@pytest.mark.parametrize("state", ["pending", "parked", "leased", "failed"])
def test_type_is_kept_while_a_frame_has_it(site: Installation, state: str) -> None:
    site.record(1, "held")
    site.execute("UPDATE frames SET state = :state", state=state)
    age(site, 2 * DAY)
    assert keep_types(site.runtime) == 0
    (row,) = site.rows("SELECT seen_at FROM task_types")
    with site.runtime.db.read() as conn:
        assert abs(row["seen_at"] - clock.now(conn)) < 60


def test_type_is_kept_while_a_service_or_setting_names_it(site: Installation) -> None:
    extra = '[ai_analysis.types."set"]\npriority = 5\n'
    site.configure(extra)
    register(site, 1, "served")
    admit_anew(site, "set", "gone")
    age(site, 2 * DAY)
    assert keep_types(site.runtime) == 1
    assert known(site) == ["served", "set"]
    unregistration.clear_all(site.runtime)
    age(site, 2 * DAY)
    assert keep_types(site.runtime) == 1
    assert known(site) == ["set"]


def test_removed_row_of_a_type_is_restored_while_frames_wait(
    site: Installation,
) -> None:
    site.record(1, "waits")
    site.execute("DELETE FROM task_types")
    keep_types(site.runtime)
    assert known(site) == ["waits"]


def test_use_of_a_type_is_written_once_an_hour(site: Installation) -> None:
    register(site, 1, "a")
    admit_anew(site, "a", "b")

    def rows() -> list[dict[str, Any]]:
        return site.rows("SELECT * FROM task_types ORDER BY name")

    before = rows()
    register(site, 1, "a")
    admit_anew(site, "a", "b")
    keep_types(site.runtime)
    assert rows() == before
    age(site, 2 * 3600)
    admit_anew(site, "a")
    assert rows()[0]["framed_at"] >= before[0]["framed_at"]
    assert rows()[1]["framed_at"] < before[1]["framed_at"]


def test_type_used_while_it_is_being_forgotten_is_kept(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit_anew(site, "a")
    age(site, 2 * DAY)
    from easyai.db import admitted_types

    forget = admitted_types.forget

    def named_meanwhile(conn: Any, types: Any) -> int:
        task_types.add(conn, ["a"], clock.now(conn))
        return forget(conn, types)

    monkeypatch.setattr(admitted_types, "forget", named_meanwhile)
    assert keep_types(site.runtime) == 0
    assert known(site) == ["a"]


def test_frames_of_forgotten_types_with_special_names_are_inferred(
    site: Installation,
) -> None:
    with AlgorithmStub("odd", ODD) as stub:
        site.register(stub)
        admit_anew(site, *ODD)
        site.execute("DELETE FROM service_task_types")
        age(site, 2 * DAY)
        assert keep_types(site.runtime) == len(ODD)
        site.register(stub)
        loop = site.loop()
        for name in ODD:
            site.put(f"{name}/c/1.jpg")
        site.scan()
        for name in ODD:
            site.work(loop, name) if name == ODD[-1] else loop.pump(name, 1.0)
        assert {call.frame["task_type"] for call in stub.received} == set(ODD)
        assert stub.count == len(ODD)


def test_scan_records_the_row_of_a_type_with_its_frames(site: Installation) -> None:
    site.put(f"{TYPE}/c/1.jpg")
    site.scan()
    (row,) = site.rows("SELECT name, framed_at FROM task_types")
    assert row["name"] == TYPE
    assert row["framed_at"] > 0
