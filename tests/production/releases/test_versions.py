"""The version that both distributions get from git, and the version without git."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from easyai.version import UNKNOWN
from tests.production.releases.built import VERSION, run


@pytest.fixture
def repository(checkout: Path, tmp_path: Path) -> Path:
    """The files of the build as a repository of their own, with a single commit that has no tag."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("pyproject.toml", ".git_archival.txt", ".gitattributes", "LICENSE", "README.md"):
        shutil.copy2(checkout / name, folder / name)
    (folder / "easyai" / "sdk").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(checkout / "easyai" / "sdk" / name, folder / "easyai" / "sdk" / name)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _commit(folder)
    return folder


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    return run("git", *identity, *arguments, cwd=folder)


def _commit(folder: Path) -> None:
    _git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")


def _version(folder: Path, **own: str) -> str:
    """The version of the server's distribution, which is the SDK's as well."""
    command = (sys.executable, "-m", "hatchling", "version")
    found = {run(*command, cwd=part, **own) for part in (folder, folder / "easyai" / "sdk")}
    (version,) = found
    return version.strip()


def test_a_tagged_commit_has_the_version_of_its_tag(repository: Path) -> None:
    _git(repository, "tag", "v3.2.1")
    assert _version(repository) == "3.2.1"


def test_version_after_a_tag_sorts_before_the_next_release(repository: Path) -> None:
    _git(repository, "tag", "v3.2.1")
    _commit(repository)
    assert _version(repository).startswith("3.2.2.dev1+g")


def test_a_changed_file_shows_in_the_version(repository: Path) -> None:
    _git(repository, "tag", "v3.2.1")
    (repository / "README.md").write_text("changed", encoding="utf-8")
    assert _version(repository).startswith("3.2.2.dev0+g")


def test_version_without_a_tag_sorts_before_the_first_release(repository: Path) -> None:
    assert _version(repository).startswith("0.0.1.dev1+unknown.g")


def test_version_of_a_shallow_clone_sorts_before_the_first_release(
    repository: Path, tmp_path: Path
) -> None:
    _git(repository, "tag", "v3.2.1")
    _commit(repository)
    source = f"file://{repository}"
    _git(tmp_path, "clone", "--quiet", "--depth=1", "--no-tags", source, "shallow")
    assert _version(tmp_path / "shallow").startswith("0.0.1.dev1+unknown.g")


def test_an_archive_of_a_commit_knows_its_version(repository: Path, tmp_path: Path) -> None:
    _git(repository, "tag", "v3.2.1")
    _git(repository, "archive", "--format=tar", "--output", str(tmp_path / "a.tar"), "HEAD")
    (tmp_path / "archive").mkdir()
    run("tar", "xf", "../a.tar", cwd=tmp_path / "archive")
    assert _version(tmp_path / "archive") == "3.2.1"


def test_sources_without_git_have_the_unknown_version(repository: Path) -> None:
    shutil.rmtree(repository / ".git")
    assert _version(repository) == UNKNOWN


def test_variable_names_the_version_of_a_build_without_git(repository: Path) -> None:
    shutil.rmtree(repository / ".git")
    assert _version(repository, SETUPTOOLS_SCM_PRETEND_VERSION=VERSION) == VERSION


def test_sources_inside_another_repository_do_not_take_its_version(
    repository: Path, tmp_path: Path
) -> None:
    shutil.rmtree(repository / ".git")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _commit(tmp_path)
    _git(tmp_path, "tag", "v7.7.7")
    assert _version(repository) == UNKNOWN
