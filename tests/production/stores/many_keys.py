"""Tens of thousands of pictures in a bucket of SeaweedFS within seconds.

Over S3 they would take minutes. `weed shell` loads entries of the filer from a file: for each four
bytes of length, then a message FullEntry of its filer.proto.
"""

from __future__ import annotations

import hashlib
import struct
import subprocess
import time
from collections.abc import Sequence

from tests.support.seaweed_server import SeaweedServer

_AT_ONCE = 4


def load(server: SeaweedServer, bucket: str, keys: Sequence[str]) -> None:
    """Put pictures, whose content is their key."""
    # The shell ends without the entries that its threads have in hand.
    last = [f"{keys[-1]}.end{number}" for number in range(2 * _AT_ONCE)]
    entries = b"".join(_entry(f"/buckets/{bucket}", key) for key in (*keys, *last))
    path = server.folder / "entries.meta"
    path.write_bytes(entries)
    done = subprocess.run(
        server.shell_command(),
        input=f"fs.meta.load -v=false -concurrency={_AT_ONCE} {path}\nexit\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert f"{len(keys) + len(last)} files" in done.stdout, (
        done.stdout[-1000:] + done.stderr[-1000:]
    )


def _entry(top: str, key: str) -> bytes:
    folder, _, name = key.rpartition("/")
    content, now = key.encode(), int(time.time())
    attributes = b"".join(
        (
            _number(1, len(content)),  # file_size
            _number(2, now),  # mtime
            _number(3, 0o660),  # file_mode
            _number(6, now),  # crtime
            _bytes(7, b"image/jpeg"),  # mime
            _bytes(14, hashlib.md5(content, usedforsecurity=False).digest()),  # the ETag
        )
    )
    entry = _bytes(1, name.encode()) + _bytes(4, attributes) + _bytes(9, content)
    message = _bytes(1, f"{top}/{folder}".encode()) + _bytes(2, entry)
    return struct.pack(">I", len(message)) + message


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
