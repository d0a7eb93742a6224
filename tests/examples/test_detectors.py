"""The example detectors find the objects of a frame, in its pixels, and little else."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from easyai.sdk import Picture, PictureError
from examples.face_counter import FaceDetector
from examples.people_counter import PeopleDetector, suppress_overlaps

PICTURES = Path(skimage.data.__file__).parent  # the pictures that the package itself ships
Pixels = npt.NDArray[np.uint8]


def shipped(name: str) -> Picture:
    """A picture of scikit-image as its file."""
    return Picture((PICTURES / name).read_bytes())


def encoded(pixels: Pixels) -> Picture:
    """A picture as a camera writes it."""
    return Picture(cv2.imencode(".jpg", pixels)[1].tobytes())


def draw_person(pixels: Pixels, left: float, top: float, height: float) -> None:
    """Draw the dark outline of a standing person, `height` pixels tall."""
    unit = height / 100
    colour = (45, 40, 40)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(left + (20 + x) * unit), round(top + y * unit)

    def axes(x: float, y: float) -> tuple[int, int]:
        return round(x * unit), round(y * unit)

    cv2.ellipse(pixels, at(0, 8), axes(6, 8), 0, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(pixels, at(0, 34), axes(13, 20), 0, 0, 360, colour, -1, cv2.LINE_AA)
    for side in (-1, 1):
        hip, foot = at(side * 5, 48), at(side * 9, 98)
        shoulder, hand = at(side * 11, 22), at(side * 15, 52)
        cv2.line(pixels, hip, foot, colour, round(8 * unit), cv2.LINE_AA)
        cv2.line(pixels, shoulder, hand, colour, round(6 * unit), cv2.LINE_AA)


@pytest.mark.parametrize(
    ("width", "height", "tall"), [(768, 576, 130), (640, 480, 200), (2560, 1440, 500)]
)
def test_people_are_located_in_frames_of_any_size(width: int, height: int, tall: int) -> None:
    pixels = np.full((height, width, 3), 150, np.uint8)
    lefts = (0.2 * width, 0.65 * width)
    for left in lefts:
        draw_person(pixels, left, 0.3 * height, tall)
    found = sorted(PeopleDetector()(encoded(pixels)), key=lambda each: each.bbox)
    assert len(found) == 2
    for left, person in zip(lefts, found, strict=True):
        x1, y1, x2, y2 = person.bbox
        centre = left + 0.2 * tall
        assert abs((x1 + x2) / 2 - centre) < 0.15 * tall
        assert abs(y1 - 0.3 * height) < 0.25 * tall
        assert abs(y2 - (0.3 * height + tall)) < 0.25 * tall
        assert person.class_name == "person"
        assert 0.7 < person.confidence <= 1


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "brick.png", "motorcycle_left.png"])
def test_things_are_not_people(name: str) -> None:
    assert PeopleDetector()(shipped(name)) == []


def test_overlapping_boxes_are_a_single_person_and_neighbours_are_two() -> None:
    best, shifted, inside = (0, 0, 50, 100, 2.0), (5, 5, 55, 105, 1.0), (10, 10, 35, 60, 1.5)
    neighbour = (45, 0, 95, 100, 1.2)
    assert suppress_overlaps([shifted, inside, neighbour, best]) == [best, neighbour]


def test_single_face_of_a_portrait_is_located() -> None:
    (face,) = FaceDetector()(shipped("astronaut.png"))
    x1, y1, x2, y2 = face.bbox
    assert x1 < 224 < x2  # the nose
    assert y1 < 120 < y2
    assert 80 < x2 - x1 < 180


def test_a_face_in_a_large_frame_is_in_pixels_of_that_frame() -> None:
    portrait = shipped("astronaut.png").to_array()
    frame = np.full((1500, 2000, 3), 128, np.uint8)
    frame[900:1412, 1400:1912] = portrait
    (face,) = FaceDetector()(encoded(frame))
    x1, y1, x2, y2 = face.bbox
    assert x1 < 1400 + 224 < x2
    assert y1 < 900 + 120 < y2


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "rocket.jpg", "coins.png"])
def test_things_and_cats_have_no_face(name: str) -> None:
    assert FaceDetector()(shipped(name)) == []


@pytest.mark.parametrize("detector", [PeopleDetector(), FaceDetector()])
def test_tiny_picture_is_searched_and_a_broken_picture_refused(
    detector: PeopleDetector | FaceDetector,
) -> None:
    assert detector(encoded(np.zeros((1, 1, 3), np.uint8))) == []
    assert detector(encoded(np.zeros((20, 300, 3), np.uint8))) == []
    with pytest.raises(PictureError):
        detector(Picture(b"\xff\xd8 broken"))


def test_the_sample_picture_of_the_readme_shows_two_people() -> None:
    file = Path(__file__).parents[2] / "examples" / "street.jpg"
    assert len(PeopleDetector()(Picture(file.read_bytes()))) == 2
    assert file.stat().st_size < 50_000
