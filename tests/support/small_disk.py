"""A small disk for a folder, and a program that keeps it full; needs root or sudo."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from tests.support.needs import MissingError, as_root

_BLOCK = bytes(1 << 16)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a tmpfs there for this user; raises MissingError where that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,uid={os.getuid()},gid={os.getgid()}"
    mount = [*as_root(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError("to mount a small disk", done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run([*as_root(), "umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    """Change a mounted `small_disk`: ``ro`` or ``rw``."""
    subprocess.run([*as_root(), "mount", "-o", f"remount,{option}", str(folder)], check=True)


@contextmanager
def kept_full(folder: Path, has_room: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Another program takes what is left of a disk, and again what is given back meanwhile.

    While `has_room`; without it, to the last byte.
    """
    path, over = folder / ".ballast", threading.Event()

    def hold() -> None:
        with path.open("ab", buffering=0) as ballast:
            while not over.wait(0.1):
                _fill(ballast, has_room)

    holder = threading.Thread(target=hold, name="ballast")
    holder.start()
    try:
        yield
    finally:
        over.set()
        holder.join()
        path.unlink()


def _fill(ballast: FileIO, has_room: Callable[[], bool]) -> None:
    try:
        while has_room() and ballast.write(_BLOCK):
            pass
    except OSError:
        return  # full
