"""The work that only one process at a time does, among all machines.

The benchmark measures CPU time, including PostgreSQL's, because it does not depend on other load:
at each moment a transaction waits for one of the two. The model adds the other waiting times
(network, disk).
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from sqlalchemy import event

from bench import site
from bench.pictures import Camera
from bench.processes import BenchError, session_cpu_seconds
from bench.sizing.fleet import Micro
from bench.turns import TurnFleet
from easyai.pipeline import intake
from easyai.runtime import Runtime
from tests.support.services import PostgresServer

_FRAMES = 3_200  # in a round of turns
_ROUNDS = 5
_SCANS = 10
_NEW = 200  # frames that a scan finds
_FOLDERS = 2_000
_BEGIN_AND_COMMIT = 2  # round trips without a statement of easyai
_NOBODY = "http://127.0.0.1:9/infer"  # registered, but nothing is sent to it


def micro() -> Micro:
    """Turns and scans on PostgreSQL."""
    with ExitStack() as stack:
        folder = stack.enter_context(site.fresh_folder())
        postgres = PostgresServer()
        stack.callback(postgres.close)
        postgres.start()
        fleet = TurnFleet(folder / "turns", stack, 12, 4, 100, postgres.create_database())
        turn_ms, round_trips, frames = _turns(fleet, postgres)
        settings = site.write_settings(folder / "scans", database_url=postgres.create_database())
        runtime = stack.enter_context(site.installation(settings, _NOBODY))
        a_frame_ms, a_folder_ms = _scans(runtime, postgres)
    return Micro(
        round_trips=round(round_trips, 1),
        turn_ms=round(turn_ms, 2),
        turn_frames=round(frames),
        scan_ms_a_frame=round(a_frame_ms, 4),
        scan_ms_a_folder=round(a_folder_ms, 5),
    )


def _cpu_ms(postgres: PostgresServer) -> float:
    return (time.process_time() + session_cpu_seconds(postgres.pid or 0)) * 1000


def _turns(fleet: TurnFleet, postgres: PostgresServer) -> tuple[float, float, float]:
    """Milliseconds and round trips of a turn, and the frames in it."""
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    fleet.play(_FRAMES)
    event.listen(fleet.runtime.db.engine, "before_cursor_execute", count)
    took_ms, turns, sent = 0.0, 0, 0
    for _ in range(_ROUNDS):
        fleet.record(_FRAMES)
        statements, before, began = 0, fleet.turns, _cpu_ms(postgres)
        fleet.settle(_FRAMES)
        took_ms += _cpu_ms(postgres) - began
        turns += fleet.turns - before
        sent += statements
    return took_ms / turns, sent / turns + _BEGIN_AND_COMMIT, _ROUNDS * _FRAMES / turns


def _scans(runtime: Runtime, postgres: PostgresServer) -> tuple[float, float]:
    """Milliseconds of a scan for a new frame, and for a folder without new frames."""
    idle_ms = _scan_ms(runtime, postgres)
    camera = Camera(runtime.settings.frame_extractor.output_dir, _FOLDERS)
    intake.scan(runtime)
    time.sleep(3.0)  # a folder is listed for some seconds after each change
    intake.scan(runtime)
    folders_ms = _scan_ms(runtime, postgres)
    busy_ms = _scan_ms(runtime, postgres, camera)
    return max(0.0, busy_ms - folders_ms) / _NEW, max(0.0, folders_ms - idle_ms) / _FOLDERS


def _scan_ms(runtime: Runtime, postgres: PostgresServer, camera: Camera | None = None) -> float:
    """The mean of some scans; each finds new frames of the camera, if a camera is given."""
    took_ms = 0.0
    for _ in range(_SCANS):
        if camera:
            camera.write(_NEW)
        began = _cpu_ms(postgres)
        found = intake.scan(runtime).new_frames
        took_ms += _cpu_ms(postgres) - began
        if found != (_NEW if camera else 0):
            raise BenchError(f"a scan found {found} new frames")
    return took_ms / _SCANS
