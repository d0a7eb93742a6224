"""A worker's publisher in its own process, to be killed."""

from __future__ import annotations

import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from easyai.db import outbox
from easyai.pipeline.publishing import publish_waiting
from easyai.runtime import open_runtime
from easyai.settings.source import SettingsSource


def _hang(*_: Any) -> None:
    print("sent", flush=True)
    signal.pause()


def main(config: Path, hang: bool) -> None:
    """Publish until killed; with `hang`, stop before sent alerts are marked."""
    runtime = open_runtime(SettingsSource(config))
    with patch.object(outbox, "acknowledged", _hang) if hang else nullcontext():
        while True:
            publish_waiting(runtime, 10.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "hang-before-marking" in sys.argv)
