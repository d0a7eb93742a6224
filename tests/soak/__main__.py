"""``python -m tests.soak``: run, show the figures, write them; exit code 1 when a figure grew."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.soak import report
from tests.soak.judgement import Figure, figures
from tests.soak.measure import Sample, sample
from tests.soak.plant import Plant
from tests.support.reliability import PAGE, SOAK, put_section
from tests.support.waiting import wait_until

_EVERY_SEC = 10.0
_SETTLE_SEC = 120.0


def main() -> None:
    """Run the soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--write-report", action="store_true", help="write docs/reliability.md")
    parser.add_argument("--samples", type=Path, help="a file for every sample, a JSON line each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easyai-soak-") as folder:
        found, text = _run(Path(folder), options.minutes, options.samples)
    print(text)
    grown = [figure.name for figure in found if not figure.is_flat]
    if grown:
        sys.exit(f"grew after the warm-up: {', '.join(grown)}")
    if options.write_report:
        put_section(PAGE, SOAK, text)


def _run(folder: Path, minutes: float, log: Path | None) -> tuple[list[Figure], str]:
    with Plant(folder) as plant:
        samples = _watch(plant, minutes * 60, log)
        plant.stop_cameras()
        began = time.monotonic()
        wait_until(
            lambda: not sample(plant.easyai)["frames that wait"], _SETTLE_SEC, "no frame waits", 1
        )
        found = figures(samples)
        text = report.section(
            found,
            minutes=minutes,
            every_sec=_EVERY_SEC,
            restarts=plant.service_restarts,
            messages=plant.messages,
            written=plant.frames_written,
            settled_sec=time.monotonic() - began,
        )
        plant.easyai.stop()
    return found, text


def _watch(plant: Plant, seconds: float, log: Path | None) -> list[Sample]:
    samples: list[Sample] = []
    begun = due = time.monotonic()
    while due < begun + seconds:
        due += _EVERY_SEC
        while time.monotonic() < due:
            plant.step()
            time.sleep(0.5)
        samples.append(sample(plant.easyai))
        if log:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"sec": round(due - begun), **samples[-1]}) + "\n")
    return samples


if __name__ == "__main__":
    main()
