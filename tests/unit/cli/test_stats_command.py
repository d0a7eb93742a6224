"""``easyai stats``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from easyai.cli import stats_command as module
from easyai.db import clock, leases
from easyai.errors import DatabaseUnavailableError
from tests.support.installation import TYPE, Installation


def test_each_type_shows_its_frames_by_state_and_its_services(
    installation: Installation,
) -> None:
    installation.task_type("绊线人数统计")
    installation.service("yolo-1")
    installation.pending()
    installation.pending(task_type="人脸")
    installation.pending(task_type="人脸", state="parked")
    installation.frame(state="leased")
    installation.frame()
    body = json.loads(installation.run("stats", "--json").stdout)
    assert {figures.pop("rate_limit") for figures in body["task_types"].values()} == {""}
    assert body["task_types"] == {
        TYPE: {"waiting": 1, "parked": 0, "leased": 1, "failed": 1, "services": 1},
        "人脸": {"waiting": 1, "parked": 1, "leased": 0, "failed": 0, "services": 0},
        "绊线人数统计": {"waiting": 0, "parked": 0, "leased": 0, "failed": 0, "services": 0},
    }
    assert (body["queue_size"], body["parked"], body["active_inferences"]) == (3, 1, 1)


def test_the_sums_and_the_types_are_shown_to_people(installation: Installation) -> None:
    installation.pending()
    result = installation.run("stats")
    assert result.exit_code == 0, result.output
    assert "waiting     1 of 5000, 0 of them parked; when full: wait\n" in result.stdout
    # The strategy of now is not that of the drops of the past.
    assert "dropped     0: 0 queue full, 0 too old, 0 disk low\n" in result.stdout
    assert "changed     20" in result.stdout
    line = next(line for line in result.stdout.splitlines() if line.startswith(TYPE))
    assert line.split() == [TYPE, "1", "0", "0", "0", "0"]


def test_a_rate_that_is_configured_for_a_type_is_shown(installation: Installation) -> None:
    for name in (TYPE, "人脸"):
        installation.task_type(name)
    assert "RATE" not in installation.run("stats").stdout
    limited = {TYPE: {"rate_limit": "30/s"}}
    installation.monkeypatch.setenv("EASYAI_AI_ANALYSIS__TYPES", json.dumps(limited))
    shown = [line.split() for line in installation.run("stats").stdout.splitlines()]
    (head,) = [cells for cells in shown if "TYPE" in cells]
    rates = {cells[0]: dict(zip(head, cells, strict=True))["RATE"] for cells in shown[-2:]}
    assert rates == {TYPE: "30/s", "人脸": "-"}
    types = json.loads(installation.run("stats", "--json").stdout)["task_types"]
    assert {name: figures["rate_limit"] for name, figures in types.items()} == {
        TYPE: "30/s",
        "人脸": "",
    }


def _stop_after(monkeypatch: pytest.MonkeyPatch, rounds: int) -> list[float]:
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == rounds:
            raise KeyboardInterrupt

    monkeypatch.setattr("easyai.cli.stats_command.time.sleep", pause)
    return paused


def test_watch_prints_a_line_of_json_each_time_until_ctrl_c(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = _stop_after(monkeypatch, 3)
    result = installation.run("stats", "--json", "--watch", "2")
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["queue_size"] for line in result.stdout.splitlines()] == [0, 0, 0]
    assert paused == [2.0, 2.0, 2.0]


def test_watch_goes_on_when_the_database_is_away_for_a_while(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stop_after(monkeypatch, 2)
    read, calls = module._read, []

    def away_at_first(runtime: Any) -> dict[str, Any]:
        calls.append(runtime)
        if len(calls) == 1:
            raise DatabaseUnavailableError("the database does not answer: locked")
        return read(runtime)

    monkeypatch.setattr(module, "_read", away_at_first)
    result = installation.run("stats", "--json", "--watch", "1")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith("easyai: the database does not answer: locked; trying again\n")


def test_way_of_new_frames_is_shown(installation: Installation) -> None:
    assert "new frames  by the scan\n" in installation.run("stats").stdout
    with installation.db.write() as conn:
        leases.acquire(conn, "watch", "us", 15.0, clock.now(conn))
    assert "new frames  at once: the frame folder is watched\n" in installation.run("stats").stdout
