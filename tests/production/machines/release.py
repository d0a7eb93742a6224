"""The last release beside this checkout: its source in a folder, run by the same Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.needs import MissingError

_ROOT = Path(__file__).parents[3]
#: While there is no tag: a version five migrations back.
_FALLBACK = "607bbf1"


def last_release() -> str:
    """The newest tag of a release, before this commit; else a commit in its place."""
    tags = _git(
        "-c",
        "versionsort.suffix=rc",
        "tag",
        "--list",
        "v*",
        "--merged",
        "HEAD~1",
        "--sort=-version:refname",
    ).split()
    return tags[0] if tags else _FALLBACK


def unpacked(release: str, folder: Path) -> dict[str, str]:
    """Put its source into a folder; the variables that make a part of easyai run it.

    Raises MissingError where the clone has no history.
    """
    try:
        archive = subprocess.run(
            ["git", "archive", release], cwd=_ROOT, capture_output=True, check=True, timeout=60
        ).stdout
    except subprocess.CalledProcessError:
        raise MissingError(f"the commit {release}", "clone with history: git fetch") from None
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True, timeout=60)
    return {"PYTHONPATH": str(folder)}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout
