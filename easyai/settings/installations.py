"""The installations of this user on this machine, noted by ``easyai up`` for other commands.

One file for each data folder, in ``$XDG_STATE_HOME/easyai/installations`` (``~/.local/state/…``).
It stays when `up` has ended: after a power cut, too, a command finds what ran here. The number of a
process, its start and where that number means something say whether it runs still.
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
#: Variables of the supervisor and its children: no keys, and they mean nothing to other commands.
MARKERS: Final = frozenset(
    {
        *("EASYAI_SUPERVISED", "EASYAI_AWAIT_API", "EASYAI_HANG_SEC", "EASYAI_RESTARTED"),
        "EASYAI_END_WHEN_HUNG",
        *(COPY_VARIABLE, RENEWS_VARIABLE),
    }
)


@dataclass(frozen=True, slots=True)
class Installation:
    """What a command in another folder must know of an installation."""

    data_dir: str  # absolute
    url: str  # of its API
    config: str = ""  # its settings file, absolute; '' without one
    # Passwords may be in them: the file is its owner's.
    variables: dict[str, str] = field(default_factory=dict, repr=False)  # EASYAI_… of its start
    in_force: dict[str, str] = field(default_factory=dict, repr=False)  # … until its next start
    host: str = field(default_factory=socket.gethostname)
    home: str = field(default_factory=identity.home)  # where the number of the process counts
    pid: int = field(default_factory=os.getpid)
    start_ticks: int | None = field(default_factory=lambda: identity.start_ticks(os.getpid()))

    @property
    def runs(self) -> bool:
        """Whether its `up` runs now."""
        return self.home == identity.home() and identity.runs(self.pid, self.start_ticks)

    def environment(self, *, next_start: bool = False) -> dict[str, str]:
        """The variables with which a command sees it as its processes do, or its next start will.

        What the settings file said at the start is in force while it runs, and only then.
        """
        held = self.in_force if self.runs and not next_start else {}
        config = {CONFIG: self.config} if self.config else {}
        return {**self.variables, **held, **config}

    def matches(self, named: Mapping[str, str]) -> bool:
        """Whether it is meant by the variables that name a settings file or a data folder."""
        own = {CONFIG: self.config, DATA_DIR: self.data_dir}
        return all(_same(named[name], path) for name, path in own.items() if named.get(name))


def shared(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables of a process that other commands need to see the same settings."""
    return {
        name: value
        for name, value in variables.items()
        if name.startswith("EASYAI_") and name not in MARKERS
    }


def note(installation: Installation) -> None:
    """Leave word of it for other commands. Raises OSError when that cannot be written."""
    folder = _folder()
    if folder is None:
        raise OSError(errno.ENOENT, "this user has no home folder; set XDG_STATE_HOME")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / _file_name(installation)
    replace(path, json.dumps(asdict(installation), ensure_ascii=False, indent=1).encode())


def forget_gone() -> None:
    """Remove the notes of installations that run no more and whose data folder is gone."""
    for path, one in _read().items():
        if not one.runs and not _is_there(one.data_dir):
            path.unlink(missing_ok=True)


def known() -> list[Installation]:
    """The installations of this machine, by data folder: those that run, and those that ran."""
    found = [one for one in _read().values() if one.runs or _is_there(one.data_dir)]
    return sorted(found, key=lambda one: one.data_dir)


def _read() -> dict[Path, Installation]:
    # A home folder may be shared by machines: each has its own installations.
    folder = _folder()
    notes = {path: _parsed(path) for path in sorted(folder.glob("*.json"))} if folder else {}
    host = socket.gethostname()
    return {path: one for path, one in notes.items() if one is not None and one.host == host}


def _parsed(path: Path) -> Installation | None:
    """What a file says; None for one that is not ours, of another version or damaged."""
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
        return Installation(**raw)
    except (OSError, ValueError, TypeError):
        return None


def _folder() -> Path | None:
    """Where the notes of this user are; None for one without a home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not state.startswith("/"):  # the specification: such a path counts as not set
        state = os.path.expanduser("~/.local/state")  # noqa: PTH111 - Path.home raises without one
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
        return True  # without permission to look nobody knows that it is gone
    return True


def _same(one: str, other: str) -> bool:
    return bool(other) and os.path.realpath(one) == os.path.realpath(other)
