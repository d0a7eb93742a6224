"""A worker imports the code of its tasks before its first thread; beat does not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import easyai

PACKAGE = Path(easyai.__file__).parent
# The modules that tasks run in: whatever they import inside of a function.
TASKS = ("tasks/periodic.py", "tasks/publish_task.py", "tasks/process.py", "tasks/doorbell.py")
WATCH = """
import sys, threading
import easyai.celery
loaded = []
start = threading.Thread.start
def note(thread):
    loaded.append(set(sys.modules))
    start(thread)
threading.Thread.start = note
"""
WORKER = """
app = easyai.celery.app
app.Worker(pool='threads', hostname='of-a-test', loglevel='ERROR', quiet=True)
print(*(loaded[0] if loaded else sys.modules))
"""
BEAT = """
easyai.celery.app.loader.import_default_modules()
from easyai.tasks.beat import LeaderScheduler
print(*sys.modules)
"""


def _lazy_imports(path: Path) -> set[str]:
    """Our modules that functions of a module import, except imports for type checkers."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in whole if (_file_of(name)).exists()} or {node.module}
    return {name for name in found if name.startswith("easyai")}


def _file_of(module: str) -> Path:
    return PACKAGE.parent / (module.replace(".", "/") + ".py")


def _modules(folder: Path, program: str) -> set[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EASYAI_")}
    done = subprocess.run(
        [sys.executable, "-c", WATCH + program],
        cwd=folder,
        env=clean | {"EASYAI_DATA_DIR": str(folder), "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_worker_imports_the_code_of_its_tasks_before_its_first_thread(tmp_path: Path) -> None:
    wanted = set().union(*(_lazy_imports(PACKAGE / name) for name in TASKS))
    assert {"easyai.pipeline.upkeep", "easyai.pipeline.infer", "easyai.runtime"} <= wanted
    loaded = _modules(tmp_path, WORKER)
    assert wanted - loaded == set()


def test_beat_imports_no_code_of_tasks(tmp_path: Path) -> None:
    loaded = _modules(tmp_path, BEAT)
    heavy = {"easyai.pipeline.infer", "easyai.pipeline.upkeep", "aiohttp", "sqlalchemy.orm"}
    assert heavy & loaded == set()
