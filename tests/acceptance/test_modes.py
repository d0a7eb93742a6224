"""Nobody but us and our group reads the data folder of `easyai up`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tests.support.easyai_process import EasyaiProcess


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _found(data: Path) -> Iterator[tuple[str, int]]:
    """The modes below the data folder, except in folders that only we enter."""
    for path in (data, *data.rglob("*")):
        name = path.relative_to(data)
        if not any(_mode(data / parent) == 0o700 for parent in name.parents):
            yield str(name), _mode(path)


def test_the_data_folder_is_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with EasyaiProcess(tmp_path).start() as easyai:
            names = dict(_found(easyai.data))
            easyai.stop()
    finally:
        os.umask(before)
    assert {name: oct(mode) for name, mode in names.items() if mode & 0o027} == {}
    assert [names[name] for name in (".", "run", "logs")] == [0o750] * 3
    files = ["easyai.db", "easyai.db-wal", "easyai.db-shm", "logs/easyai.log", "logs/worker.log"]
    assert [names[name] for name in files] == [0o640] * len(files)
    assert names["run/notify"] == 0o700
