"""``python -m bench.cameras FOLDER CAMERAS SECONDS``: each camera writes one frame a second.

Prints the number of written frames at the end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.pictures import Camera
from easyai.process.supervisor_link import die_with_parent

_PACE_SEC = 0.05


def main() -> None:
    """Write at an even pace; frames that a pause of the machine delayed are written at once."""
    folder, cameras, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    camera, began, written = Camera(folder, cameras), time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * cameras) - written
        camera.write(due)
        written += due
        time.sleep(_PACE_SEC)
    print(written, flush=True)
    time.sleep(3600)  # until it is killed, because its exit would count as a failure


if __name__ == "__main__":
    die_with_parent()
    main()
