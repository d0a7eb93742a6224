"""Puts the pictures of a backup back, deletes nothing, and reports pictures that no row names."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from easyai.backup.archive import Member, Reader
from easyai.backup.create import PICTURES
from easyai.backup.progress_lines import Progress
from easyai.backup.wanted import Role
from easyai.domain.reason import Reason
from easyai.errors import BackupError, InvalidKeyError
from easyai.store.frame_store import Carried
from easyai.store.keys import split_key
from easyai.store.local_put import put_back

_MOST_NAMED: Final = 3


@dataclass(slots=True)
class Placed:
    """The result of putting back the pictures of a backup."""

    written: int = 0  # including pictures that exist already
    taken: int = 0  # another picture has the name: left alone
    left_out: int = 0  # pictures of waiting frames, which left this folder when they were inferred
    unknown: int = 0  # pictures of alerts and failed frames from after the backup, without a row
    examples: list[str] = field(default_factory=list)  # of unknown pictures


def place(archive: Reader, root: Path, *, same_store: bool, progress: Progress) -> Placed:
    """Put pictures back below a folder.

    `same_store`: the folder is the folder of the backup, and was used after the backup. A waiting
    frame whose picture is gone from that folder was inferred. Its picture is not put back, or the
    frame would be inferred twice. Raises BackupError and StoreUnavailableError.
    """
    placed = Placed()
    progress.begin("pictures", archive.manifest.get("pictures_bytes") or 0)
    for member in archive.members():
        if not member.name.startswith(PICTURES):
            continue
        key = member.name.removeprefix(PICTURES)
        if same_store and member.notes.get("role") == Role.WAITING:
            placed.left_out += 1
            continue
        done = _put(root, key, member)
        placed.written += done is Carried.DONE
        placed.taken += done is Carried.TAKEN
        progress.add(member.size)
    return placed


def _put(root: Path, key: str, member: Member) -> Carried:
    modified_ns = member.notes.get("modified_ns", "")
    try:
        if _is_of_a_picture(key) and modified_ns.isdecimal():
            return put_back(root, key, member.content.read(), int(modified_ns))
        why = Reason("restore.no_picture_name")
    except InvalidKeyError as error:
        why = error.reason
    raise BackupError(Reason.of("restore.picture_refused", member=repr(member.name), why=why))


def _is_of_a_picture(key: str) -> bool:
    """Whether no part of a key is hidden: hidden names are our own, such as the claim."""
    return not any(part.startswith(".") for part in split_key(key))


def note_unknown(
    placed: Placed, root: Path, folders: Collection[str], known: Collection[str]
) -> None:
    """Count the pictures in our folders whose keys are not in `known`, the keys of rows."""
    for folder in folders:
        for key in _files(root, folder.rstrip("/")):
            if key not in known:
                placed.unknown += 1
                if len(placed.examples) < _MOST_NAMED:
                    placed.examples.append(key)


def _files(root: Path, folder: str) -> Iterator[str]:
    top: Any = os.walk(root / folder)
    for path, _, names in top:
        below = Path(path).relative_to(root).as_posix()
        yield from (f"{below}/{name}" for name in names if not name.startswith("."))
