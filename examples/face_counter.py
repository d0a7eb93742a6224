"""Counts faces that look at the camera with a Haar cascade that OpenCV ships.

It finds upright faces from about 30 pixels, in large frames from about 1/27 of the width; it misses
profiles and tilted heads. Viola and Jones, "Rapid Object Detection using a Boosted Cascade of
Simple Features", CVPR 2001.

    python examples/face_counter.py --server http://127.0.0.1:5066
"""

import argparse
import math
import threading
from pathlib import Path

import cv2
import cv2.data
import numpy as np

from easyai.sdk import Detection, Picture, serve

# Of the shipped cascades, this one has the fewest false detections.
CASCADE = Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt.xml"
WORKING_PIXELS = 500_000  # limits the time per picture to about 0.2 s on one core
PYRAMID_STEP = 1.1
MIN_NEIGHBOURS = 4  # windows that must agree on a face
MIN_FACE = (30, 30)  # pixels of the scaled picture


class FaceDetector:
    """Finds frontal faces; a cascade is not safe for threads, so each thread has its own."""

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, picture: Picture) -> list[Detection]:
        """Return one detection per face, in pixels of the frame.

        The confidence grows with the number of agreeing windows; it is not a probability.
        """
        grey = cv2.cvtColor(picture.to_array(), cv2.COLOR_BGR2GRAY)
        height, width = grey.shape
        scale = min(1.0, math.sqrt(WORKING_PIXELS / (width * height)))
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        faces, neighbours = self._cascade().detectMultiScale2(
            # Local contrast: in the contrast of the whole frame, a large background hides a face.
            cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(grey),
            scaleFactor=PYRAMID_STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=MIN_FACE,
        )
        found = zip(np.reshape(faces, (-1, 4)), np.ravel(neighbours), strict=True)
        return [to_detection(face, int(n), scale, width, height) for face, n in found]

    def _cascade(self) -> cv2.CascadeClassifier:
        if not hasattr(self._local, "cascade"):
            self._local.cascade = cv2.CascadeClassifier(str(CASCADE))
        cascade: cv2.CascadeClassifier = self._local.cascade
        return cascade


def to_detection(
    face: np.ndarray[tuple[int], np.dtype[np.int32]],
    neighbours: int,
    scale: float,
    width: int,
    height: int,
) -> Detection:
    """Convert x, y, width, height from the scaled picture to pixels of the frame."""
    x, y, face_width, face_height = (float(value) / scale for value in face)
    corners = (
        round(x),
        round(y),
        round(min(x + face_width, width)),
        round(min(y + face_height, height)),
    )
    return Detection(corners, "face", round(neighbours / (neighbours + 2), 3))


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(
        description="Counts frontal faces with OpenCV's Haar cascade, as an easyai service.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--server", default="http://127.0.0.1:5066", help="the easyai server")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0: any free one")
    parser.add_argument("--advertise", help="host or host:port under which the server reaches us")
    parser.add_argument("--service-id", default="face-counter", help="name for the server")
    parser.add_argument("--task-type", default="人脸检测", help="the task type to register for")
    parser.add_argument("--max-concurrency", type=int, default=1, help="frames at the same time")
    options = parser.parse_args()
    try:
        serve(
            FaceDetector(),
            service_id=options.service_id,
            name="Face counter (OpenCV Haar cascade)",
            task_types=[options.task_type],
            server=options.server,
            host=options.host,
            port=options.port,
            advertise=options.advertise,
            max_concurrency=options.max_concurrency,
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
