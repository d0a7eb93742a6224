"""Counts pedestrians with the people detector that OpenCV ships: HOG features, a linear SVM.

It finds people who stand or walk, fully visible and at least 65 pixels tall in a picture of
768 x 576; it misses people who sit, are half hidden or are seen from above. Dalal and Triggs,
"Histograms of Oriented Gradients for Human Detection", CVPR 2005.

    python examples/people_counter.py --server http://127.0.0.1:5066
"""

import argparse
import math
import threading

import cv2
import numpy as np
import numpy.typing as npt

from easyai.sdk import Detection, Picture, serve

Pixels = npt.NDArray[np.uint8]

# The detector's cost grows with the pixels; this number takes about 0.15 s on a 2020s core.
WORKING_PIXELS = 850_000
# It is trained on people of 96 pixels; cameras show smaller people, so small pictures are enlarged.
LARGEST_SCALE = 1.5
PYRAMID_STEP = 1.07
# Distance from the SVM's plane. On street pictures 0.9 finds nearly all pedestrians and no cars.
THRESHOLD = 0.9
# Boxes with this overlap are one person: intersection over union, and over the smaller box.
LARGEST_OVERLAP = 0.4
LARGEST_COVER = 0.65
# A window of the detector has a margin around the person; these fractions are the person.
MARGIN_X, MARGIN_Y = 0.12, 0.08

Box = tuple[float, float, float, float, float]  # x1, y1, x2, y2 in pixels, SVM distance


class PeopleDetector:
    """Finds pedestrians; OpenCV's detector keeps buffers, so each thread has its own."""

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, picture: Picture) -> list[Detection]:
        """Return one detection per person, in pixels of the frame."""
        pixels = picture.to_array()
        height, width = pixels.shape[:2]
        scale = working_scale(width, height)
        shrunk = resize(pixels, scale)
        boxes = suppress_overlaps(self._windows(shrunk))
        return [to_detection(box, scale, width, height) for box in boxes]

    def _windows(self, pixels: Pixels) -> list[Box]:
        found, distances = self._hog().detectMultiScale(
            pixels,
            hitThreshold=THRESHOLD,
            winStride=(8, 8),
            padding=(8, 8),
            scale=PYRAMID_STEP,
            groupThreshold=0,  # all windows: grouping would lose their distances
        )
        return [
            (float(x), float(y), float(x + w), float(y + h), float(distance))
            for (x, y, w, h), distance in zip(found, np.ravel(distances), strict=True)
        ]

    def _hog(self) -> cv2.HOGDescriptor:
        if not hasattr(self._local, "hog"):
            self._local.hog = cv2.HOGDescriptor()
            self._local.hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
        hog: cv2.HOGDescriptor = self._local.hog
        return hog


def working_scale(width: int, height: int) -> float:
    """Return the factor that scales a picture to at most WORKING_PIXELS."""
    return min(LARGEST_SCALE, math.sqrt(WORKING_PIXELS / (width * height)))


def resize(pixels: Pixels, scale: float) -> Pixels:
    """Resize; a picture smaller than the detector's window of 64 x 128 gets a border."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, size, interpolation=method)
    right, below = max(0, 64 - size[0]), max(0, 128 - size[1])
    bordered = cv2.copyMakeBorder(resized, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(bordered, dtype=np.uint8)


def suppress_overlaps(boxes: list[Box]) -> list[Box]:
    """Keep the best of overlapping boxes (non-maximum suppression)."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda each: each[4], reverse=True):
        if not any(same_person(box, other) for other in kept):
            kept.append(box)
    return kept


def same_person(box: Box, other: Box) -> bool:
    """Return whether two boxes overlap so much that they show one person."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return False
    shared, first, second = width * height, area(box), area(other)
    return (
        shared / (first + second - shared) > LARGEST_OVERLAP
        or shared / min(first, second) > LARGEST_COVER
    )


def area(box: Box) -> float:
    """Return the area of a box in square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def to_detection(box: Box, scale: float, width: int, height: int) -> Detection:
    """Remove the margin, convert to pixels of the frame and clip to the frame.

    The confidence is the SVM distance mapped to 0..1; it is not a probability.
    """
    x1, y1, x2, y2, distance = box
    margin_x, margin_y = MARGIN_X * (x2 - x1), MARGIN_Y * (y2 - y1)
    left, right = (x1 + margin_x) / scale, (x2 - margin_x) / scale
    top, bottom = (y1 + margin_y) / scale, (y2 - margin_y) / scale
    corners = (
        round(min(max(left, 0), width)),
        round(min(max(top, 0), height)),
        round(min(max(right, 0), width)),
        round(min(max(bottom, 0), height)),
    )
    return Detection(corners, "person", round(1 / (1 + math.exp(-distance)), 3))


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(
        description="Counts pedestrians with OpenCV's HOG detector, as an easyai service.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--server", default="http://127.0.0.1:5066", help="the easyai server")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0: any free one")
    parser.add_argument("--advertise", help="host or host:port under which the server reaches us")
    parser.add_argument("--service-id", default="people-counter", help="name for the server")
    parser.add_argument("--task-type", default="人数统计", help="the task type to register for")
    parser.add_argument("--max-concurrency", type=int, default=1, help="frames at the same time")
    options = parser.parse_args()
    try:
        serve(
            PeopleDetector(),
            service_id=options.service_id,
            name="People counter (OpenCV HOG)",
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
