"""The installations of this user on this machine; ``easyai up`` notes each for other commands.

Each data folder has a file in ``$XDG_STATE_HOME/easyai/installations`` (``~/.local/state/…``). The
file stays when `up` has ended, so that a command finds the installation after a power cut, too. The
process number, the start of the process and the place where the number is valid show whether the
process still runs.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from easyai.settings.last_good import COPY_VARIABLE, RENEWS_VARIABLE
from easyai.system import identity
from easyai.system.secret_file import replace

CONFIG: Final = "EASYAI_CONFIG"
DATA_DIR: Final = "EASYAI_DATA_DIR"
DATABASE_URL: Final = "EASYAI_DATABASE_URL"
#: Variables of the supervisor and its children: they are no keys, and other commands ignore them.
MARKERS: Final = frozenset(
    {
        *("EASYAI_SUPERVISED", "EASYAI_AWAIT_API", "EASYAI_HANG_SEC", "EASYAI_RESTARTED"),
        "EASYAI_END_WHEN_HUNG",
        *(COPY_VARIABLE, RENEWS_VARIABLE),
    }
)


@dataclass(frozen=True, slots=True)
class Installation:
    """The facts about an installation that a command in another folder needs."""

    data_dir: str  # absolute
    url: str  # of its API
    config: str = ""  # its settings file, absolute; '' without a file
    # The variables may hold passwords: only the owner may read the file.
    variables: dict[str, str] = field(default_factory=dict, repr=False)  # EASYAI_… of its start
    in_force: dict[str, str] = field(default_factory=dict, repr=False)  # … until its next start
    host: str = field(default_factory=socket.gethostname)
    home: str = field(default_factory=identity.home)  # where the process number is valid
    pid: int = field(default_factory=os.getpid)
    start_ticks: int | None = field(default_factory=lambda: identity.start_ticks(os.getpid()))

    @property
    def runs(self) -> bool:
        """Whether the `up` of the installation runs now."""
        return self.home == identity.home() and identity.runs(self.pid, self.start_ticks)

    def environment(self, *, next_start: bool = False) -> dict[str, str]:
        """The variables that give a command the settings of the processes, or of the next start.

        The settings file's values at the start are in force only while the installation runs.
        """
        held = self.in_force if self.runs and not next_start else {}
        config = {CONFIG: self.config} if self.config else {}
        return {**self.variables, **held, **config}

    def matches(self, named: Mapping[str, str]) -> bool:
        """Whether the variables for a settings file or a data folder mean this installation."""
        own = {CONFIG: self.config, DATA_DIR: self.data_dir}
        return all(_same(named[name], path) for name, path in own.items() if named.get(name))


def shared(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process that other commands need in order to see the same settings."""
    return {
        name: value
        for name, value in variables.items()
        if name.startswith("EASYAI_") and name not in MARKERS
    }


def note(installation: Installation) -> None:
    """Write a note of the installation for other commands. Raises OSError when that fails."""
    folder = _folder()
    if folder is None:
        raise OSError(errno.ENOENT, "this user has no home folder; set XDG_STATE_HOME")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / _file_name(installation)
    replace(path, json.dumps(asdict(installation), ensure_ascii=False, indent=1).encode())


def forget_gone() -> None:
    """Remove the notes of installations that do not run and whose data folder is gone."""
    for path, installation in _read().items():
        if not installation.runs and not _is_there(installation.data_dir):
            path.unlink(missing_ok=True)


def known() -> list[Installation]:
    """The installations of this machine that run or have a data folder, by data folder."""
    found = [note for note in _read().values() if note.runs or _is_there(note.data_dir)]
    return sorted(found, key=lambda note: note.data_dir)


def _read() -> dict[Path, Installation]:
    # Machines may share a home folder: each machine has its own installations.
    folder = _folder()
    notes = {path: _parsed(path) for path in sorted(folder.glob("*.json"))} if folder else {}
    host = socket.gethostname()
    return {
        path: installation
        for path, installation in notes.items()
        if installation is not None and installation.host == host
    }


def _parsed(path: Path) -> Installation | None:
    """The installation in a file; None if the file is not ours, of another version or damaged."""
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
        return Installation(**raw)
    except (OSError, ValueError, TypeError):
        return None


def _folder() -> Path | None:
    """The folder of this user's notes; None for a user without a home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not state.startswith("/"):  # the specification: a relative path counts as not set
        state = os.path.expanduser("~/.local/state")  # noqa: PTH111 - Path.home raises without it
    return Path(state) / "easyai" / "installations" if state.startswith("/") else None


def _file_name(installation: Installation) -> str:
    of = f"{installation.host}:{installation.data_dir}"
    return f"{hashlib.blake2b(of.encode(), digest_size=8).hexdigest()}.json"


def _is_there(folder: str) -> bool:
    try:
        os.stat(folder)  # noqa: PTH116 - Path.is_dir differs between versions of Python
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # without the permission to look, the folder may still exist
    return True


def _same(path: str, other: str) -> bool:
    return bool(other) and os.path.realpath(path) == os.path.realpath(other)
