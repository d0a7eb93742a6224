"""What the calls of an object store cost: ``python -m bench.bucket_calls``.

Measures the CPU time of this process, for each call of the store, against an S3 server in another
process (bench/bucket_stub.py) or against any server that is named.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

import click
from pydantic import SecretStr

from bench.bucket_stub import COUNT_PATH
from easyai.domain.frame import KeyRules
from easyai.settings.schema import Minio
from easyai.store.bucket_moves import BucketMoves
from easyai.store.bucket_pages import PAGE, read_page
from easyai.store.frame_store import Carried
from easyai.store.minio import MinioStore
from easyai.system.side_by_side import SideBySide

_PICTURE = b"\xff\xd8" + bytes(20_000) + b"\xff\xd9"
_LISTED = "listed/camera7/"


@dataclass
class Site:
    """A store, and pictures in it."""

    store: MinioStore
    versions: dict[str, str]

    def put(self, key: str) -> None:
        """Write a picture and remember its version."""
        BucketMoves._put_claim(self.store, key, _PICTURE, new=False)
        self.versions[key] = self.store.version(key) or ""

    def alert(self, key: str) -> None:
        """The calls of a frame with an alert: before its call, before and after the commit."""
        version = self.versions[key]
        assert self.store.hold(key, 1, version).carried is Carried.DONE
        assert self.store.keep(key, f"alerts/{key}", version) is Carried.DONE
        assert self.store.delete(key, version) is Carried.DONE

    def no_alert(self, key: str) -> None:
        """The calls of a frame without an alert."""
        assert self.store.hold(key, 1, self.versions[key]).carried is Carried.DONE
        assert self.store.delete(key, self.versions[key]) is Carried.DONE

    def list_page(self, _: str) -> None:
        """A page of pictures."""
        assert len(read_page(self.store._bucket, _LISTED).pictures) == PAGE

    def copy(self, key: str) -> None:
        """A copy on all conditions."""
        version = self.versions[key]
        copied = self.store._copy(key, f"copies/{key}", version, version)
        assert copied is Carried.DONE


@contextmanager
def served(endpoint: str) -> Iterator[tuple[str, bool]]:
    """A server's address, and whether it is the stub."""
    if endpoint:
        yield endpoint, False
        return
    command = [sys.executable, "-m", "bench.bucket_stub"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}", True
        finally:
            process.terminate()


@click.command()
@click.option("--endpoint", default="", help="host:port of an S3 server; default: the stub.")
@click.option("--bucket", default="frames", show_default=True)
@click.option("--access-key", default="easyai", show_default=True)
@click.option("--secret-key", default="easyaisecret", show_default=True)
@click.option("--calls", default=1000, show_default=True, help="Calls in a row of the table.")
@click.option("--at-once", default=1, show_default=True, help="Calls side by side.")
def main(
    endpoint: str, bucket: str, access_key: str, secret_key: str, calls: int, at_once: int
) -> None:
    """Print the CPU time and the rate of each call."""
    beside = SideBySide(at_once)
    with served(endpoint) as (address, is_stub):
        settings = Minio(
            endpoint=address,
            bucket=bucket,
            access_key=access_key,
            secret_key=SecretStr(secret_key),
        )
        site = Site(MinioStore(settings, KeyRules(), lambda: "bench"), {})
        site.store.check()
        beside.map(site.put, (f"{_LISTED}{number:06}.jpg" for number in range(PAGE)))
        keys = [f"人数统计/camera{number % 8}/{number:06}.jpg" for number in range(calls)]
        rows: dict[str, Callable[[str], object]] = {
            "PUT and HEAD": site.put,
            "HEAD": site.store.version,
            "GET, 20 kB": lambda key: site.store.read(key, 100_000),
            "COPY": site.copy,
            "link": lambda key: site.store.url(key, 3600),
            "alert": site.alert,
            "PUT and HEAD again": site.put,
            "no alert": site.no_alert,
        }
        for name, call in rows.items():
            _row(beside, name, call, keys, address if is_stub else "")
        _row(beside, "LIST 1,000", site.list_page, keys[: max(10, calls // 50)], "")


def _row(
    beside: SideBySide,
    name: str,
    call: Callable[[str], object],
    keys: list[str],
    counted_at: str,
) -> None:
    before = requests_of(counted_at)
    cpu, wall = time.process_time(), time.perf_counter()
    beside.map(call, keys)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    sent = (requests_of(counted_at) - before) / len(keys)
    print(
        f"{name:20} {cpu / len(keys) * 1e6:8.0f} µs CPU {len(keys) / wall:8.0f}/s"
        + (f" {sent:5.2f} requests" if counted_at else "")
    )


def requests_of(address: str) -> int:
    """How many requests the stub has answered; 0 for no address."""
    if not address:
        return 0
    connection = HTTPConnection(address, timeout=5)
    connection.request("GET", COUNT_PATH)
    count = int(connection.getresponse().read())
    connection.close()
    return count


if __name__ == "__main__":
    main()
