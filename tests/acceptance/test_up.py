"""``easyai up``: a single command starts everything, keeps it running and stops it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.part_process import celery_command, easyai_command, run_to_end
from tests.support.ports import free_port
from tests.support.waiting import wait_until

CHILDREN = ("api", "worker", "beat", "watchdog")


def test_up_is_ready_soon_names_what_it_runs_and_stops_by_ctrl_c_without_a_traceback(
    easyai: EasyaiProcess,
) -> None:
    begun = time.monotonic()
    easyai.start(timeout=15)
    assert time.monotonic() - begun < 15
    (line,) = [line for line in easyai.log.splitlines() if "easyai is ready" in line]
    assert f"http://127.0.0.1:{easyai.port}" in line
    for word in ("/docs", "./snapshots", "./data", "Ctrl-C"):
        assert word in line
    assert easyai.get("/readyz").status_code == 200
    wait_until(lambda: all(easyai.child(name) for name in CHILDREN), 5, "all run")

    easyai.wait_for_line("worker | ")
    logs = easyai.data / "logs"
    assert "easyai is ready" in (logs / "easyai.log").read_text()
    for name in ("api", "worker"):
        wait_until(partial(_names_sqlite, logs / f"{name}.log"), 15, f"{name}: SQLite")

    easyai.stop(signal.SIGINT)
    assert "easyai: stopped" in easyai.log
    assert "Traceback" not in easyai.log
    assert "superuser" not in easyai.log


def _names_sqlite(log: Path) -> bool:
    """Whether a log has the version of SQLite and its guard."""
    facts = (f"SQLite {sqlite3.sqlite_version}", "take turns by easyai.db-guard.")
    return any(all(words in line for words in facts) for line in log.read_text().splitlines())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_stop_by_sigterm_or_sighup_is_clean(easyai: EasyaiProcess, number: signal.Signals) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup(1)
    try:
        easyai.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    easyai.stop(number)


_SAVES_ALL = "[ai_analysis]\nsave_only_with_detection = false\n"
_TYPES = ("改前", "错时", "改后", "再错")


def test_worker_restarted_during_a_settings_mistake_uses_the_last_good_settings(
    forked: EasyaiProcess,
) -> None:
    forked.configure("[ai_analysis]\nmax_concurrent_infer = 9\n")
    forked.start(timeout=60)
    site = Outside(forked.url, forked.frames)
    with AlgorithmStub("empty", _TYPES, answer=lambda _: detections(0)) as stub:
        stub.register(site.url)
        forked.reconfigure(_SAVES_ALL)
        site.assert_one_alert_each(site.put_many(3, _TYPES[0]), timeout=40)

        begin = _break(forked, "[ai_analysis]\nsave_only_with_detection = fals\n")
        site.assert_one_alert_each(site.put_many(3, _TYPES[1]), timeout=40)
        (*_, logged) = [line for line in forked.log[begin:].splitlines() if "last good" in line]
        assert "worker | " in logged
        assert "config.toml: not valid TOML" in logged
        assert _codes(forked)[:1] == ["settings_invalid"]
        for command in ("stats", "db current"):
            shown = forked.run(*command.split())
            assert (shown.returncode, shown.stderr.count("\n")) == (0, 1), shown.stderr
            assert "the last good settings are taken from" in shown.stderr
        forked.wait_for_line("system alarm settings_invalid: ", 30)
        assert forked.run("diagnose", "--no-probes", "--json").returncode == 1

        forked.reconfigure("[ai_analysis]\nsave_only_with_detection = true\n")
        wait_until(lambda: "settings_invalid" not in _codes(forked), 10, "the API has read it, too")
        forked.wait_for_line("the settings file is valid again", 30)
        seen = stub.count
        site.put_many(3, _TYPES[2])
        wait_until(lambda: stub.count >= seen + 3, 40, "the frames are inferred")

        _break(forked, "[ai_analysis]\nsave_only_with_detection = 'no'\nbatch_size = 'x'\n")
        seen = stub.count
        site.put_many(3, _TYPES[3])
        wait_until(lambda: stub.count >= seen + 3, 40, "the frames are inferred")
        wait_until(lambda: site.stats()["queue_size"] == 0, 40, "nothing waits")
        assert site.alert_count(_TYPES[2]) == site.alert_count(_TYPES[3]) == 0
    forked.stop()


def _break(easyai: EasyaiProcess, settings: str) -> int:
    """Save a mistake, kill the worker; where the log of its successor begins."""
    easyai.reconfigure(settings)
    begin = len(easyai.log)
    old = easyai.kill_child("worker")
    easyai.wait_for_child("worker", other_than=old, timeout=40)
    wait_until(lambda: "last good" in easyai.log[begin:], 40, "the successor has read them")
    return begin


def _codes(easyai: EasyaiProcess) -> list[str]:
    answer = easyai.get("/api/v1/ai_analysis/diagnosis?probes=false").json()
    return [cause["code"] for cause in answer["causes"]]


def test_the_settings_of_the_start_are_kept_for_their_owner_only(easyai: EasyaiProcess) -> None:
    copy = easyai.data / "settings.good.toml"
    easyai.configure("[ai_analysis]\nmax_concurrent_infer = 9\n")
    easyai.start(timeout=60)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert "max_concurrent_infer = 9" in copy.read_text()
    easyai.stop()
    easyai.configure("[ai_analysis")
    assert easyai.run_to_end() == 2, "a start never goes on with a mistake"


def test_restarted_child_keeps_the_database_of_the_other_processes(
    forked: EasyaiProcess,
) -> None:
    forked.start()
    forked.configure('[easyai]\ndatabase_url = "sqlite:///elsewhere.db"\n')
    worker = forked.child("worker")
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    site = Outside(forked.url, forked.frames)
    with AlgorithmStub("stays", ("留下",)) as stub:
        stub.register(site.url)
        site.assert_one_alert_each(site.put_many(3, "留下"), timeout=30)
    assert not (forked.folder / "elsewhere.db").exists()


def test_a_port_in_use_is_explained_and_nothing_is_started(easyai: EasyaiProcess) -> None:
    with socket.create_server(("127.0.0.1", easyai.port)):
        assert easyai.run_to_end() == 2
    (line,) = easyai.log.splitlines()
    assert f"127.0.0.1:{easyai.port}" in line
    assert "--port" in line
    assert not easyai.processes()


def test_no_child_outlives_a_killed_up_and_the_next_up_starts_before_and_after_their_end(
    forked: EasyaiProcess,
) -> None:
    forked.start()
    forked.kill()
    forked.start(timeout=60)
    forked.kill()
    wait_until(lambda: not forked.processes(), 40, "every child ended")
    forked.start()
    forked.stop()


def test_starting_children_do_not_outlive_a_killed_up(
    easyai: EasyaiProcess,
) -> None:
    easyai.start(wait=False)
    wait_until(lambda: easyai.child("watchdog"), 30, "the last child is started", every=0.01)
    easyai.kill()
    wait_until(lambda: not easyai.processes(), 40, "every child ended")


def test_a_wrong_setting_is_named_before_anything_starts(easyai: EasyaiProcess) -> None:
    easyai.config.write_text('[ai_analysis]\nscan_interval_sec = "soon"\n')
    assert easyai.run_to_end() == 2
    assert "ai_analysis.scan_interval_sec" in easyai.log
    assert "Traceback" not in easyai.log


def test_commands_in_any_folder_find_the_running_up_and_a_refused_start_makes_no_database(
    easyai: EasyaiProcess, tmp_path: Path
) -> None:
    easyai.configure("[ai_analysis]\nmax_concurrent_infer = 9\n")
    easyai.start()
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()

    def run(command: list[str], *variables: str) -> subprocess.CompletedProcess[str]:
        own = dict(variable.split("=") for variable in variables)
        return run_to_end(command, {"HOME": str(elsewhere), **own}, elsewhere)

    found = f"easyai: {easyai.url}, data {easyai.data}, settings {easyai.config}\n"
    stats = run(easyai_command("stats", "--json"))
    assert stats.stderr == found
    assert json.loads(stats.stdout)["max_concurrent_infer"] == 9
    assert run(easyai_command("diagnose", "--no-probes")).stderr == found
    pong = run(celery_command("inspect", "ping"))
    assert (pong.returncode, "pong" in pong.stdout) == (0, True), pong.stderr
    error = run(easyai_command("requeue", "--id", "1", "--state", "failed")).stderr
    (pasted,) = re.findall(r"`(.+?)`", run(easyai_command("requeue")).stderr)
    assert "no failed frame" in error
    assert run(["sh", "-c", pasted]).stderr.startswith("no frame matches")

    frames = f"EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR={easyai.frames}"
    for refused in (easyai_command("up", "--port", str(free_port())), easyai_command("api")):
        ended = run(refused, frames, f"EASYAI_PORT={easyai.port}", "EASYAI_DATA_DIR=other")
        assert ended.returncode != 0
        assert not (elsewhere / "other" / "easyai.db").exists()
    easyai.stop()
    ended = run(easyai_command("frames", "--config", str(easyai.config)))
    assert "nothing of easyai runs on this database" in ended.stderr, "its data folder is found"


def test_up_under_nohup_outlives_its_terminal_and_no_stray_signal_ends_it(
    easyai: EasyaiProcess,
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup(1) does
    try:
        easyai.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    children = {name: easyai.child(name) for name in CHILDREN}
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        easyai.interrupt(number)
        time.sleep(0.2)  # nothing is to be seen of it
    old = easyai.kill_child("beat")
    easyai.wait_for_child("beat", other_than=old)
    assert {name: easyai.child(name) for name in CHILDREN if name != "beat"} == {
        name: pid for name, pid in children.items() if name != "beat"
    }
    easyai.stop()


def test_moved_data_folder_raises_an_alarm_and_no_command_creates_another(
    forked: EasyaiProcess,
) -> None:
    forked.start()
    forked.wait_for_line("watchdog notifies of alarms", 30)
    forked.data.rename(forked.folder / "aside")
    forked.wait_for_line("system alarm data_moved: ", 20)
    for command in ("frames", "db upgrade"):
        refused = forked.run(*command.split())
        assert refused.returncode == 2
        assert f"easyai runs at {forked.url}, but no database is at " in refused.stderr
    assert forked.run("diagnose", "--json").stdout.count('"data_moved"')
    assert not (forked.data / "easyai.db").exists()
    forked.stop()
    assert "Traceback" not in forked.log[-5000:]
