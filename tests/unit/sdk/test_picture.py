"""The picture an author's function gets."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyai.sdk import Picture, PictureError
from easyai.sdk.check.sample import SAMPLE_JPEG
from easyai.sdk.image_header import image_size


def encoded(kind: str, width: int, height: int, **options: object) -> bytes:
    """A blue picture with a red left half, as a file."""
    image = Image.new("RGB", (width, height), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, width // 2, height))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        encoded("PNG", 31, 17),
        encoded("JPEG", 31, 17),
        encoded("JPEG", 31, 17, progressive=True),
        encoded("JPEG", 31, 17, exif=b"Exif\x00\x00" + bytes(3000)),
        encoded("JPEG", 31, 17, comment="\xff\xc0 is not a frame header here"),
    ],
)
def test_the_size_is_read_from_the_header_without_a_library(content: bytes) -> None:
    assert image_size(content) == (31, 17)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        SAMPLE_JPEG[:2],
        SAMPLE_JPEG[:60],
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        encoded("PNG", 5, 5)[:16] + bytes(20),
    ],
)
def test_file_without_a_picture_header_is_a_picture_error(content: bytes) -> None:
    with pytest.raises(PictureError, match=r"broken|not a JPEG or PNG"):
        image_size(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_array_is_blue_green_red_with_either_library(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(encoded(kind, 40, 20))
    with_opencv = picture.to_array()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with_pillow = picture.to_array()
    assert with_opencv.shape == with_pillow.shape == (20, 40, 3)
    assert with_opencv.dtype == with_pillow.dtype == np.uint8
    for array in (with_opencv, with_pillow):
        assert array[10, 35, 0] > 200  # blue on the right
        assert array[10, 5, 2] > 200  # red on the left
        assert array.flags.c_contiguous


def test_exif_rotation_is_left_alone_so_that_boxes_are_in_stored_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    picture = Picture(encoded("JPEG", 40, 20, exif=exif))
    assert picture.size == (40, 20)
    assert picture.to_array().shape == (20, 40, 3)
    assert picture.to_pil().size == (40, 20)


def test_a_picture_that_cannot_be_decoded_is_a_picture_error() -> None:
    picture = Picture(SAMPLE_JPEG[:200])
    with pytest.raises(PictureError):
        picture.to_pil()
    for content in (b"", b"nothing", encoded("PNG", 40, 20)[:40]):
        with pytest.raises(PictureError):
            Picture(content).to_array()


def _huge_png() -> bytes:
    """A PNG whose header claims a billion pixels, with a single scan line of real data."""
    content = bytearray(encoded("PNG", 8, 8))
    content[16:24] = struct.pack(">II", 32_000, 32_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize("decode", [Picture.to_array, Picture.to_pil])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(
    decode: Callable[[Picture], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.imdecode", None)
    monkeypatch.setattr("PIL.Image.open", None)
    with pytest.raises(PictureError, match="32000 x 32000 pixels, more than 67108864"):
        decode(Picture(_huge_png()))
    with pytest.raises(PictureError, match="5 x 5 pixels, more than 24"):
        decode(Picture(encoded("PNG", 5, 5), max_pixels=24))


def test_as_many_pixels_as_allowed_are_decoded() -> None:
    assert Picture(encoded("PNG", 5, 5), max_pixels=25).to_array().shape == (5, 5, 3)


def test_size_that_a_library_refuses_is_a_picture_error() -> None:
    picture = Picture(_huge_png(), max_pixels=2**40)
    with pytest.raises(PictureError):
        picture.to_pil()


def test_the_representation_does_not_print_the_file() -> None:
    assert "JFIF" not in repr(Picture(SAMPLE_JPEG, task_type="人数统计"))


def test_importing_the_sdk_loads_no_image_library() -> None:
    code = (
        "import easyai.sdk, easyai.sdk.check, sys;"
        "print([m for m in ('numpy', 'cv2', 'PIL') if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
