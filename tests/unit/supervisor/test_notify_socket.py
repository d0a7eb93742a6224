"""Only our own user reaches the socket at which the children report."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from easyai.supervisor.notify_socket import NotifySocket


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_notify_socket_lies_in_a_private_folder(short_path: Path) -> None:
    (short_path / "notify").mkdir(mode=0o777)  # made by another user
    (short_path / "notify").chmod(0o777)
    (short_path / "notify" / "up.sock").touch()  # of a run that was killed
    listening = NotifySocket(short_path)
    path = Path(listening.address)
    assert path == short_path / "notify" / "up.sock"
    assert path.is_socket()
    assert _mode(path.parent) == 0o700
    listening.close()
    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["x" * 120, "数据", 'a"b', "50%"])
def test_unusable_socket_path_falls_back_to_a_private_temporary_folder(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    temporary = short_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    run_dir = short_path / name
    run_dir.mkdir()
    listening = NotifySocket(run_dir)
    path = Path(listening.address)
    assert path.parent.parent == temporary
    assert path.is_socket()
    assert _mode(path.parent) == 0o700
    assert len(os.fsencode(path)) <= 107
    listening.close()
    assert list(temporary.iterdir()) == []
