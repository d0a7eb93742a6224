"""Whether `easyai up` runs on a data folder, where it restarts a process that has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from easyai.system import identity

#: In the data folder: the process id of the `up` that runs there; empty after an orderly end.
LOCK_PATH: Final = Path("run") / "up.lock"
#: The module that `up` turns into after its checks.
PROGRAM: Final = "easyai.supervisor.supervise"


def running(data_dir: Path) -> int | None:
    """The process id of `easyai up` on this folder and machine; None when it does not run."""
    try:
        pid = int((data_dir / LOCK_PATH).read_text(encoding="ascii"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    # After a power cut the process id may belong to another program, or to another easyai command.
    return pid if _is_up(words) and identity.runs(pid, None) else None


def _is_up(words: Sequence[bytes]) -> bool:
    """Whether a command line belongs to `easyai up`, or to the program that it turns into."""
    starts = b"up" in words and any(b"easyai" in word for word in words)
    return starts or PROGRAM.encode() in words
