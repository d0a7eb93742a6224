"""scripts/release names the next step, and builds both distributions from the tag."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.production.releases.built import SDK, SERVER, clean_environment, run

_AHEAD = "## [Unreleased]\n"


@pytest.fixture
def repository(checkout: Path, tmp_path: Path) -> Path:
    """The files of the build as a clone in which `make setup` has run."""
    folder = tmp_path / "clone"
    shutil.copytree(checkout, folder)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "hatchling").symlink_to(Path(sys.prefix) / "bin" / "hatchling")
    run("git", "init", "--quiet", cwd=folder)
    _commit(folder)
    return folder


def _commit(folder: Path) -> None:
    run("git", "add", "--all", cwd=folder)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    run("git", *identity, "commit", "--quiet", "--message", "change", cwd=folder)


def _release(folder: Path, version: str) -> tuple[int, str]:
    done = subprocess.run(
        ["scripts/release", version],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def _write_changelog(folder: Path) -> None:
    file = folder / "CHANGELOG.md"
    text = file.read_text("utf-8")
    assert _AHEAD in text
    file.write_text(text.replace(_AHEAD, f"{_AHEAD}\n## [7.1.0] - 2026-12-31\n", 1), "utf-8")


def test_release_script_requests_each_step_and_builds_at_the_last(repository: Path) -> None:
    assert _release(repository, "7.1") == (
        1,
        "release: '7.1' is no version; write three numbers, for example 0.2.0 or 0.2.0rc1\n",
    )
    code, output = _release(repository, "7.1.0")
    assert code == 1
    assert "CHANGELOG.md has no line '## [7.1.0] - " in output
    _write_changelog(repository)
    code, output = _release(repository, "7.1.0")
    assert code == 1
    assert "files are changed or new" in output
    _commit(repository)
    code, output = _release(repository, "7.1.0")
    assert code == 0
    assert "git tag -a v7.1.0" in output
    assert not run("git", "tag", cwd=repository), "it makes no tag"
    run("git", "tag", "v7.1.0", cwd=repository)
    code, output = _release(repository, "7.1.0")
    assert code == 0, output
    built = {file.name for file in (repository / "dist").iterdir()}
    ends = ("-7.1.0-py3-none-any.whl", "-7.1.0.tar.gz")
    assert built == {f"{name}{end}" for name in (SERVER, SDK) for end in ends}
    assert "--build-arg VERSION=7.1.0" in output


def test_a_tag_at_another_commit_is_not_built(repository: Path) -> None:
    run("git", "tag", "v7.1.0", cwd=repository)
    _write_changelog(repository)
    _commit(repository)
    code, output = _release(repository, "7.1.0")
    assert code == 1
    assert "the tag v7.1.0 is at another commit" in output
    assert not (repository / "dist").exists()
