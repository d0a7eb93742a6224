"""Width and height of a JPEG or PNG, read from its header without an image library."""

import struct

from easyai.sdk.service_errors import PictureError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8"
# Start-of-frame markers; C4, C8 and CC in that range are other markers (ITU-T T.81, table B.1).
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9


def image_size(content: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels as stored in the file; EXIF rotation is not applied.

    Raises PictureError when the bytes do not begin as a JPEG or PNG does.
    """
    if content.startswith(_PNG_SIGNATURE):
        size = _png_size(content)
    elif content.startswith(_JPEG_SIGNATURE):
        size = _jpeg_size(content)
    else:
        raise PictureError(f"not a JPEG or PNG picture ({len(content)} bytes)")
    if 0 in size:
        raise PictureError("broken picture: its header gives a width or height of 0")
    return size


def _png_size(content: bytes) -> tuple[int, int]:
    if len(content) < 24 or content[12:16] != b"IHDR":
        raise PictureError("broken PNG: it has no header chunk")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    position = len(_JPEG_SIGNATURE)
    while position + 9 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:  # padding before a marker
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        elif marker in _START_OF_FRAME:
            height, width = struct.unpack(">HH", content[position + 5 : position + 9])
            return width, height
        elif marker in (_START_OF_SCAN, _END_OF_IMAGE):
            break
        else:
            (length,) = struct.unpack(">H", content[position + 2 : position + 4])
            position += 2 + length
    raise PictureError("broken JPEG: it has no frame header")
