"""Commands to the workers, as the messages advise them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from easyai.settings.commands import celery_command
from tests.integration.celery.conftest import MakeInstallation


def test_workers_answer_the_documented_command_from_any_folder(
    make_installation: MakeInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_installation()
    worker = site.worker()
    worker.ready()
    monkeypatch.setenv("EASYAI_CONFIG", str(site.config))
    command = celery_command(site.settings, "inspect", "active")
    monkeypatch.delenv("EASYAI_CONFIG")

    def asked(line: str) -> str:
        result = subprocess.run(
            ["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
        return result.stdout + result.stderr

    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert "1 node online" in asked(command)
    assert "1 node online" not in asked(command.partition(" ")[2]), "it needs the settings"
    assert not list(folder.iterdir()), "asking makes no folders"


def test_celery_report_makes_no_folders(make_installation: MakeInstallation) -> None:
    site = make_installation()
    report = site.run_celery("-A", "easyai", "report")
    assert "transport:filesystem" in report.stdout, report.stderr
    assert [path.name for path in site.folder.iterdir()] == ["config.toml"]
