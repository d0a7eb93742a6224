"""A process that writes messages of the embedded broker to a file, until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.broker.embedded import Broker, Reader, mailbox, task_queue


def main() -> None:
    """Arguments: the broker's folder, the file to append to."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    queues = task_queue("infer.人数统计"), mailbox(f"{out.name}.pidbox")
    reader = Reader(Broker(folder).connect(), *queues)
    with out.open("a", buffering=1) as file:
        while True:
            reader.read(1, timeout=60)
            file.writelines(f"{body}\n" for body in reader.received)
            reader.received.clear()


if __name__ == "__main__":
    main()
