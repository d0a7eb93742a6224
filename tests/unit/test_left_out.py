"""Tests whose needs a machine does not meet are listed; where all must run, they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import needs

_ROOT = Path(__file__).parents[2]
_TESTS = """
import pytest
from tests.support.needs import MissingError

@pytest.fixture(scope="session")
def database():
    raise MissingError("PostgreSQL")

@pytest.mark.parametrize("number", range(3))
def test_a_row(database, number): pass

def test_a_program():
    raise MissingError("curl", "buy one")

def test_of_another_system():
    pytest.skip("needs another system")

@pytest.mark.xfail
def test_that_is_expected_to_fail():
    assert False

def test_that_runs(): pass
"""


def _run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    file = folder / "test_some.py"
    file.write_text(_TESTS)
    clean = {name: value for name, value in os.environ.items() if name != "CI"}
    clean["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take longer to load than the tests
    plugins = ("-p", "tests.support.left_out", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-c", "/dev/null", *options, str(file)],
        env=clean | {"PYTHONPATH": str(_ROOT)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "options", [(), ("-p", "xdist", "-n", "1")], ids=["one process", "side by side"]
)
def test_tests_with_missing_needs_are_listed_and_the_others_pass(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = _run(tmp_path, *options)
    assert done.returncode == 0, done.stdout
    assert "not run: 3 tests: needs PostgreSQL (install: sudo make services)" in done.stdout
    assert "not run: 1 test: needs curl (buy one)" in done.stdout
    assert "   3 in test_some.py" in done.stdout
    assert "1 passed, 5 skipped, 1 xfailed" in done.stdout


def test_in_ci_every_test_must_run(tmp_path: Path) -> None:
    done = _run(tmp_path, CI="true")
    assert done.returncode == 1
    assert "1 passed, 1 xfailed" in done.stdout
    assert "not run" not in done.stdout
    for reason in ("needs PostgreSQL", "needs curl", "needs another system"):
        assert f"must run here: {reason}" in done.stdout


def test_a_program_is_found_where_its_package_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(needs.MissingError, match="needs Redis"):
        needs.program("redis-of-tests", "Redis")
    (tmp_path / "redis-of-tests").touch(mode=0o755)
    assert needs.program("redis-of-tests", "Redis") == str(tmp_path / "redis-of-tests")
    (tmp_path / "bin").mkdir()
    own = tmp_path / "bin" / "redis-of-tests"
    own.touch()
    assert needs.program("redis-of-tests", "Redis", own.parent) == str(own)
