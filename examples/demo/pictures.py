"""Frames made of the photographs in scikit-image's wheel: with faces, with a man, with neither."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

Pixels = npt.NDArray[np.uint8]
Maker = Callable[[int], Pixels]  # a running number to a picture; each number gives another picture

_PHOTOGRAPHS = Path(skimage.data.__file__).parent
_THINGS = (
    "coffee.png",
    "chelsea.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "coins.png",
    "moon.png",
)
# Faces in the Wild: 100 pictures of faces, then 100 of other things, 25 x 25 pixels, 0 to 1.
_FACES = "lfw_subset.npy"
_FACE_PIXELS = 80
_FACES_IN_FILE = 100


def faces(number: int) -> Pixels:
    """A portrait, or the portraits of four to twelve people side by side."""
    if number % 4 == 0:
        return _varied(_photograph("astronaut.png"), number)
    rows, columns = 2, 1 + number % 4 + number % 3
    return _wall([number * 7 + index for index in range(rows * columns)], columns)


def no_faces(number: int) -> Pixels:
    """Objects, a cat, or parts of photographs without a face."""
    if number % 3 == 0:
        return _wall([_FACES_IN_FILE + (number * 5 + index) % 100 for index in range(8)], 4)
    return things(number)


def people(number: int) -> Pixels:
    """One or two standing men.

    The only photograph of a standing man shows him stooped behind a tripod. The detector looks for
    slim, upright people with space around them. So the meadow is extended on all sides, and the
    picture has half its width, like a picture of a camera with half the columns.
    """
    room = cv2.copyMakeBorder(_photograph("camera.png"), 150, 150, 150, 150, cv2.BORDER_REPLICATE)
    scale = (0.3, 0.35, 0.4)[number % 3]
    man = cv2.resize(room, None, fx=0.55 * scale, fy=scale, interpolation=cv2.INTER_AREA)
    mirrored = man[:, ::-1]
    scenes = (man, np.hstack([man, mirrored]), mirrored, np.hstack([mirrored, man]))
    return _exposed(scenes[number % len(scenes)], number)


def things(number: int) -> Pixels:
    """The view of a camera without people."""
    return _varied(_photograph(_THINGS[number % len(_THINGS)]), number)


def encode(pixels: Pixels, suffix: str = ".jpg", quality: int = 90) -> bytes:
    """The picture as a file; quality 0 to 100 is for JPEG."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    done, content = cv2.imencode(suffix, pixels, parameters)
    assert done, f"OpenCV cannot write {suffix}"
    return bytes(content.tobytes())


def broken() -> bytes:
    """A file that begins and ends as a JPEG and cannot be decoded."""
    return b"\xff\xd8" + bytes(2000) + b"\xff\xd9"


@cache
def _photograph(name: str) -> Pixels:
    content = np.frombuffer((_PHOTOGRAPHS / name).read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


@cache
def _small_photographs() -> Pixels:
    grey = np.load(_PHOTOGRAPHS / _FACES)
    return np.asarray(np.round(grey * 255), np.uint8)


def _wall(numbers: list[int], columns: int) -> Pixels:
    """Small photographs in rows, with a margin in the colours of their edges."""
    margin = _FACE_PIXELS // 4
    tiles = []
    for number in numbers:
        photograph = _small_photographs()[number % (2 * _FACES_IN_FILE)]
        size = (_FACE_PIXELS, _FACE_PIXELS)
        large = cv2.resize(photograph, size, interpolation=cv2.INTER_CUBIC)
        tiles.append(
            cv2.copyMakeBorder(large, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        )
    rows = [np.hstack(tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
    return np.asarray(cv2.cvtColor(np.vstack(rows), cv2.COLOR_GRAY2BGR), np.uint8)


def _varied(pixels: Pixels, number: int) -> Pixels:
    """The photograph, mirrored, cut, scaled and exposed differently for each number."""
    height, width = pixels.shape[:2]
    cut = pixels[: height - height // (8 + number % 5), number % 7 * width // 100 :]
    turned = cut[:, ::-1] if number % 2 else cut
    scale = (0.5, 0.6, 0.7)[number % 3]
    return _exposed(cv2.resize(turned, None, fx=scale, fy=scale), number)


def _exposed(pixels: npt.NDArray[Any], number: int) -> Pixels:
    brightness = (number * 11) % 31 - 15
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1.0, beta=brightness), np.uint8)
