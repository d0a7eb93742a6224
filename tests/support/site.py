"""An installation without processes: settings, frames, database and the parts that work on them."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import text

from easyai.db import generations, ledger, recorded_frames, task_types
from easyai.pipeline import intake
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.dispatched import Dispatched
from easyai.pipeline.service_cache import ServiceCache
from easyai.registry import registration
from easyai.runtime import Runtime, open_runtime
from easyai.settings.source import SettingsSource
from easyai.store.keys import held_name
from easyai.store.local_folder import CLAIM_KEY
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.pumping import PumpedLoop
from tests.support.waiting import wait_until

TYPE = "人数统计"
JPEG = b"\xff\xd8\xff\xfe\x00\x3a" + b"picture" * 8 + b"\xff\xd9"  # with a comment of 58 bytes
Row = dict[str, Any]


class WatchfulSource(SettingsSource):
    """Settings that are looked at on every use, so that a change is in force at once."""

    CHECK_EVERY_SEC = 0.0


class Installation:
    """Everything that a machine has, below ``folder``; keyword values go into ``[ai_analysis]``.

    The database is there and migrated.
    """

    def __init__(
        self, folder: Path, database_url: str, public_url: str = "", **analysis: Any
    ) -> None:
        self.folder = folder
        self.public_url = public_url  # where picture links lead
        self.database_url = database_url
        self._opened: list[Runtime] = []
        self._loops: list[PumpedLoop] = []
        self.configure(**analysis)
        self.runtime = self.open()

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "config.toml"

    @property
    def snapshots(self) -> Path:
        """The folder that cameras write to."""
        return self.folder / "snapshots"

    def configure(self, extra: str = "", **analysis: Any) -> None:
        """Write the settings anew; ``extra`` is TOML put behind ours."""
        values = {key: _toml(value) for key, value in analysis.items()}
        lines = ["[ai_analysis]", *(f"{key} = {value}" for key, value in values.items())]
        lines += ["[frame_extractor]", f"output_dir = {_toml(str(self.snapshots))}"]
        lines.append("watch_folder = true")
        lines += ["[easyai]", f"database_url = {_toml(self.database_url)}"]
        lines += [f"public_url = {_toml(self.public_url)}"]
        lines += [f"data_dir = {_toml(str(self.folder / 'data'))}", extra]
        draft = self.config.with_suffix(".draft")
        draft.write_text("\n".join(lines), encoding="utf-8")
        draft.replace(self.config)

    def open(self) -> Runtime:
        """A further runtime, as of another process."""
        runtime = open_runtime(WatchfulSource(self.config))
        self._opened.append(runtime)
        return runtime

    def loop(self, runtime: Runtime | None = None) -> PumpedLoop:
        """An inference loop, drained at the end."""
        loop = PumpedLoop(runtime or self.runtime)
        self._loops.append(loop)
        return loop

    def put(self, key: str, content: bytes = JPEG, modified_at: float | None = None) -> Path:
        """Write a picture as an extractor does: aside, then renamed into place."""
        path = self.snapshots / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_bytes(content)
        if modified_at is not None:
            os.utime(draft, (modified_at, modified_at))
        draft.replace(path)
        return path

    def put_many(self, count: int, task_type: str = TYPE, camera: str = "门口1") -> list[str]:
        """Pictures 00000.jpg and on, of a camera; their keys in order of capture."""
        keys = [f"{task_type}/{camera}/{number:05d}.jpg" for number in range(count)]
        for number, key in enumerate(keys):
            self.put(key, modified_at=1_700_000_000.0 + number)
        return keys

    def scan(self) -> intake.ScanReport:
        """A whole scan, in as many pieces as it takes."""
        report = intake.scan(self.runtime)
        while report.more:
            before, report = report, intake.scan(self.runtime)
            report.new_frames += before.new_frames
        return report

    def register(self, stub: AlgorithmStub, **extra: Any) -> int:
        """Register a service; its pk."""
        body = {
            "service_id": stub.service_id,
            "name": f"stub {stub.service_id}",
            "task_types": list(stub.task_types),
            "endpoint": stub.endpoint,
            "version": "1.0",
        }
        registration.register(self.runtime, body | extra)
        (row,) = self.rows("SELECT pk FROM services WHERE endpoint = :url", url=stub.endpoint)
        pk: int = row["pk"]
        return pk

    def record(
        self, count: int, task_type: str = TYPE, camera: str = "门口1", stream: str | None = None
    ) -> None:
        """Pending frames, recorded without a scan."""
        keys = [f"{task_type}/{camera}/{secrets.token_hex(6)}.jpg" for _ in range(count)]
        for key in keys:
            self.put(key)
        new = [
            recorded_frames.NewFrame(
                key=key,
                task_type=task_type,
                task_id=camera,
                version=self.runtime.store.version(key) or "",
                captured_at=float(number),
                stream=stream,
            )
            for number, key in enumerate(keys)
        ]
        with self.runtime.db.write() as conn:
            task_types.add(conn, [task_type], time.time())
            recorded_frames.add(conn, new, time.time())

    def lease(self, task_type: str = TYPE, most: int = 32, now: float | None = None) -> Dispatched:
        """A dispatch of a worker that serves a single type, without the calls."""
        token, moment = secrets.token_hex(6), time.time() if now is None else now
        settings, cache = self.runtime.settings, ServiceCache()
        with self.runtime.db.dispatching() as conn:
            return dispatch(
                conn, settings, cache, token, moment, most=most, serves=task_type.__eq__
            )

    def give_back(self, dispatched: Dispatched) -> None:
        """Return the frames of a `lease`."""
        tokens = sorted({frame.lease_token for frame in dispatched.frames})
        if tokens:
            with self.runtime.db.write() as conn:
                ledger.give_back(conn, tokens)

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """The rows of a query."""
        with self.runtime.db.read() as conn:
            return [dict(row) for row in conn.execute(text(sql), values).mappings()]

    def execute(self, sql: str, **values: Any) -> None:
        """Run a statement in a transaction of its own."""
        with self.runtime.db.write() as conn:
            conn.execute(text(sql), values)
            if "services" in sql:
                generations.bump_registry(conn)

    def frames(self) -> list[Row]:
        """The ledger in order of id."""
        return self.rows("SELECT * FROM frames ORDER BY id")

    def frame(self, key: str) -> Row:
        """The newest frame found under a key."""
        return self.rows("SELECT * FROM frames WHERE key = :key ORDER BY id", key=key)[-1]

    def service(self, pk: int) -> Row:
        """A row of the registry."""
        (row,) = self.rows("SELECT * FROM services WHERE pk = :pk", pk=pk)
        return row

    def alerts(self) -> list[Row]:
        """Every alert in order of id."""
        return self.rows("SELECT * FROM alerts ORDER BY id")

    def count(self, state: str) -> int:
        """Frames in a state."""
        found = self.rows("SELECT count(*) AS n FROM frames WHERE state = :state", state=state)
        number: int = found[0]["n"]
        return number

    def work(self, loop: PumpedLoop, task_type: str = TYPE, timeout: float = 15.0) -> None:
        """Scan and pump, as beat does, until every frame is settled and its picture carried."""

        def settled() -> bool:
            self.scan()
            loop.pump(task_type, 1.0)
            left = self.rows(
                "SELECT count(*) AS n FROM frames"
                " WHERE state IN ('pending', 'parked', 'leased') OR image_target IS NOT NULL"
            )
            return bool(left[0]["n"] == 0)

        wait_until(settled, timeout, "every frame is settled and its picture carried")

    def pictures(self, folder: str) -> list[str]:
        """The pictures below a folder of the store, as keys in order; held pictures included."""
        found = (self.snapshots / folder).rglob("*")
        return sorted(
            str(_shown(path).relative_to(self.snapshots))
            for path in found
            if path.is_file() and path.name not in ("algo_config.json", CLAIM_KEY)
        )

    def linked(self, frame: dict[str, Any]) -> Path:
        """Where the link leads that an algorithm was given with a frame."""
        key = unquote(urlsplit(frame["image_url"]).path).partition("/files/")[2]
        return self.snapshots / key

    def close(self) -> None:
        """Stop every loop and close every connection."""
        for loop in self._loops:
            loop.drain(5.0)
        for runtime in self._opened:
            runtime.close()


def _shown(path: Path) -> Path:
    held = held_name(path.name)
    return path.with_name(held.name) if held else path


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists of them are TOML's, too.
    return json.dumps(value, ensure_ascii=False)
