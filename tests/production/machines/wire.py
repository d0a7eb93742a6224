"""A long wire as a program: ``wire.py PORT PORT DELAY_MS LOSS_PERCENT``.

Passes Ethernet frames between two network devices, each after the delay, and loses some. The same
as `tc qdisc add dev … root netem delay … loss …` on both ends, for kernels without netem: whole
packets are lost, so TCP sends them again as it does on a real network.
"""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
import sys
import time

_EVERY_PROTOCOL = 3
_OWN = 4  # PACKET_OUTGOING: packets that we sent


def main() -> None:
    """Pass frames until ended."""
    names, delay_sec = sys.argv[1:3], float(sys.argv[3]) / 1000
    loss = float(sys.argv[4]) / 100
    drawn = random.Random(f"{names}")
    ends = [_device(name) for name in names]
    selector = selectors.DefaultSelector()
    for end, other in zip(ends, reversed(ends), strict=True):
        selector.register(end, selectors.EVENT_READ, other)
    under_way: list[tuple[float, int, bytes, socket.socket]] = []
    numbers = itertools.count()
    print("passes", flush=True)
    while True:
        pause = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for key, _ in selector.select(pause):
            for frame in _waiting(ends[0] if key.fileobj is ends[0] else ends[1]):
                if drawn.random() >= loss:
                    due = time.monotonic() + delay_sec
                    heapq.heappush(under_way, (due, next(numbers), frame, key.data))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, frame, out = heapq.heappop(under_way)
            out.send(frame)


def _device(name: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    end.bind((name, 0))
    end.setblocking(False)
    return end


def _waiting(end: socket.socket) -> list[bytes]:
    """The frames that have arrived at a device."""
    frames: list[bytes] = []
    while True:
        try:
            frame, address = end.recvfrom(65536)
        except BlockingIOError:
            return frames
        if address[2] != _OWN:
            frames.append(frame)


if __name__ == "__main__":
    main()
