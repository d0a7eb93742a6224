"""What the children of `easyai up` share, and what none of them loads before it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from easyai.supervisor.shared_imports import MODULES

#: What only some installations use, and programs that none of these processes runs.
HEAVY = {
    "PIL",
    "aiobotocore",
    "alembic",
    "apprise",
    "confluent_kafka",
    "flower",
    "minio",
    "opentelemetry.sdk",
    "pika",
    "prompt_toolkit",
    "psycopg",
    "redis",
    "requests",
    "rich",
    "tornado",
}
_CODE = """
import gc, json, os, sys
from easyai.supervisor.shared_imports import import_shared
import_shared()
print(json.dumps([sorted(sys.modules), os.listdir("/proc/self/task"), gc.get_freeze_count()]))
"""


@pytest.fixture(scope="module")
def imported() -> tuple[list[str], list[str], int]:
    """The modules, threads and frozen objects of a process after the shared imports."""
    result = subprocess.run(
        [sys.executable, "-c", _CODE], capture_output=True, text=True, timeout=120, check=True
    )
    modules, threads, frozen = json.loads(result.stdout)
    return modules, threads, frozen


@pytest.mark.parametrize("name", MODULES)
def test_every_shared_module_exists(name: str) -> None:
    assert find_spec(name) is not None


def test_all_shared_modules_are_imported(imported: tuple[list[str], list[str], int]) -> None:
    assert set(MODULES) <= set(imported[0])


def test_no_child_starts_with_a_client_that_few_installations_use(
    imported: tuple[list[str], list[str], int],
) -> None:
    assert not HEAVY & set(imported[0])


def test_shared_imports_start_no_thread_so_that_a_fork_is_safe(
    imported: tuple[list[str], list[str], int],
) -> None:
    assert len(imported[1]) == 1


def test_garbage_collector_leaves_the_shared_memory_alone(
    imported: tuple[list[str], list[str], int],
) -> None:
    assert imported[2] > 100_000
