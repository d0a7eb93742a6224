"""A cause that was found, with its evidence and what to do about it."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from easyai.domain.words import Words
from easyai.settings import Settings, config_path

_PROGRAM: Final = "easyai"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do: in words, and as a command that works when copied ('' when there is none)."""

    words: Words
    command: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why frames are not inferred, or will not be for long."""

    code: str  # services_died, worker_gone, …
    words: Words
    evidence: tuple[Words, ...]
    remedies: tuple[Remedy, ...]
    weight: int = 0  # 0 to 100: how directly it explains that nothing succeeds


def easyai_command(settings: Settings, *arguments: str) -> str:
    """A command line of ours that finds this installation from any shell."""
    words = shlex.join(arguments)
    path, ours = config_path(), program()
    if path is not None:
        return f"{ours} --config {shlex.quote(str(path.absolute()))} {words}"
    if settings.easyai.data_dir == Path("data"):
        return f"{ours} {words}"
    folder = shlex.quote(str(settings.easyai.data_dir.absolute()))
    return f"EASYAI_DATA_DIR={folder} {ours} {words}"


def program(name: str = _PROGRAM) -> str:
    """A program for a shell: as it was started, else the script of this installation."""
    started, beside = Path(sys.argv[0]), Path(sys.executable).with_name(name)
    script = started if started.name == name and started.is_file() else beside
    found = shutil.which(name)
    # The short name where a shell finds the same script by it.
    if not script.is_file() or (found and Path(found).absolute() == script.absolute()):
        return name
    return shlex.quote(str(script))


def curl_command(url: str, *options: str) -> str:
    """Ask a URL, for five seconds at most."""
    return shlex.join(["curl", "-sS", "-i", "-m", "5", *options, url])
