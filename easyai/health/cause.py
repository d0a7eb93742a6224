"""A cause that was found, with its evidence and what to do about it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from easyai.domain.words import Words
from easyai.settings import Settings, config_path


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
    path = config_path()
    if path is not None:
        return f"easyai --config {shlex.quote(str(path.absolute()))} {words}"
    if settings.easyai.data_dir == Path("data"):
        return f"easyai {words}"
    folder = shlex.quote(str(settings.easyai.data_dir.absolute()))
    return f"EASYAI_DATA_DIR={folder} easyai {words}"


def curl_command(url: str, *options: str) -> str:
    """Ask a URL, for five seconds at most."""
    return shlex.join(["curl", "-sS", "-i", "-m", "5", *options, url])
