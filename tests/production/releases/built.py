"""Both distributions, built from the files of this checkout and installed as users install them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
VERSION = "9.8.7rc1"
SERVER, SDK = "easyai_frames", "easyai_frames_sdk"
# Stray files in the folder of a developer; none of them may be packed.
STRAY = (
    "config.toml",
    "data/easyai.db",
    "docker/secrets/database_url",
    "easyai/__pycache__/names.cpython-311.pyc",
    "easyai/sdk/__pycache__/errors.cpython-311.pyc",
    "migrations/versions/__pycache__/first.cpython-311.pyc",
    "snapshots/人数统计/门口/1.jpg",
)


def clean_environment(**own: str) -> dict[str, str]:
    """The caller's, without anything that leads Python or easyai to this checkout."""
    ours = ("EASYAI_", "PYTHON", "SETUPTOOLS_SCM_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return kept | {"PYTHONUTF8": "1"} | own


def run(*command: str | Path, cwd: Path, **own: str) -> str:
    """The output of a command; raises AssertionError with the output when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(**own),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def copy_of_checkout(target: Path) -> Path:
    """The files that git has or would take, without its history, beside the stray files."""
    listed = run("git", "ls-files", "-z", "-c", "-o", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in STRAY:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(b"stray")
    return target


@dataclass(frozen=True)
class Built:
    """The folder with wheel and sdist of each distribution."""

    folder: Path

    def wheel(self, name: str) -> Path:
        """The wheel of a distribution."""
        return self.folder / f"{name}-{VERSION}-py3-none-any.whl"

    def sdist(self, name: str) -> Path:
        """The sources of a distribution."""
        return self.folder / f"{name}-{VERSION}.tar.gz"

    def in_wheel(self, name: str) -> set[str]:
        """The names of all files in the wheel of a distribution."""
        with zipfile.ZipFile(self.wheel(name)) as archive:
            return set(archive.namelist())

    def in_sdist(self, name: str) -> set[str]:
        """The names of all files in the sources of a distribution, below their folder."""
        with tarfile.open(self.sdist(name)) as archive:
            return {
                member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()
            }

    def metadata(self, name: str) -> bytes:
        """The metadata of the wheel of a distribution."""
        with zipfile.ZipFile(self.wheel(name)) as archive:
            return archive.read(f"{name}-{VERSION}.dist-info/METADATA")


def build(checkout: Path, folder: Path) -> Built:
    """Build everything with the locked tools of this environment."""
    for part in (checkout, checkout / "easyai" / "sdk"):
        command = (sys.executable, "-m", "hatchling", "build", "-d", folder)
        run(*command, cwd=part, SETUPTOOLS_SCM_PRETEND_VERSION=VERSION)
    return Built(folder)


@dataclass(frozen=True)
class Environment:
    """A virtual environment outside the checkout."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, lock: str, *wheels: Path) -> Environment:
        """A new environment with wheels and the versions that the text of a lock names for them."""
        run(sys.executable, "-m", "uv", "-q", "venv", "--python", sys.executable, folder, cwd=ROOT)
        requirements = folder / "requirements.txt"
        requirements.write_text(lock, encoding="utf-8")
        made = cls(folder)
        made.pip("install", "--require-hashes", "-r", requirements)
        if wheels:
            made.pip("install", "--no-deps", "--no-index", *wheels)
        return made

    def pip(self, command: str, *arguments: str | Path) -> str:
        """The output of `uv pip`."""
        uv = (sys.executable, "-m", "uv", "-q", "pip", command, "--python", self.folder)
        return run(*uv, *arguments, cwd=self.folder)

    def program(self, name: str) -> Path:
        """A program of it."""
        return self.folder / "bin" / name

    def run(self, name: str, *arguments: str | Path, **own: str) -> str:
        """The output of a program, run where no sources are."""
        return run(self.program(name), *arguments, cwd=self.folder, **own)


def locked(names: Iterable[str], lock: str = "server.txt") -> str:
    """The entries of a lock for some libraries."""
    text = (ROOT / "locks" / lock).read_text(encoding="utf-8")
    entries = re.findall(r"^[\w.-]+==.*(?:\n    --hash=.*)+", text, re.MULTILINE)
    found = {entry.partition("==")[0]: entry for entry in entries}
    return "\n".join(found[name] for name in sorted(names)) + "\n"
