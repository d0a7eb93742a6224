"""Writes a ZIP archive piece by piece, without seeking: of files that are stored, not packed.

Python's zipfile keeps an entry of each file in memory; here the list of files, which ends an
archive, goes to a file. APPNOTE.TXT of PKWARE, 6.3.10, with ZIP64 throughout.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_ZIP64_SIZES: Final = struct.Struct("<HHQQ")
_ZIP64_ALL: Final = struct.Struct("<HHQQQ")
_END64: Final = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR: Final = struct.Struct("<4sIQI")
_END: Final = struct.Struct("<4sHHHHIIH")
_VERSION: Final = 45  # that knows ZIP64
_UTF8: Final = 0x0800
_ALL_ONES: Final = 0xFFFFFFFF
_PIECE: Final = 256 * 1024  # bytes


class ZipStream:
    """An archive under way; the methods yield its bytes in their order."""

    def __init__(self, made_at: float, kept: BinaryIO) -> None:
        """`made_at`: the time of every file, Unix seconds; `kept`: an empty file for the list."""
        local = time.localtime(made_at)
        self._time = local.tm_hour << 11 | local.tm_min << 5 | local.tm_sec // 2
        self._date = (local.tm_year - 1980) << 9 | local.tm_mon << 5 | local.tm_mday
        self._list = kept
        self._offset = 0
        self._files = 0

    def file(self, name: str, content: bytes) -> Iterator[bytes]:
        """Add a file."""
        return self._add(name, zlib.crc32(content), len(content), [content])

    def copy(self, name: str, source: BinaryIO) -> Iterator[bytes]:
        """Add the content of an open file from its beginning."""
        source.seek(0)
        crc, size = 0, 0
        for piece in _pieces(source):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
        source.seek(0)
        return self._add(name, crc, size, _pieces(source))

    def end(self) -> Iterator[bytes]:
        """End the archive with the list of its files."""
        begin, size = self._offset, self._list.tell()
        self._list.seek(0)
        yield from _pieces(self._list)
        number = self._files
        yield _END64.pack(b"PK\6\6", 44, _VERSION, _VERSION, 0, 0, number, number, size, begin)
        yield _LOCATOR.pack(b"PK\6\7", 0, begin + size, 1)
        yield _END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _ALL_ONES, _ALL_ONES, 0)

    def _add(self, name: str, crc: int, size: int, content: Iterable[bytes]) -> Iterator[bytes]:
        encoded = name.encode()
        same = (_UTF8, 0, self._time, self._date, crc, _ALL_ONES, _ALL_ONES, len(encoded))
        sizes = _ZIP64_SIZES.pack(1, 16, size, size)
        local = _LOCAL.pack(b"PK\3\4", _VERSION, *same, len(sizes)) + encoded + sizes
        place = _ZIP64_ALL.pack(1, 24, size, size, self._offset)
        self._list.write(
            _CENTRAL.pack(b"PK\1\2", _VERSION, _VERSION, *same, len(place), 0, 0, 0, 0, _ALL_ONES)
            + encoded
            + place
        )
        self._files += 1
        self._offset += len(local) + size
        yield local
        yield from content


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece
