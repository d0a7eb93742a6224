"""The cameras of the demo: their frames, their pace, and the expected outcomes."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from easyai.sdk import Picture
from examples.demo import pictures
from examples.demo.frames import FACES, LARGE, PEOPLE, Counter, Fate, Frame, filename, with_fate
from examples.demo.pictures import Maker
from examples.face_counter import FaceDetector
from examples.people_counter import PeopleDetector

LARGE_BYTES = 18_000  # from this size the plain service returns one object
SLOW_SEC = 0.2  # between the frames of a slow camera
DIFFICULT = 5  # difficult frames of a camera


@dataclass(frozen=True)
class Camera:
    """Frames in the order of writing; `interval_sec` 0 writes all at once."""

    frames: Iterable[Frame]
    interval_sec: float = 0.0


@dataclass(frozen=True)
class _Scenery:
    task_type: str
    task_id: str
    interval_sec: float
    seen: Maker  # pictures with something to detect
    unseen: Maker


_SCENERIES = (
    _Scenery(FACES, "大厅", 0.0, pictures.faces, pictures.no_faces),
    _Scenery(FACES, "前台", SLOW_SEC, pictures.faces, pictures.no_faces),
    _Scenery(PEOPLE, "门口1", 0.0, pictures.people, pictures.things),
    _Scenery(PEOPLE, "门口2", SLOW_SEC, pictures.people, pictures.things),
    _Scenery(LARGE, "仓库", 0.0, pictures.things, pictures.no_faces),
)


def counters() -> dict[str, Counter]:
    """The function of each service, by its task type."""
    faces, people = FaceDetector(), PeopleDetector()
    return {
        FACES: lambda content: len(faces(Picture(content))),
        PEOPLE: lambda content: len(people(Picture(content))),
        LARGE: lambda content: int(len(content) >= LARGE_BYTES),
    }


def cameras(number: int, now: datetime) -> list[Camera]:
    """Cameras with `number` frames in all, DIFFICULT ones of them difficult.

    Takes some seconds, because it computes every frame's outcome first.
    """
    begin = now - timedelta(seconds=number)
    regular = number - DIFFICULT
    listed = []
    for index, scenery in enumerate(_SCENERIES):
        share = len(range(index, regular, len(_SCENERIES)))
        frames = [_frame(scenery, begin, place) for place in range(share)]
        listed.append(Camera(_with_fates(frames), scenery.interval_sec))
    listed.append(Camera(_with_fates(_difficult(begin))))
    return listed


def left_alone(now: datetime) -> Camera:
    """Files among the frames that are not frames."""
    key = f"{PEOPLE}/门口1/preview_{filename(now, 0)}"
    return Camera([Frame(key, pictures.encode(pictures.people(1)), Fate.LEFT_ALONE)])


def _frame(scenery: _Scenery, begin: datetime, number: int) -> Frame:
    # Both kinds in groups of two, so that slow cameras and their neighbours differ.
    make = scenery.seen if number % 4 < 2 else scenery.unseen
    key = f"{scenery.task_type}/{scenery.task_id}/{filename(begin, number)}"
    return Frame(key, pictures.encode(make(number)))


def _difficult(begin: datetime) -> list[Frame]:
    """Names, formats and files as they occur in the field."""
    portrait, man = pictures.faces(1), pictures.people(1)

    def key(task_type: str, number: int, folder: str = "", suffix: str = ".jpg") -> str:
        return f"{task_type}/后门/{folder}{filename(begin, number, suffix)}"

    return [
        Frame(key(FACES, 0), pictures.encode(portrait), in_pieces=True),
        Frame(key(PEOPLE, 1), pictures.broken()),
        Frame(key(PEOPLE, 2, folder="2025/11/24/"), pictures.encode(man)),
        Frame(key(FACES, 3, suffix=".JPG"), pictures.encode(pictures.faces(2))),
        Frame(key(FACES, 4, suffix=".png"), pictures.encode(pictures.faces(0), ".png")),
    ]


def _with_fates(frames: list[Frame]) -> list[Frame]:
    counts = counters()
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda frame: with_fate(frame, counts[frame.task_type]), frames))
