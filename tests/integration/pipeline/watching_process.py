"""A process that watches a folder and is killed between the word of a picture and the commit."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from easyai.db.recorded_frames import NewFrame
from easyai.pipeline.recording import Recording
from easyai.runtime import open_runtime
from easyai.settings.source import SettingsSource
from easyai.store.frame_store import Picture
from easyai.tasks.folder_watcher import FolderWatcher


def main(config: Path) -> None:
    """Watch; print the number of pictures in a transaction that is never committed."""
    runtime = open_runtime(SettingsSource(config))

    def stand_still(recording: Recording, pictures: Sequence[Picture]) -> Sequence[NewFrame]:
        with runtime.db.write() as conn:
            recording.insert(conn, pictures)
            print(len(pictures), flush=True)
            time.sleep(3600)
        return ()

    FolderWatcher(lambda: runtime, stand_still).start()
    print("ready", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
