"""The application of the folder it is started in; `import easyai` stays free of Celery."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from easyai.tasks.app import config_module

ROOT = Path(__file__).parents[3]


def test_the_file_of_the_folder_celery_is_started_in_wins(tmp_path: Path) -> None:
    (tmp_path / "celeryconfig.py").write_text("worker_concurrency = 7\n", encoding="utf-8")
    assert (
        _python(tmp_path, "from easyai.celery import app; print(app.conf.worker_concurrency)")
        == "7"
    )


def test_without_that_file_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert config_module() == "easyai.tasks.defaults"
    assert (
        importlib.import_module("easyai.tasks.defaults").worker_pool == "easyai.tasks.pool:TaskPool"
    )


@pytest.mark.parametrize("module", ["easyai", "easyai.sdk"])
def test_importing_the_package_or_its_sdk_does_not_import_celery(
    tmp_path: Path, module: str
) -> None:
    program = f"import sys, {module}; print([m for m in ('celery', 'kombu') if m in sys.modules])"
    assert _python(tmp_path, program) == "[]"


def _python(folder: Path, program: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
    # Appended: the folder comes first, as for `celery`; the checkout has a celeryconfig.py as well.
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r}); {program}"],
        cwd=folder,
        env=clean | {"EASYAI_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
