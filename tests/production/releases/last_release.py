"""The sources of the last release, from git.

The last release is the newest tag `v<number>` in the history of this commit that is not this very
commit. Before the first tag it is the commit before the newest migration: the
youngest state of the project that an upgrade of the database meets.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from easyai.db.revision import migrations_folder, newest
from tests.support.needs import MissingError
from tests.support.part_process import clean_environment

ROOT = Path(__file__).parents[3]
_REMEDY = "in a clone with its whole history: git fetch --unshallow --tags"


@dataclass(frozen=True)
class LastRelease:
    """Its name in git, the folder with its sources and the revision of its database."""

    name: str
    folder: Path
    revision: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a Python run its code, with the libraries of this environment."""
        return {"PYTHONPATH": str(self.folder)}


def last_release(folder: Path) -> LastRelease:
    """Write its sources into a folder; raises MissingError where git does not have them."""
    name = _newest_tag() or _before_the_newest_migration()
    archive = _git("archive", "--format=tar", name, "easyai", "migrations")
    if archive is None:
        raise MissingError(f"the commit {name}", _REMEDY)
    with tarfile.open(fileobj=io.BytesIO(archive)) as sources:
        sources.extractall(folder, filter="data")
    code = "from easyai.db.revision import newest; print(newest())"
    environment = clean_environment({"PYTHONPATH": str(folder)})
    output = subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=folder)
    return LastRelease(name, folder, output.decode().strip())


def _newest_tag() -> str | None:
    listed = _git(
        "-c",
        "versionsort.suffix=rc",
        "tag",
        "--list",
        "v[0-9]*",
        "--merged",
        "HEAD",
        "--sort=-version:refname",
    )
    here = _git("tag", "--points-at", "HEAD") or b""
    others = [tag for tag in (listed or b"").decode().split() if tag not in here.decode().split()]
    return others[0] if others else None


def _before_the_newest_migration() -> str:
    (migration,) = (migrations_folder() / "versions").glob(f"*_{newest()}_*.py")
    path = str(migration.relative_to(ROOT))
    if _git("cat-file", "-e", f"HEAD:{path}") is None:
        return "HEAD"  # it is not committed yet
    brought = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", path)
    if not brought:
        raise MissingError("the history of git", _REMEDY)
    return f"{brought.decode().strip()}^"


def _git(*arguments: str) -> bytes | None:
    """The output of git; None when it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    return done.stdout if done.returncode == 0 else None
