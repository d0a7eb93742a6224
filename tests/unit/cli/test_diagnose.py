"""``easyai diagnose``."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

from tests.support.installation import TYPE, Installation


def _broken(installation: Installation) -> None:
    """A service that died an hour ago, and a frame that waits for it."""
    installation.service(
        "yolo-1",
        state="offline",
        state_reason="probe failed: Connection refused",
        probe_failures=3,
        last_heartbeat=installation.now - 3600,
        last_evidence=installation.now - 3600,
    )
    installation.task_type(TYPE)
    installation.pending(found_at=installation.now - 3500, due_at=installation.now - 3500)


def test_what_is_wrong_is_told_with_exit_code_1(installation: Installation) -> None:
    _broken(installation)
    result = installation.run("diagnose", "--no-probes")
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith("# Diagnosis of inference")
    assert "`services_died`" in result.stdout
    assert "`worker_gone`" in result.stdout
    assert "问题现象" in installation.run("diagnose", "--no-probes", "--lang", "zh").stdout


def test_json_is_json_and_nothing_else(installation: Installation) -> None:
    _broken(installation)
    result = installation.run("diagnose", "--no-probes", "--json")
    body = json.loads(result.stdout)
    assert body["status"] == "stalled"
    assert [cause["code"] for cause in body["causes"]] == [
        "worker_gone",
        "store_down",
        "beat_gone",
        "services_died",
        "pictures_unreachable",
        "watchdog_gone",
    ]
    assert body["services"][0]["probe"] is None, "nobody was asked"


def test_every_command_of_the_report_is_one_that_a_shell_takes(installation: Installation) -> None:
    _broken(installation)
    body = json.loads(installation.run("diagnose", "--no-probes", "--json").stdout)
    commands = [one["command"] for cause in body["causes"] for one in cause["remedies"]]
    for command in filter(None, commands):
        subprocess.run(["bash", "-n", "-c", command], check=True)
    ours = [command for command in filter(None, commands) if "easyai services" in command]
    assert ours
    for command in ours:
        arguments = shlex.split(command)
        program = next(word for word in arguments if Path(word).name == "easyai")
        assert installation.run(*arguments[arguments.index(program) + 1 :]).exit_code == 0


def test_without_a_database_the_report_is_written_and_none_is_made(
    installation: Installation,
) -> None:
    installation.close()
    for file in installation.folder.glob("easyai.db*"):
        file.unlink()
    result = installation.run("diagnose", "--lang", "zh")
    assert result.exit_code == 1
    assert result.stdout.startswith("# 推理诊断报告")
    assert "找不到数据库" in result.stdout
    assert "db upgrade" in result.stdout
    assert list(installation.folder.iterdir()) == []


def test_looking_makes_nothing(installation: Installation, tmp_path: Path) -> None:
    assert not (tmp_path / "snapshots").exists()
    result = installation.run("diagnose", "--no-probes")
    assert "`store_down`" in result.stdout
    assert not (tmp_path / "snapshots").exists()


def test_usage_is_exit_code_2(installation: Installation) -> None:
    assert installation.run("diagnose", "--lang", "fr").exit_code == 2
