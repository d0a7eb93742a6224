"""The file of a backup: a plain tar whose last member has the checksum of everything before it.

``tar -tf`` and ``tar -xf`` read the file. easyai extracts the members itself: the name of a member
never chooses where the member is written, and every member must be a regular file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from easyai.backup.progress_lines import Progress
from easyai.domain.reason import Reason, quoted
from easyai.errors import BackupError
from easyai.store.renames import rename_noreplace

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_NOTE: Final = "EASYAI."  # prefix of our own notes on a member
_CHUNK: Final = 1 << 20
_LARGEST_MANIFEST: Final = 64 << 20


class Writer:
    """Writes an archive; the file gets its name when the archive is complete and on the disk."""

    def __init__(self, path: Path) -> None:
        """Create the draft. Raises BackupError when the file exists or cannot be created."""
        self.path = path
        self._draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        if os.path.lexists(path):
            raise BackupError(Reason.of("backup.exists", path=str(path)))
        try:
            descriptor = os.open(self._draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _failed(path, error) from error
        self._file = _Hashed(os.fdopen(descriptor, "wb"))
        hashed: Any = self._file
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `finish`
            fileobj=hashed, mode="w", format=tarfile.PAX_FORMAT
        )

    def add(self, name: str, source: IO[bytes], size: int, **notes: str) -> None:
        """Add a file; raises BackupError when it is shorter than `size`, or the disk is full."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(time.time())
        member.pax_headers = {f"{_NOTE}{key}": value for key, value in notes.items()}
        try:
            self._tar.addfile(member, source)
        except OSError as error:
            raise _failed(self.path, error) from error
        _forget_members(self._tar)

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, and rename the draft to the name of the archive."""
        try:
            manifest = {**manifest, "sha256": self._file.digest.hexdigest()}
            content = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
            self.add(MANIFEST, io.BytesIO(content), len(content))
            self._tar.close()
            self._file.sync_and_close()
            rename_noreplace(str(self._draft), str(self.path))
            _sync_folder(self.path.parent)
        except OSError as error:
            raise _failed(self.path, error) from error

    def abandon(self) -> None:
        """Delete the draft; an archive that has its name stays."""
        with suppress(OSError):
            self._file.file.close()
        with suppress(OSError):
            self._draft.unlink()


class _Hashed:
    """A file that is written sequentially, with the checksum of its content."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self.file.write(content)

    def tell(self) -> int:
        return self.file.tell()

    def sync_and_close(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive."""

    name: str
    size: int
    notes: dict[str, str]
    content: IO[bytes]


class Reader:
    """An archive with a correct checksum, and its manifest."""

    def __init__(self, path: Path, progress: Progress) -> None:
        """Read the whole archive once. Raises BackupError when it is damaged, cut or not ours."""
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise _failed(path, error) from error
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self.manifest, end = self._find_manifest()
            self._check_format()
            progress.begin("checksum", end)
            if _sha256(self._file, end, progress) != self.manifest["sha256"]:
                raise self._damaged(Reason("archive.checksum"))  # noqa: TRY301 - as the errors below
        except BaseException:
            self._file.close()
            raise

    def members(self) -> Iterator[Member]:
        """Every file except the manifest, in the order in which the files were added."""
        for member in self._walk():
            if member.name == MANIFEST:
                return
            content = self._tar.extractfile(member)
            if content is None:
                raise self._not_plain(member)
            yield Member(member.name, member.size, _notes(member), content)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _walk(self) -> Iterator[tarfile.TarInfo]:
        try:
            self._file.seek(0)
            self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115
            while (member := self._tar.next()) is not None:
                _forget_members(self._tar)
                if not member.isreg() or member.issparse():
                    raise self._not_plain(member)
                yield member
        except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
            raise self._damaged(quoted(str(error))) from error
        except OSError as error:
            raise _failed(self.path, error) from error

    def _find_manifest(self) -> tuple[dict[str, Any], int]:
        for member in self._walk():
            if member.name != MANIFEST:
                continue
            content = self._tar.extractfile(member)
            if member.size > _LARGEST_MANIFEST or content is None:
                break
            try:
                manifest = json.loads(content.read())
            except (ValueError, tarfile.TarError) as error:
                raise self._damaged(Reason("archive.manifest_unreadable")) from error
            if isinstance(manifest, dict) and isinstance(manifest.get("sha256"), str):
                return manifest, member.offset
            break
        raise self._damaged(Reason("archive.cut"))

    def _check_format(self) -> None:
        format_number = self.manifest.get("format")
        if not isinstance(format_number, int) or format_number > FORMAT:
            version = str(self.manifest.get("easyai", "?"))
            raise BackupError(
                Reason.of("archive.later_version", path=str(self.path), version=version)
            )

    def _not_plain(self, member: tarfile.TarInfo) -> BackupError:
        return self._damaged(Reason.of("archive.not_plain", member=repr(member.name)))

    def _damaged(self, why: Reason) -> BackupError:
        return BackupError(Reason.of("archive.damaged", path=str(self.path), why=why))


def _forget_members(tar: Any) -> None:
    """Keep `tar` from storing every picture, a kilobyte each (Python 3.13: `stream`)."""
    tar.members.clear()


def _notes(member: tarfile.TarInfo) -> dict[str, str]:
    ours = (header for header in member.pax_headers.items() if header[0].startswith(_NOTE))
    return {name.removeprefix(_NOTE): value for name, value in ours}


def _sha256(file: IO[bytes], size: int, progress: Progress) -> str:
    file.seek(0)
    digest, left = hashlib.sha256(), size
    while left and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
        progress.add(len(chunk))
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(path: Path, error: OSError) -> BackupError:
    why = error.strerror or str(error)
    return BackupError(Reason.of("backup.failed", path=str(path), error=why))
