"""Everything is killed with a thousand frames in flight: who starts again does not wait for leases.

Their leases would last for ten minutes.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.waiting import wait_until

TYPE = "人数统计"
IN_FLIGHT = 1000
RESUMES_SEC = 3.0


def _put(easyai: EasyaiProcess, count: int) -> None:
    picture = jpeg(1, 64, 48)
    for number in range(count):
        folder = easyai.frames / TYPE / f"门口{number % 20}"
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{number}"
        draft.write_bytes(picture)
        draft.rename(folder / f"{number:05d}.jpg")


def test_a_thousand_frames_in_flight_go_on_within_seconds_of_the_start(tmp_path: Path) -> None:
    settings = (
        f"[ai_analysis]\nmax_concurrent_infer = {IN_FLIGHT}\n"
        "infer_timeout_sec = 120\nlease_sec = 600\n"
    )
    stub = AlgorithmStub(delay=100.0)
    stub.start()
    with EasyaiProcess(tmp_path, settings, forked=True) as easyai:
        try:
            easyai.start(timeout=120)
            stub.register(easyai.url)
            _put(easyai, IN_FLIGHT)
            wait_until(lambda: stub.running == IN_FLIGHT, 90, "all frames are in flight")
            easyai.kill_everything()
            killed_at = time.monotonic()
            stub.delay = 0.0
            stub.forget()
            easyai.start(timeout=120)
            ready_at = time.monotonic()
            wait_until(lambda: stub.count, 30, "a frame is inferred again")
            resumed_at = time.monotonic()
            wait_until(lambda: stub.count >= IN_FLIGHT, 60, "all of them")
            print(
                f"ready {ready_at - killed_at:.1f} s after the kill, the first frame after "
                f"{resumed_at - killed_at:.1f}, the last after {time.monotonic() - killed_at:.1f}"
            )
            assert resumed_at - ready_at <= RESUMES_SEC
            assert sorted(set(stub.image_paths)) == sorted(stub.image_paths), "none twice"
        finally:
            stub.stop()
