"""The sweep keeps the alerts within bounds and tells operators what they must know."""

from __future__ import annotations

import pytest

from easyai.registry import system_alerts
from easyai.registry.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that wait at all are told of."""
    monkeypatch.setattr(system_alerts, "_GRACE_SEC", 0.0)


def test_the_newest_alerts_are_kept_and_the_others_go_with_their_pictures(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    site.register(algorithm)
    site.put_many(5)
    site.work(site.loop())
    newest = site.alerts()[-2:]
    site.configure(max_alerts_in_db=2)
    with caplog.at_level("INFO"):
        assert sweep(site.runtime).trimmed == 3
    assert site.alerts() == newest
    assert site.pictures("") == sorted(alert["image_path"] for alert in newest)
    assert "max_alerts_in_db is reached: count=3" in caplog.text
    assert sweep(site.runtime).trimmed == 0
    assert site.alerts() == newest


@pytest.mark.parametrize("most", [0, 5])
def test_alerts_within_the_bound_all_stay(
    site: Installation, algorithm: AlgorithmStub, most: int
) -> None:
    site.register(algorithm)
    site.put_many(5)
    site.work(site.loop())
    site.configure(max_alerts_in_db=most)
    assert sweep(site.runtime).trimmed == 0
    assert (len(site.alerts()), len(site.pictures("alerts"))) == (5, 5)


@pytest.mark.usefixtures("no_grace")
def test_frames_that_wait_without_a_service_are_told_of_once_in_a_while(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.record(3)
    for _ in range(3):
        sweep(site.runtime)
    (alert,) = site.alerts()
    assert (alert["task_id"], alert["task_type"], alert["image_path"]) == (
        "system",
        "no_algorithm",
        "",
    )
    assert alert["result"].startswith(f"no algorithm for task type: {TYPE};")
    assert caplog.text.count(f"no algorithm for task type: {TYPE}") == 1
    assert "frames=3" in caplog.text
    monkeypatch.setattr(system_alerts, "REPEAT_SEC", 0.0)
    sweep(site.runtime)
    assert len(site.alerts()) == 2


def test_frames_that_have_just_come_are_not_told_of(site: Installation) -> None:
    site.record(3)
    sweep(site.runtime)
    assert site.alerts() == []


@pytest.mark.usefixtures("no_grace")
def test_frames_that_a_service_will_take_are_not_told_of(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(3)
    sweep(site.runtime)
    assert site.alerts() == []


@pytest.mark.usefixtures("no_grace")
def test_each_type_without_a_service_is_told_of(site: Installation) -> None:
    for task_type in ("人脸", "车辆"):
        site.record(1, task_type)
    sweep(site.runtime)
    told = [alert["result"] for alert in site.alerts()]
    assert ["人脸" in told[0], "车辆" in told[1]] == [True, True]


@pytest.mark.parametrize(("limit", "told"), [(2, 1), (3, 0), (0, 0)])
def test_a_backlog_over_the_limit_is_told_of_once_in_a_while(
    site: Installation,
    algorithm: AlgorithmStub,
    caplog: pytest.LogCaptureFixture,
    limit: int,
    told: int,
) -> None:
    site.configure(max_queue_size=limit)
    site.register(algorithm)
    site.record(3)
    for _ in range(2):
        sweep(site.runtime)
    assert [alert["task_type"] for alert in site.alerts()] == ["queue_backlog"] * told
    assert caplog.text.count("inference backlog alert") == told
