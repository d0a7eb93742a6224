"""The same job with one plain Celery task per frame; easyai is measured against it.

A small, fair application as its author would tune it: persistent HTTP and database connections,
one commit per frame, no results, no events. On the embedded broker it uses easyai's own filesystem
transport, which is faster than kombu's. ``python -m bench.plain_celery`` is its producer.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from celery import Celery, Signature
from kombu.transport import TRANSPORT_ALIASES
from sqlalchemy import (
    Column,
    Double,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
)

from bench.plain_http import caller
from bench.plain_store import BucketStore, Folder, PlainStore
from easyai.process.supervisor_link import die_with_parent

# The application's settings, each an environment variable.
BROKER_URL = os.environ.get("PLAIN_BROKER_URL", "memory://")
BROKER_FOLDER = Path(os.environ.get("PLAIN_BROKER_FOLDER", "broker"))
DATABASE_URL = os.environ.get("PLAIN_DATABASE_URL", "sqlite://")
FRAMES = Path(os.environ.get("PLAIN_FRAMES", "snapshots"))
BUCKET = os.environ.get("PLAIN_BUCKET", "")  # '': pictures lie in the folder
HTTP = os.environ.get("PLAIN_HTTP", "requests")
ENDPOINT = os.environ.get("PLAIN_ENDPOINT", "")

_ALERTS = "alerts"
# Most waiting messages: both brokers are slower with thousands in a queue.
_MOST_WAITING = 300

metadata = MetaData()
alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", Text, index=True),
    Column("task_type", Text, index=True),
    Column("image_path", Text),
    Column("algorithm_id", Text),
    Column("result", Text),
    Column("confidence", Double),
    Column("detection_count", Integer),
    Column("inference_time_ms", Double),
    Column("created_at", Double, index=True),
)


def open_engine(url: str) -> Engine:
    """The database; SQLite with a write-ahead log and easyai's durability."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=32)
    engine = create_engine(url, connect_args={"timeout": 30})
    event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _broker_folders() -> dict[str, str]:
    names = {"data_folder_in": "queue", "data_folder_out": "queue"}
    names |= {"processed_folder": "claimed", "control_folder": "control"}
    return {key: str(BROKER_FOLDER / name) for key, name in names.items()}


die_with_parent()
TRANSPORT_ALIASES["filesystem"] = "easyai.broker.embedded_transport:Transport"
app = Celery("bench.plain_celery", broker=BROKER_URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options=_broker_folders() if BROKER_URL.startswith("filesystem") else {},
    task_ignore_result=True,
    worker_prefetch_multiplier=64,  # as Celery's guide advises for many short tasks
)
_store: PlainStore = BucketStore(BUCKET, _ALERTS) if BUCKET else Folder(FRAMES, _ALERTS)


@cache
def _engine() -> Engine:
    return open_engine(DATABASE_URL)


@app.task  # type: ignore[untyped-decorator]
def infer(key: str) -> None:
    """One frame: call the algorithm, save the alert, move the picture."""
    task_type, task_id, _ = key.split("/")
    answer = caller(HTTP).post(ENDPOINT, _question(key))
    target = f"{_ALERTS}/{key}"
    values = {
        "task_id": task_id,
        "task_type": task_type,
        "image_path": target,
        "algorithm_id": "bench",
        "result": json.dumps(answer["result"]),
        "confidence": answer["confidence"],
        "detection_count": len(answer["result"]["detections"]),
        "inference_time_ms": answer["inference_time_ms"],
        "created_at": time.time(),
    }
    with _engine().begin() as conn:
        conn.execute(insert(alerts), values)
    _store.move(key, target)


def _question(key: str) -> dict[str, Any]:
    task_type, task_id, _ = key.split("/")
    return {
        "image_url": f"http://127.0.0.1:5066/frames/{key}",
        "task_id": task_id,
        "task_type": task_type,
        "image_path": key,
        "algo_config": {},
        "algo_config_url": "",
    }


@app.task  # type: ignore[untyped-decorator]
def noop() -> None:
    """Return at once: the cost of Celery alone."""


@app.task  # type: ignore[untyped-decorator]
def mark(path: str) -> None:
    """Mark that all earlier tasks have been taken."""
    Path(path).touch()


def produce_frames() -> None:
    """List the pictures and send one task per frame."""
    _send(infer.s(key) for key in _store.frames())


def produce_noops(count: int, ended: str) -> None:
    """Send empty tasks, then a mark."""
    _send(itertools.chain(itertools.repeat(noop.s(), count), [mark.s(ended)]))


def _send(tasks: Iterable[Signature]) -> None:
    """Send while there is work, at a pace that keeps the queue short."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        for number, task in enumerate(tasks):
            while number % 50 == 0 and _waiting(channel) > _MOST_WAITING:
                time.sleep(0.005)
            task.apply_async()


def _waiting(channel: Any) -> int:
    return int(channel.queue_declare(queue=app.conf.task_default_queue).message_count)


def main(arguments: list[str]) -> None:
    """``frames`` or ``noops COUNT ENDED``: starts when a line arrives on stdin, runs until killed.

    It stays so that its CPU time can be read.
    """
    print("ready", flush=True)
    sys.stdin.readline()
    if arguments[0] == "frames":
        produce_frames()
    else:
        produce_noops(int(arguments[1]), arguments[2])
    sys.stdin.read()


if __name__ == "__main__":
    from bench import plain_celery  # the tasks must carry the module's name, not __main__

    plain_celery.main(sys.argv[1:])
