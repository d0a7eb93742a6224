"""``python -m bench.sizing.cameras FOLDER CAMERAS INTERVAL_SEC TYPES``: cameras of many types."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.pictures import picture
from easyai.process.supervisor_link import die_with_parent

_PACE_SEC = 0.05


def main() -> None:
    """Write until killed; with an interval of 0 only create the folders."""
    root, cameras = Path(sys.argv[1]), int(sys.argv[2])
    interval_sec, types = float(sys.argv[3]), int(sys.argv[4])
    folders = [root / f"类{number % types}" / f"门口{number}" for number in range(cameras)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    print("writes", flush=True)
    content, draft = picture(), root / ".draft"
    began, written = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * cameras / interval_sec) if interval_sec else 0
        for number in range(written, due):
            draft.write_bytes(content)
            draft.rename(folders[number % cameras] / f"{number:09d}.jpg")
        written = due
        time.sleep(_PACE_SEC)


if __name__ == "__main__":
    die_with_parent()
    main()
