"""Two cameras that write frames until they are stopped: the profile `demo` of docker/compose.yaml.

python -m examples.endless snapshots --interval 1
"""

import argparse
import itertools
import signal
import threading
from datetime import datetime
from pathlib import Path

from examples.demo import pictures
from examples.demo.frames import FACES, PEOPLE, filename

# A camera pauses while more pictures wait in its folder, because disks are small.
MOST_WAITING = 200
_SCENERIES = {
    f"{PEOPLE}/门口1": (pictures.people, pictures.things),
    f"{FACES}/大厅": (pictures.faces, pictures.no_faces),
}


def write(folder: Path, number: int) -> None:
    """Write the frame of each camera with this number, unless too many wait there."""
    makers = [(folder / camera, kinds[number % 2]) for camera, kinds in _SCENERIES.items()]
    for place, make in makers:
        place.mkdir(parents=True, exist_ok=True)
        if sum(not path.name.startswith(".") for path in place.iterdir()) >= MOST_WAITING:
            continue
        hidden = place / ".new"
        hidden.write_bytes(pictures.encode(make(number // 2)))
        hidden.replace(place / filename(datetime.now().astimezone(), 0))


def main() -> None:
    """Write until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(
        description="Cameras that write frames of people and faces until they are stopped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the folder of the frames")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two frames")
    options = parser.parse_args()
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    for number in itertools.count():
        write(options.folder, number)
        if stopping.wait(options.interval):
            return


if __name__ == "__main__":
    main()
