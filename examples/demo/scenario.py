"""The steps of the demo: start, write, wait, observe, check, report."""

import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

import requests
from rich.console import Console

from examples.demo.cameras import Camera, cameras, left_alone
from examples.demo.check import find_problems
from examples.demo.errors import DemoError
from examples.demo.feed import Feed
from examples.demo.frames import Frame, filename
from examples.demo.observe import Observed, observe, picture, services
from examples.demo.parts import Parts
from examples.demo.progress import progress
from examples.demo.report import best_alert, draw, table
from examples.demo.signals import uninterrupted
from examples.demo.video import Video

_STALL_SEC = 30.0  # without a settled frame the wait ends
_POLL_SEC = 0.1
_MOST_PROBLEMS = 20
_STAY_INTERVAL_SEC = 3.0  # between the frames of a camera, while the demo stays up
_VICTIM = "people_counter"
_AWAY_SEC = 90.0  # of a service that ended while the demo stays up: until the page is red


@dataclass(frozen=True)
class Options:
    """The user's options."""

    frames: int  # made of photographs
    keep: bool  # the temporary folder
    stay: bool = False  # go on until stopped, to be looked at


def run(console: Console, options: Options, video: Video | None) -> int:
    """Run the demo in a new folder; returns 0, or 1 when a frame has a wrong outcome."""
    folder = Path(tempfile.mkdtemp(prefix="easyai-demo-"))
    failed = False
    try:
        failed = not _run_in(folder, console, options, video)
    except (DemoError, OSError, requests.RequestException) as error:
        failed = True
        console.print(f"error: {error}", style="red", soft_wrap=True)
    finally:
        if failed or options.keep:
            console.print(f"kept: {folder} (logs in {folder / 'logs'})", soft_wrap=True)
        else:
            with uninterrupted():
                shutil.rmtree(folder)
    return int(failed)


def _run_in(folder: Path, console: Console, options: Options, video: Video | None) -> bool:
    with Parts(folder) as parts:
        console.print(f"starting easyai and {', '.join(parts.names)} in {folder}", soft_wrap=True)
        parts.start()
        listed = _cameras(options, video)  # meanwhile
        parts.wait_until(parts.ready, "easyai is ready")
        parts.wait_until(
            lambda: len(services(parts.url)) == len(parts.names), "all services are registered"
        )
        total = options.frames + (video.expected if video else 0)
        with Feed(parts.frames, listed) as feed:
            _wait(console, parts, feed, total)
        seen = observe(parts)
        problems = find_problems(feed.frames, seen)
        _tell(console, feed, seen, problems)
        console.print(f"dashboard: {parts.url}/", soft_wrap=True)
        if options.stay:
            _stay(console, parts, options)
        else:
            console.print("make demo KEEP=1 stays up, so that you can look at the dashboard")
        console.print("stopping")
    return not problems


def _stay(console: Console, parts: Parts, options: Options) -> None:
    """Let the cameras write on, a photograph every few seconds, until a signal ends the demo."""
    console.print("the cameras write on; Ctrl-C ends the demo")
    console.print(
        f"to see the page turn red, and green again: kill -9 {parts.pid(_VICTIM)} ({_VICTIM})"
    )
    away: dict[str, float] = {}
    while True:
        made = cameras(options.frames, datetime.now().astimezone())  # takes seconds
        begin = datetime.now().astimezone()
        slow = [Camera(_named_from(begin, each.frames), _STAY_INTERVAL_SEC) for each in made]
        with Feed(parts.frames, slow) as feed:
            while not feed.finished:
                parts.check(services=False)
                _bring_back(console, parts, away)
                time.sleep(_POLL_SEC)


def _named_from(begin: datetime, frames: Iterable[Frame]) -> list[Frame]:
    """The frames, named by the times at which slow cameras write them."""
    named = []
    for number, frame in enumerate(frames):
        moment = begin + timedelta(seconds=number * _STAY_INTERVAL_SEC)
        place = PurePosixPath(frame.key)
        named.append(replace(frame, key=str(place.with_name(filename(moment, 0, place.suffix)))))
    return named


def _bring_back(console: Console, parts: Parts, away: dict[str, float]) -> None:
    """Start services again that ended some time ago; `away`: since when, by name (monotonic)."""
    for name in parts.ended_services():
        if name not in away:
            away[name] = time.monotonic()
            console.print(f"{name} has ended, and is started again in {_AWAY_SEC:g} s")
        elif time.monotonic() - away[name] >= _AWAY_SEC:
            del away[name]
            parts.start_service(name)
            console.print(f"{name} is started again")


def _cameras(options: Options, video: Video | None) -> list[Camera]:
    now = datetime.now().astimezone()
    listed = [left_alone(now), *cameras(options.frames, now)]
    if video:
        listed.append(Camera(video.frames(now)))
    return listed


def _wait(console: Console, parts: Parts, feed: Feed, total: int) -> None:
    """Wait until every picture has left its key, or no picture has for a long time."""
    settled, moved_at = 0, time.monotonic()
    with progress(console) as show:
        while True:
            finished = feed.finished  # before the check: later frames are seen in the next check
            written, waiting = feed.number, len(feed.waiting())
            if written - waiting != settled or not finished:
                settled, moved_at = written - waiting, time.monotonic()
            show(written, settled, written if finished else max(total, written))
            if finished and not waiting:
                return
            if time.monotonic() - moved_at > _STALL_SEC:
                console.print(f"no frame settled for {_STALL_SEC:g} s, {waiting} wait")
                return
            parts.check()
            time.sleep(_POLL_SEC)


def _tell(console: Console, feed: Feed, seen: Observed, problems: list[str]) -> None:
    console.print(table(seen, feed.times))
    alert = best_alert(seen.alerts)
    if alert:
        path = draw(alert, picture(alert))
        console.print(f"an alert's picture with its boxes: {path}", soft_wrap=True)
    for problem in sorted(problems)[:_MOST_PROBLEMS]:
        console.print(f"wrong: {problem}", style="red", soft_wrap=True)
    if problems:
        console.print(f"{len(problems)} things are wrong", style="red")
    else:
        console.print("every frame has its one right fate", style="green")
