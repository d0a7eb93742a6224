"""The demo runs to its end, reports every frame correctly, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests
from rich.console import Console

from examples.demo import pictures, scenario
from examples.demo.cameras import Camera, cameras
from examples.demo.check import find_problems
from examples.demo.frames import FACES, LARGE, PEOPLE, Fate, Frame
from examples.demo.observe import Observed, digest
from examples.demo.parts import Parts
from examples.demo.report import draw, percentile
from examples.demo.scenario import Options
from examples.demo.video import MOST_FRAMES, Video
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
NOW = datetime(2025, 11, 24, 8, 0, tzinfo=UTC)
Change = Callable[[Observed], Observed]


# ---- The whole demo -------------------------------------------------------------------------


class Demo:
    """The demo as a user starts it, its temporary files below `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.mark = f"DEMO_TEST={uuid.uuid4().hex}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo", *options],
            cwd=ROOT,
            env=os.environ | {name: value, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, timeout: float = 60.0) -> tuple[int, str]:
        """Exit code and output; a demo that takes too long is stopped."""
        try:
            output, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.communicate(timeout=40)
            raise
        return self.process.returncode, output

    def processes(self) -> list[str]:
        """Whatever still runs of it."""
        return [
            entry.parent.name for entry in Path("/proc").glob("[0-9]*/environ") if self._in(entry)
        ]

    def _in(self, environ: Path) -> bool:
        try:
            return self.mark.encode() in environ.read_bytes()
        except OSError:
            return False  # it has just ended


def write_video(path: Path, pixels: list[pictures.Pixels]) -> None:
    """Write a video of these pictures, all of the same size."""
    height, width = pixels[0].shape[:2]
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, 25.0, (width, height))
    assert writer.isOpened()
    for each in pixels:
        writer.write(each)
    writer.release()


def test_demo_ends_with_a_table_a_picture_and_the_right_fate_of_every_frame(tmp_path: Path) -> None:
    video = tmp_path / "street.avi"
    write_video(video, [np.asarray(cv2.resize(pictures.people(1), (320, 240)), np.uint8)] * 8)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    demo = Demo(temporary, "--frames", "20", "--video", str(video))
    code, output = demo.end()
    assert code == 0, output
    for word in (FACES, PEOPLE, LARGE, "detections", "p99 ms", "frames/s"):
        assert word in output
    assert "28 of 28 written, 28 settled" in output
    assert "every frame has its one right fate" in output
    (left,) = temporary.iterdir()
    assert str(left) in output
    assert cv2.imread(str(left)) is not None
    assert demo.processes() == []


def test_demo_that_stays_up_shows_its_dashboard_and_goes_on_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    demo = Demo(tmp_path, "--frames", "10", "--stay")
    assert demo.process.stdout is not None
    lines = iter(demo.process.stdout.readline, "")
    url = next(line.removeprefix("dashboard: ").strip() for line in lines if "dashboard:" in line)
    page = requests.get(url, timeout=10)
    assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    alerts = f"{url}api/v1/alerts"
    before = requests.get(alerts, timeout=10).json()["total"]
    wait_until(
        lambda: requests.get(alerts, timeout=10).json()["total"] > before, 30, "further alerts"
    )
    # A service that is killed: the page is there to show it.
    (service,) = [own for own in demo.processes() if b"people_counter.py" in _command(own)]
    os.kill(int(service), signal.SIGKILL)
    assert any("people_counter has ended" in line for line in lines)
    assert requests.get(url, timeout=10).status_code == 200
    demo.process.send_signal(signal.SIGINT)
    assert demo.end(40)[0] == 130
    assert demo.processes() == []
    assert [path.suffix for path in tmp_path.iterdir()] == [".jpg"]  # the drawn alert stays


def _command(process: str) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def test_service_that_ended_is_started_again_on_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenario, "_AWAY_SEC", 0.0)
    ports = []

    class Started(Parts):
        def _start(self, name: str, arguments: list[str]) -> None:
            ports.append((name, arguments[arguments.index("--port") + 1]))
            self._processes[name] = subprocess.Popen(["true"])
            self._processes[name].wait()

    with Started(tmp_path) as parts:
        parts.start()
        away: dict[str, float] = {}
        scenario._bring_back(Console(quiet=True), parts, away)
        assert set(away) == set(parts.names)
        scenario._bring_back(Console(quiet=True), parts, away)
    assert ports[4:] == ports[1:4]  # easyai itself is the first


def test_a_frame_with_a_wrong_fate_is_named_and_the_folder_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = []

    def first_frame_wrong(number: int, now: datetime) -> list[Camera]:
        first, *others = cameras(number, now)
        frame, *rest = first.frames
        wrong.append(replace(frame, fate=Fate.ALERT, count=frame.count + 1))
        return [Camera([wrong[0], *rest]), *others]

    monkeypatch.setattr(scenario, "cameras", first_frame_wrong)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert scenario.run(Console(width=200), Options(frames=10, keep=False), None) == 1
    output = capsys.readouterr().out
    assert f"wrong: {wrong[0].key}" in output
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert f"kept: {folder}" in output
    assert (folder / "logs" / "easyai.log").stat().st_size > 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_demo_leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    demo = Demo(tmp_path)
    wait_until(lambda: len(demo.processes()) >= 4, 20, "the parts run")
    demo.process.send_signal(number)
    ended, output = demo.end(40)
    assert ended == code, output
    assert demo.processes() == []
    assert list(tmp_path.iterdir()) == []


_DROPPED = """
import os, signal
from examples.demo.signals import end_on_signals, still_wanted
end_on_signals()
still_wanted()
try:
    os.kill(os.getpid(), signal.{name})
except BaseException:
    pass
still_wanted()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", -2), ("SIGTERM", 143)])
def test_signal_ends_the_demo_although_its_exception_is_dropped(name: str, code: int) -> None:
    program = [sys.executable, "-c", _DROPPED.format(name=name)]
    assert subprocess.run(program, cwd=ROOT, capture_output=True).returncode == code


@pytest.mark.parametrize(
    ("video", "message"),
    [
        ("nowhere.avi", "nowhere.avi: no such file"),
        ("README.md", "not a video"),
        ("rtsp://user:secret@127.0.0.1:1/stream?token=hidden", "rtsp://127.0.0.1:1/stream: the"),
    ],
)
def test_a_video_that_cannot_be_read_is_explained(tmp_path: Path, video: str, message: str) -> None:
    code, output = Demo(tmp_path, "--video", video).end()
    assert code == 2
    assert message in output
    assert "Traceback" not in output
    assert "secret" not in output
    assert "hidden" not in output
    assert list(tmp_path.iterdir()) == []


# ---- The frames -----------------------------------------------------------------------------


def test_every_task_type_has_distinct_frames_with_and_without_detections() -> None:
    frames = [frame for camera in cameras(40, NOW) for frame in camera.frames]
    assert len(frames) == 40
    assert len({frame.key for frame in frames}) == 40
    for task_type in (FACES, PEOPLE, LARGE):
        fates = {frame.fate for frame in frames if frame.task_type == task_type}
        assert {Fate.ALERT, Fate.NO_DETECTION} <= fates
    assert [frame.content for frame in frames if frame.fate is Fate.FAILED] == [pictures.broken()]
    assert max(frame.count for frame in frames if frame.task_type == FACES) >= 4
    for camera in cameras(40, NOW)[:-1]:
        contents = [frame.content for frame in camera.frames]
        assert len(set(contents)) == len(contents)


def test_video_gives_a_limited_number_of_frames_spread_over_its_length(tmp_path: Path) -> None:
    shades = [np.full((120, 1600, 3), shade, np.uint8) for shade in range(0, 250)]
    write_video(tmp_path / "long.avi", shades)
    with Video(str(tmp_path / "long.avi")) as video:
        frames = list(video.frames(NOW))
        assert len(frames) == video.expected == MOST_FRAMES
    seen = [cv2.imdecode(np.frombuffer(frame.content, np.uint8), 1) for frame in frames]
    assert {pixels.shape for pixels in seen if pixels is not None} == {(96, 1280, 3)}
    brightness = [float(np.mean(pixels)) for pixels in seen if pixels is not None]
    assert brightness == sorted(brightness)
    assert brightness[0] < 5
    assert brightness[-1] > 190


# ---- The check ------------------------------------------------------------------------------

SEEN = Frame(f"{PEOPLE}/门口2/2025/11/a.jpg", b"two people", Fate.ALERT, 2)
EMPTY = Frame(f"{PEOPLE}/门口2/b.jpg", b"nobody", Fate.NO_DETECTION)
REFUSED = Frame(f"{PEOPLE}/门口2/c.jpg", b"no picture", Fate.FAILED)
PREVIEW = Frame(f"{PEOPLE}/门口2/preview_d.jpg", b"small", Fate.LEFT_ALONE)
FRAMES = [SEEN, EMPTY, REFUSED, PREVIEW]


def row(frame: Frame, state: str, outcome: str, count: int = 0, calls: int = 0) -> dict[str, Any]:
    """A frame as the ledger has it."""
    return {
        "key": frame.key,
        "task_type": frame.task_type,
        "state": state,
        "outcome": outcome,
        "reason": None,
        "detection_count": count,
        "calls_without_result": calls,
    }


ALERT_PATH = f"alerts/{PEOPLE}/门口2/a.jpg"
ALERT = {
    "task_type": PEOPLE,
    "task_id": "门口2",
    "image_path": ALERT_PATH,
    "detection_count": 2,
    "result": '{"detections": [{"bbox": [1, 2, 3, 4]}, {"bbox": [5, 6, 7, 8]}]}',
}
RIGHT = Observed(
    ledger=[
        row(SEEN, "done", "alert", 2),
        row(EMPTY, "done", "no_detection"),
        row(REFUSED, "failed", "failed", calls=3),
    ],
    alerts=[ALERT],
    files={
        ALERT_PATH: digest(SEEN.content),
        f"failed/{PEOPLE}/门口2/c.jpg": digest(REFUSED.content),
        PREVIEW.key: digest(PREVIEW.content),
    },
    calls={PEOPLE: 5},
)


def ledger(*rows: dict[str, Any]) -> Change:
    """A change of the rows of the ledger."""
    return lambda seen: replace(seen, ledger=list(rows))


def alerts(*found: dict[str, Any]) -> Change:
    """A change of the alerts."""
    return lambda seen: replace(seen, alerts=list(found))


def files(**changed: str | None) -> Change:
    """A change of files, by the name's first letter; None removes it."""

    def change(seen: Observed) -> Observed:
        named = {Path(path).name[0]: path for path in seen.files}
        kept = {
            path: mark for path, mark in seen.files.items() if Path(path).name[0] not in changed
        }
        added = {named.get(name, name): mark for name, mark in changed.items() if mark}
        return replace(seen, files=kept | added)

    return change


def test_the_right_fates_are_no_problem() -> None:
    assert find_problems(FRAMES, RIGHT) == []


def test_unlabelled_frame_may_have_either_fate_if_all_sides_agree() -> None:
    either = [replace(SEEN, fate=Fate.EITHER, count=0), replace(EMPTY, fate=Fate.EITHER)]
    assert find_problems([*either, REFUSED, PREVIEW], RIGHT) == []
    assert find_problems([*either, REFUSED, PREVIEW], replace(RIGHT, alerts=[]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (alerts(), "0 alerts, not one"),
        (alerts(ALERT, ALERT), "2 alerts, not one"),
        (alerts(ALERT | {"detection_count": 3}), "3 detections in its alert, not 2"),
        (alerts(ALERT | {"result": '{"detections": []}'}), "0 boxes in its alert, not 2"),
        (alerts(ALERT | {"task_id": "门口1"}), "its alert is of"),
        (alerts(ALERT, ALERT | {"image_path": "alerts/x.jpg"}), "no frame with detections"),
        (ledger(*RIGHT.ledger[1:]), "0 rows in the ledger, not one"),
        (ledger(*RIGHT.ledger, RIGHT.ledger[1]), "2 rows in the ledger, not one"),
        (ledger(row(SEEN, "done", "alert", 1), *RIGHT.ledger[1:]), "1 detections in the ledger"),
        (ledger(row(SEEN, "done", "missing"), *RIGHT.ledger[1:]), "done (missing), not alert"),
        (ledger(*RIGHT.ledger[:2], row(REFUSED, "leased", "")), "leased (), not failed"),
        (ledger(*RIGHT.ledger, row(PREVIEW, "done", "no_detection")), "it is not a frame"),
        (files(a=None), "the picture is not there"),
        (files(a="another"), "not the picture that was written"),
        (files(c=None), "the picture is not there"),
        (files(p=None), "the picture is not there"),
        (files(b="still there"), "should not be there"),
        (lambda seen: replace(seen, calls={PEOPLE: 4}), "4 calls at the service, 5 recorded"),
        (lambda seen: replace(seen, calls={}), "0 calls at the service, 5 recorded"),
    ],
)
def test_wrong_fate_is_reported(change: Change, message: str) -> None:
    problems = find_problems(FRAMES, change(RIGHT))
    assert any(message in problem for problem in problems), problems


# ---- The report -----------------------------------------------------------------------------


def test_boxes_are_drawn_at_the_coordinates_of_the_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    picture = pictures.encode(np.full((500, 700, 3), 255, np.uint8))
    result = '{"objects": [{"bbox": [100, 200, 300, 400], "label": "cup", "score": 0.5}]}'
    drawn = cv2.imread(str(draw({"result": result}, picture)))
    assert drawn is not None
    for x, y in ((100, 300), (300, 300), (200, 200), (200, 400)):
        blue, green, red = (int(value) for value in drawn[y, x])
        assert green > 150
        assert max(blue, red) < 100
    assert drawn[300, 200].min() > 250  # inside
    assert drawn[50, 50].min() > 250  # outside


@pytest.mark.parametrize(
    ("values", "share", "value"),
    [([], 50, 0.0), ([7.0], 99, 7.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), ([1.0, 2.0], 99, 2.0)],
)
def test_percentiles_are_measured_values(values: list[float], share: int, value: float) -> None:
    assert percentile(values, share) == value
