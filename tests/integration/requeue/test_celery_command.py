"""``celery -A easyai requeue`` as an operator types it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.cli.celery_requeue import celery_requeue
from easyai.cli.requeue_command import requeue
from tests.support.installation import TYPE, Installation

ROOT = Path(__file__).parents[3]


@pytest.fixture
def migrated_url(tmp_path: Path, migrated_file: Path) -> str:
    """SQLite: the tests beside this file try requeue on both databases."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'easyai.db')}"


def _celery(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run celery with our plugin announced as an installed package announces it."""
    metadata = folder / "plugin" / "easyai_plugin-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: easyai-plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[celery.commands]\nrequeue = easyai.cli.celery_requeue:celery_requeue\n"
    )
    path = os.pathsep.join((str(ROOT), str(metadata.parent)))
    return subprocess.run(
        [sys.executable, "-m", "celery", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_failed_frames_are_requeued_and_their_type_is_woken(installation: Installation) -> None:
    frame = installation.frame(settled_at=installation.now - 5400)
    installation.task_type(TYPE)
    old, new = (installation.frame(settled_at=installation.now - age) for age in (9000, 60))
    span = ("--since", "2h", "--until", "1h")
    arguments = ("--task-type", TYPE, "--state", "failed", *span)
    result = _celery(installation.folder, "-A", "easyai", "requeue", *arguments)
    assert result.returncode == 0, result.stderr
    assert "requeued 1 failed frame\n" in result.stdout
    assert installation.row(frame).state == "pending"
    assert {installation.row(frame).state for frame in (old, new)} == {"failed"}
    with installation.db.read() as conn:
        # A ring that could not be published is taken back.
        assert conn.execute(text("SELECT rung_at FROM task_types")).scalar_one() > 0


def test_missing_app_option_is_an_error_with_the_right_call(installation: Installation) -> None:
    frame = installation.frame()
    result = _celery(installation.folder, "requeue")
    assert result.returncode == 2
    assert result.stderr.strip().endswith("add -A easyai to celery")
    assert installation.row(frame).state == "failed"


def test_error_of_the_celery_command_is_a_single_line_and_exit_code_2(
    installation: Installation,
) -> None:
    result = _celery(installation.folder, "-A", "easyai", "requeue", "--state", "done")
    assert result.returncode == 2
    assert result.stderr.startswith("easyai: state: only failed frames can be requeued")
    assert result.stderr.count("\n") == 1


def test_loading_the_plugin_imports_no_module_of_requeue() -> None:
    code = (
        "import sys, easyai.cli.celery_requeue\n"
        "print({'rich', 'sqlalchemy', 'pydantic', 'aiohttp', 'easyai.celery'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout.strip() == "set()", result.stderr


def test_the_package_announces_the_command_to_celery() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    target = project["entry-points"]["celery.commands"]["requeue"]
    assert EntryPoint("requeue", target, "celery.commands").load() is celery_requeue


def test_both_commands_take_the_same_options() -> None:
    names = [[option.name for option in command.params] for command in (requeue, celery_requeue)]
    assert names[0] == names[1]
