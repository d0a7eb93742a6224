"""``easyai diagnose``."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from easyai.db import processes
from easyai.settings.last_good import COPY_NAME
from easyai.settings.source import keep_copy
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


def test_causes_are_reported_with_exit_code_1(installation: Installation) -> None:
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
        "services_died",
        "pictures_unreachable",
    ]
    assert body["services"][0]["probe"] is None, "nobody was asked"


def test_the_report_names_the_version_of_sqlite_and_its_guard(installation: Installation) -> None:
    _broken(installation)
    for language, guarded in (("en", "take turns by easyai.db-guard."), ("zh", "easyai.db-guard")):
        shown = installation.run("diagnose", "--no-probes", "--lang", language).stdout
        assert f"SQLite {sqlite3.sqlite_version}" in shown
        assert guarded in shown
    body = json.loads(installation.run("diagnose", "--no-probes", "--json").stdout)["database"]
    assert (body["version"], body["guard"]) == (sqlite3.sqlite_version, "easyai.db-guard")


def test_a_shell_runs_every_command_of_the_report(installation: Installation) -> None:
    _broken(installation)
    body = json.loads(installation.run("diagnose", "--no-probes", "--json").stdout)
    commands = [remedy["command"] for cause in body["causes"] for remedy in cause["remedies"]]
    for command in filter(None, commands):
        subprocess.run(["bash", "-n", "-c", command], check=True)
    ours = [
        command
        for command in filter(None, commands)
        if " services" in command and "easyai" in command
    ]
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


def _configured(installation: Installation, text: str) -> Path:
    """The installation's settings in a file, with `text` below them, and not in variables.

    But for the port: an API at the default port of this machine is not to be called.
    """
    for name in installation.environment.keys() - {"EASYAI_PORT"}:
        installation.monkeypatch.delenv(name)
    folder = installation.folder
    file = folder / "site.toml"
    file.write_text(
        f"[easyai]\ndatabase_url = '{installation.database_url}'\ndata_dir = '{folder}/data'\n"
        f"[frame_extractor]\noutput_dir = '{folder}/snapshots'\n{text}",
        encoding="utf-8",
    )
    installation.monkeypatch.setenv("EASYAI_CONFIG", str(file))
    return file


_MISTAKE = "[ai_analysis]\nstall_alarm_sec = 0\n"


def test_settings_mistake_is_reported_and_the_rest_diagnosed(
    installation: Installation,
) -> None:
    _broken(installation)
    file = _configured(installation, _MISTAKE)
    mistake = f"{file}: ai_analysis.stall_alarm_sec: must be above 0 (got 0)"
    result = installation.run("diagnose", "--no-probes", "--json")
    body = json.loads(result.stdout)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"easyai: {mistake}; ")
    codes = [cause["code"] for cause in body["causes"]]
    assert codes[:2] == ["settings_invalid", "worker_gone"], "it may be why no worker starts"
    assert body["causes"][0]["evidence"][0] == mistake
    (reason, *_) = body["causes"][0]["evidence_reasons"]
    assert (reason["code"], reason["args"]["path"]) == ("settings.file", str(file))
    assert body["causes"][0]["stops_inference"]
    assert "services_died" in codes, "the database of the file was looked at"
    in_chinese = f"{file}：ai_analysis.stall_alarm_sec：必须大于 0（当前为 0）"
    result = installation.run("diagnose", "--no-probes", "--lang", "zh")
    assert result.stderr.startswith(f"easyai: {in_chinese}；")
    assert "### 1. 配置文件有错误" in result.stdout
    assert in_chinese in result.stdout
    assert "must be above" not in result.output


def test_settings_mistake_is_no_stop_while_a_worker_infers(installation: Installation) -> None:
    _configured(installation, _MISTAKE)
    with installation.db.write() as conn:
        processes.beat(conn, "worker", "here", 1, time.time())
    body = json.loads(installation.run("diagnose", "--no-probes", "--json").stdout)
    (cause,) = [cause for cause in body["causes"] if cause["code"] == "settings_invalid"]
    assert not cause["stops_inference"]


@pytest.mark.parametrize("url", ["5", "'postgresql://u:p@w@host/name'"])
def test_malformed_database_url_does_not_make_diagnose_read_another_database(
    installation: Installation, url: str
) -> None:
    file = _configured(installation, "")
    file.write_text(file.read_text().replace(f"'{installation.database_url}'", url))
    result = installation.run("diagnose", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"easyai: {file}: easyai.database_url: ")
    assert "It is unknown whether inference goes on" in result.stderr


def test_file_that_is_not_toml_reports_the_unknown_facts_and_the_remedy(
    installation: Installation,
) -> None:
    file = _configured(installation, "[ai_analysis")
    for language, fault, unknown in (
        ("en", ": not valid TOML: ", "It is unknown whether inference goes on"),
        ("zh", "：不是有效的 TOML：", "无法判断推理是否在进行"),
    ):
        result = installation.run("diagnose", "--lang", language)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"easyai: {file}{fault}")
        assert unknown in result.stderr
        assert f"--config {file} config check`" in result.stderr
        assert "EASYAI_DATABASE_URL" in result.stderr
    installation.monkeypatch.setenv("EASYAI_DATABASE_URL", installation.database_url)
    result = installation.run("diagnose", "--no-probes")
    assert result.exit_code == 1
    assert "`settings_invalid`" in result.stdout
    assert "`worker_gone`" in result.stdout, "the database was looked at"


def test_file_that_is_not_toml_is_replaced_by_the_last_good_settings_of_up(
    installation: Installation,
) -> None:
    _broken(installation)
    file = _configured(installation, "")
    copy = installation.folder / "data" / COPY_NAME
    copy.parent.mkdir(exist_ok=True)
    keep_copy(copy, file)
    file.write_text("[ai_analysis", encoding="utf-8")
    installation.monkeypatch.chdir(installation.folder)
    result = installation.run("diagnose", "--no-probes", "--json")
    body = json.loads(result.stdout)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"easyai: {file}: not valid TOML: ")
    assert "the last good settings are taken from data/" in result.stderr
    assert "the default of a key" not in result.stderr, "no default is taken"
    codes = [cause["code"] for cause in body["causes"]]
    assert codes[0] == "settings_invalid"
    assert "services_died" in codes, "the database of the last good file was looked at"


def test_diagnose_creates_no_files(installation: Installation, tmp_path: Path) -> None:
    assert not (tmp_path / "snapshots").exists()
    result = installation.run("diagnose", "--no-probes")
    assert "`store_down`" in result.stdout
    assert not (tmp_path / "snapshots").exists()


def test_wrong_usage_is_exit_code_2(installation: Installation) -> None:
    assert installation.run("diagnose", "--lang", "fr").exit_code == 2


def test_short_form_lists_the_causes_in_15_lines(installation: Installation) -> None:
    _broken(installation)
    result = installation.run("diagnose", "--no-probes", "--short")
    assert result.exit_code == 1
    assert 5 < len(result.stdout.splitlines()) <= 15
    assert "stood still" in result.stdout.splitlines()[0]
    assert installation.run("diagnose", "--short", "--json").exit_code == 2
