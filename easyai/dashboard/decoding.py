"""Decodes pictures of strangers: pixels, bytes and scans are bounded before anything is decoded.

Pillow is imported by the first picture: an API whose dashboard nobody opens does without.
"""

from __future__ import annotations

import io
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, BinaryIO, Final

from easyai.domain.picture_marks import Size
from easyai.errors import EasyaiError

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_WIDTH: Final = 320  # pixels
#: A gallery of 50 thumbnails stays below a megabyte.
LARGEST_THUMBNAIL: Final = 19_000  # bytes
_HIGHEST: Final = 480  # pixels, of a thumbnail: pictures may be tall
_MOST_PIXELS: Final = 40_000_000  # a camera of 8K has 33 million
#: Pixels that are decoded, four bytes each: only a JPEG is decoded at a fraction of its size.
_MOST_DECODED: Final = 12_000_000
# A JPEG of a few bytes may ask for thousands of passes over all pixels; ten are usual.
_MOST_SCANS: Final = 100
_MOST_SCANNED: Final = 500_000_000  # pixels times passes
_LARGE: Final = 8_000_000  # pixels
_one_large = threading.Lock()  # large pictures are decoded in turn: the memory holds one
_SCAN: Final = b"\xff\xda"
_FORMATS: Final = ("JPEG", "PNG")
_QUALITIES: Final = (75, 55, 35, 15)
_TURNED: Final = (5, 6, 7, 8)  # values of EXIF's orientation that exchange width and height
_ORIENTATION: Final = 0x0112


class BrokenPictureError(EasyaiError):
    """The picture cannot be shown: it is damaged, too large, or neither JPEG nor PNG."""

    http_status = 415


def size_of(file: BinaryIO) -> Size | None:
    """Width and height as browsers show the picture; reads its header; None when it is broken."""
    from PIL import Image

    try:
        with Image.open(file, formats=_FORMATS) as image:
            return _size(image)
    except Exception:  # noqa: BLE001 - whatever a decoder raises, the size is not known
        return None


def thumbnail(content: bytes) -> bytes:
    """A JPEG of at most `THUMBNAIL_WIDTH` pixels width and `LARGEST_THUMBNAIL` bytes.

    Its comment holds the size of the picture, see `noted_size`. Raises BrokenPictureError.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _bound(*image.size, _MOST_PIXELS)
            pixels = image.width * image.height
            if image.format != "PNG":
                _bound_scans(content.count(_SCAN), pixels)
            with _one_large if pixels > _LARGE else nullcontext():
                return _made(image, _size(image))
    except (BrokenPictureError, MemoryError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the machine: decoders raise theirs without a number
        raise BrokenPictureError from error


def noted_size(file: BinaryIO) -> Size | None:
    """The size of the picture of which `thumbnail` made a file; None: not known."""
    from PIL import Image

    try:
        with Image.open(file, formats=("JPEG",)) as image:
            width, _, height = image.info["comment"].decode("ascii").partition("x")
            return int(width), int(height)
    except Exception:  # noqa: BLE001 - a file that is no thumbnail of ours
        return None


def _size(image: Image.Image) -> Size:
    width, height = image.size
    if image.format == "PNG" and "exif" not in image.info:
        return width, height  # Pillow would decode the picture to look behind its pixels
    turned = image.getexif().get(_ORIENTATION) in _TURNED
    return (height, width) if turned else (width, height)


def _bound(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise BrokenPictureError(f"the picture is too large: {width} x {height} pixels")


def _bound_scans(scans: int, pixels: int) -> None:
    if scans > _MOST_SCANS or scans * pixels > _MOST_SCANNED:
        raise BrokenPictureError("the picture has too many scans")


def _made(image: Image.Image, size: Size) -> bytes:
    from PIL import Image, ImageOps

    # A JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 that is large enough.
    about = 2 * THUMBNAIL_WIDTH, 2 * THUMBNAIL_WIDTH
    image.draft("RGB", about)
    _bound(*image.size, _MOST_DECODED)
    if image.mode not in ("RGB", "L", "CMYK"):  # others, such as palettes, shrink badly
        image = image.convert("RGB")
    image.thumbnail(about, Image.Resampling.BOX)  # in place: each copy would be as large
    ImageOps.exif_transpose(image, in_place=True)
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_WIDTH, _HIGHEST), Image.Resampling.BOX)
    note = f"{size[0]}x{size[1]}".encode()
    for quality in _QUALITIES:
        encoded = io.BytesIO()
        small.save(encoded, "JPEG", quality=quality, comment=note)
        if encoded.tell() <= LARGEST_THUMBNAIL:
            break
    return encoded.getvalue()
