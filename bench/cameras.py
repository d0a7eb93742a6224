"""``python -m bench.cameras FOLDER CAMERAS TYPES INTERVAL_SEC SECONDS PACE``: cameras.

Each camera has a type and writes a frame each INTERVAL_SEC (0: none). PACE is ``even``, or
``together`` where all cameras write at once. The program prints a line when it begins, and after
SECONDS (0: it never ends) the number of written frames and the time of the last frame.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

from bench.pictures import Camera
from easyai.process.supervisor_link import die_with_parent

_PACE_SEC = 0.05


def main() -> None:
    """Write; frames that a pause of the machine delayed are written at once."""
    folder, cameras, types = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    interval_sec, limit_sec = float(sys.argv[4]), float(sys.argv[5]) or math.inf
    together = sys.argv[6] == "together"
    camera = Camera(folder, cameras, types)
    print("writes", flush=True)
    began, written, last = time.monotonic(), 0, time.time()
    while (elapsed := time.monotonic() - began) < limit_sec:
        ticks = elapsed / interval_sec if interval_sec else 0.0
        due = (int(ticks) if together else ticks) * cameras
        if count := int(due) - written:
            camera.write(count)
            written, last = written + count, time.time()
        time.sleep(_PACE_SEC)
    print(written, last, flush=True)
    time.sleep(3600)  # until it is killed, because its exit would count as a failure


if __name__ == "__main__":
    die_with_parent()
    main()
