"""Whether `easyai up` runs on a data folder: it starts a process that has ended again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from easyai.process import identity

#: In the data folder: the number of the `up` that runs there; empty after an orderly end.
LOCK_PATH: Final = Path("run") / "up.lock"


def running(data_dir: Path) -> int | None:
    """The number of the process of `easyai up` on this folder and machine; None when none runs."""
    try:
        pid = int((data_dir / LOCK_PATH).read_text(encoding="ascii"))
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    # After a power cut the number may be another program's.
    return pid if b"easyai" in line and identity.runs(pid, None) else None
