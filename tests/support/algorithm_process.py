"""An algorithm service in a process of its own, so that it can be killed in the middle of work."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
from pathlib import Path

from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.server_process import ServerProcess
from tests.support.waiting import accepts_connections


class AlgorithmProcess(ServerProcess):
    """Finds a single object in every frame after ``delay`` seconds; killed as a power cut does it.

    What it received stays readable after its death.
    """

    name = "algorithm"

    def __init__(self, service_id: str, task_type: str, delay: float) -> None:
        super().__init__()
        self._delay = delay
        self._record = self.folder / "received"
        # Never started: it stands for this service towards the server.
        self._face = AlgorithmStub(service_id, (task_type,), port=self.port)

    @property
    def service_id(self) -> str:
        """Its id."""
        return self._face.service_id

    @property
    def image_paths(self) -> list[str]:
        """``image_path`` of every frame received, in order of arrival."""
        if not self._record.exists():
            return []
        return self._record.read_text(encoding="utf-8").splitlines()

    def register(self, server: str) -> None:
        """Register with the server at ``server``."""
        self._face.register(server)

    def command(self) -> list[str]:
        """This module as a program."""
        options = ["--port", str(self.port), "--delay", str(self._delay)]
        return [sys.executable, "-m", __name__, *options, "--record", str(self._record)]

    def environment(self) -> dict[str, str]:
        """Where this module is found."""
        return super().environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def answers(self) -> bool:
        """Whether the port is open."""
        return accepts_connections(self.port)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, required=True)
    parser.add_argument("--record", type=Path, required=True)
    options = parser.parse_args()

    async def answer(frame: Frame) -> Answer:
        with options.record.open("a", encoding="utf-8") as record:
            record.write(frame["image_path"] + "\n")
        await asyncio.sleep(options.delay)
        return detections(1)

    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with AlgorithmStub(answer=answer, port=options.port):
        over.wait()


if __name__ == "__main__":
    main()
