"""The picture that an author's function gets."""

import importlib.util
import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from easyai.sdk.image_header import image_size
from easyai.sdk.service_errors import PictureError

# The largest cameras have 50 million pixels. A decoded pixel takes three bytes, and up to three
# times as much while it is decoded. A PNG of 1 MB may hold a billion pixels.
MAX_PIXELS = 64 * 1024 * 1024

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


@dataclass(frozen=True)
class Picture:
    """A frame of a camera, with the data that the server sent about it."""

    content: bytes = field(repr=False)  # the JPEG or PNG file from the store
    task_type: str = ""  # the kind of detection, e.g. 人数统计
    task_id: str = ""  # the camera, e.g. 门口2
    image_path: str = ""  # the key of the frame in the store
    algo_config: dict[str, Any] | None = field(default=None, repr=False)  # regions, parameters
    max_pixels: int = field(default=MAX_PIXELS, repr=False, compare=False)  # limit for decoding

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, from the header. Raises PictureError without a header."""
        return image_size(self.content)

    def check_pixels(self) -> None:
        """Raise PictureError when the header gives more pixels than `max_pixels`."""
        width, height = self.size
        if width * height > self.max_pixels:
            raise PictureError(
                f"the picture has {width} x {height} pixels, more than {self.max_pixels} "
                "(max_picture_pixels)"
            )

    def to_array(self) -> "npt.NDArray[np.uint8]":
        """Decode to height x width x 3, uint8, channels in the order blue, green, red.

        That is the order of OpenCV and of most detectors; `[..., ::-1]` makes it RGB. Decodes
        with OpenCV, or with Pillow and numpy where there is no OpenCV. Rotation noted in EXIF is
        not applied, so that boxes are in pixels of the stored frame. Raises PictureError when the
        picture is too large or cannot be decoded, ImportError when neither library is installed.
        """
        self.check_pixels()
        if importlib.util.find_spec("cv2") is None:
            return self._to_array_with_pillow()
        import cv2
        import numpy as np

        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        try:
            array = cv2.imdecode(np.frombuffer(self.content, np.uint8), flags)
        except cv2.error as error:
            raise PictureError(f"broken picture: {error}") from error
        if array is None:
            raise PictureError("broken picture: OpenCV cannot decode it")
        return np.asarray(array, dtype=np.uint8)

    def to_pil(self) -> "Image":
        """Decode to a Pillow image in mode RGB.

        Raises PictureError when it is too large or cannot be decoded, ImportError when Pillow is
        not installed.
        """
        self.check_pixels()
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError("decoding needs a library: pip install pillow") from error
        try:
            with Image.open(io.BytesIO(self.content)) as image:
                return image.convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise PictureError(f"broken picture: {error}") from error

    def _to_array_with_pillow(self) -> "npt.NDArray[np.uint8]":
        try:
            import numpy as np
        except ImportError as error:
            raise ImportError(
                "to_array() needs a library: pip install opencv-python-headless numpy"
            ) from error

        return np.ascontiguousarray(np.asarray(self.to_pil(), dtype=np.uint8)[..., ::-1])
