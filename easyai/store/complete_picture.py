"""Whether a file ends as its picture format requires: a file with its end is whole."""

from __future__ import annotations

import os
from typing import Final

from easyai.store.local_folder import version_of

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"IEND\xaeB`\x82"
_HEAD_BYTES: Final = 4096
_MOST_SEGMENTS: Final = 200
_FILL, _SCAN, _END = 0xFF, 0xDA, 0xD9
_WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD9)))


def ends_as_it_should(path: str, version: str) -> bool:
    """Whether a JPEG or PNG file of this version has its end; False for any other format.

    False also when the file has another version now. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if version_of(status) != version:
            return False
        head = os.pread(descriptor, _HEAD_BYTES, 0)
        end = os.pread(descriptor, 8, max(0, status.st_size - 8))
        if head.startswith(_JPEG_START):
            at_end = status.st_size > 4 and end.endswith(_JPEG_END)
            return at_end and not _is_cut_in_header(descriptor, head, status.st_size)
        return head.startswith(_PNG_START) and end == _PNG_END
    finally:
        os.close(descriptor)


def _is_cut_in_header(descriptor: int, head: bytes, size: int) -> bool:
    """Whether a segment before the picture itself reaches beyond the end of a JPEG file.

    That happens when the writer pauses after the end mark of the thumbnail in the EXIF segment. For
    a file that cannot be parsed as segments only the end counts.
    """
    place = len(_JPEG_START)
    for _ in range(_MOST_SEGMENTS):
        mark = head[place : place + 4]
        if len(mark) < 4:
            mark = os.pread(descriptor, 4, place)
        if len(mark) < 4 or mark[0] != _FILL:
            return False
        kind = mark[1]
        if kind == _FILL:
            place += 1
        elif kind in _WITHOUT_LENGTH:
            place += 2
        elif kind in (_SCAN, _END):
            return False
        else:
            length = int.from_bytes(mark[2:4])
            if length < 2:
                return False
            place += 2 + length
            if place > size:
                return True
    return False
