"""Real pictures that all differ."""

from __future__ import annotations

import cv2
import numpy as np


def jpeg(number: int = 0, width: int = 320, height: int = 240) -> bytes:
    """A street at night as JPEG, a number written on it; the same number, the same bytes."""
    return _picture(".jpg", number, width, height)


def png(number: int = 0, width: int = 64, height: int = 48) -> bytes:
    """The same as PNG."""
    return _picture(".png", number, width, height)


def _picture(suffix: str, number: int, width: int, height: int) -> bytes:
    image = np.random.default_rng(number).integers(0, 60, (height, width, 3), dtype=np.uint8)
    cv2.putText(image, str(number), (8, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 1, (255,) * 3, 2)
    done, encoded = cv2.imencode(suffix, image)
    assert done
    return bytes(encoded.tobytes())
