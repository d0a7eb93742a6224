"""An installation in a folder: settings, a migrated database, and rows as a test needs them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, insert, select, text

from easyai.cli.main import cli
from easyai.db import generations, migrate
from easyai.db.models import Alert, Frame, Service, ServiceTaskType, TaskType
from easyai.db.reasons import columns as reason_columns
from easyai.db.session import Database
from easyai.domain.reason import Reason

TYPE = "人数统计"
CAMERA = "门口2"


@dataclass
class Installation:
    """A folder with easyai's settings in the environment of this process.

    The database is there and migrated when `migrated`; `close` ends its connections.
    """

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    database_url: str = ""
    migrated: bool = True
    db: Database = field(init=False)
    now: float = field(default_factory=time.time, init=False)
    _frames: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.database_url = self.database_url or f"sqlite:///{self.folder / 'easyai.db'}"
        self.environment = {
            "EASYAI_CONFIG": "",
            "EASYAI_DATABASE_URL": self.database_url,
            "EASYAI_DATA_DIR": str(self.folder / "data"),
            "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(self.folder / "snapshots"),
            "EASYAI_PORT": "1",  # where nothing of this machine answers
        }
        for name, value in self.environment.items():
            self.monkeypatch.setenv(name, value)
        self.db = Database(self.database_url)
        if self.migrated:
            migrate.upgrade(self.database_url)

    def close(self) -> None:
        """End the connections to the database."""
        self.db.dispose()

    def run(self, *arguments: str) -> Result:
        """A call of the easyai program in this process."""
        return CliRunner().invoke(cli, list(arguments))

    def frame(self, **columns: Any) -> int:
        """A frame that failed just now, its picture kept under failed/, but for `columns`.

        Its `reason` may be a text: such rows are of the release before.
        """
        self._frames += 1
        name = f"20251114-164712.{self._frames:06}.jpg"
        values = {
            "key": f"{TYPE}/{CAMERA}/{name}",
            "task_type": TYPE,
            "task_id": CAMERA,
            "state": "failed",
            "version": "v1",
            "captured_at": self.now - 2,
            "found_at": self.now - 1,
            "due_at": self.now - 1,
            "settled_at": self.now,
            "outcome": "failed",
            "reason": "no face",
            "attempts": 3,
            "image_path": f"failed/{TYPE}/{CAMERA}/{name}",
        }
        with self.db.write() as conn:
            return self._insert(conn, Frame, _with_codes(values | columns))

    def pending(self, **columns: Any) -> int:
        """A frame that waits for inference."""
        values = {"state": "pending", "settled_at": None, "outcome": None, "reason": None}
        return self.frame(**(values | {"attempts": 0, "image_path": None} | columns))

    def service(self, service_id: str, *task_types: str, **columns: Any) -> int:
        """A registered service that is online, but for `columns`."""
        values = {
            "service_id": service_id,
            "name": service_id,
            "endpoint": f"http://127.0.0.1:7901/{service_id}",
            "version": "1.0",
            "state": "online",
            "state_reason": "registered",
            "state_since": self.now - 300,
            "register_at": self.now - 300,
            "last_heartbeat": self.now - 12,
            "last_evidence": self.now - 12,
        }
        with self.db.write() as conn:
            pk = self._insert(conn, Service, values | columns)
            for name in task_types or (TYPE,):
                conn.execute(insert(ServiceTaskType), {"service_pk": pk, "task_type": name})
            generations.bump_registry(conn)
        return pk

    def task_type(self, name: str) -> None:
        """A task type that has been seen."""
        with self.db.write() as conn:
            conn.execute(insert(TaskType), {"name": name, "first_seen": self.now})

    def alert(self, **columns: Any) -> int:
        """An alert of a single detection saved just now, but for `columns`."""
        values = {
            "task_id": CAMERA,
            "task_type": TYPE,
            "image_path": "",
            "algorithm_id": "yolo",
            "algorithm_name": "YOLO",
            "result": '{"count":1}',
            "confidence": 0.9,
            "detection_count": 1,
            "inference_time_ms": 12.5,
            "created_at": self.now,
            "updated_at": self.now,
        }
        with self.db.write() as conn:
            return self._insert(conn, Alert, values | columns)

    def row(self, frame_id: int) -> Any:
        """A frame as it stands in the ledger."""
        with self.db.read() as conn:
            return conn.execute(select(*Frame.__table__.c).where(Frame.id == frame_id)).one()

    def execute(self, statement: str) -> None:
        """Run a statement that writes."""
        with self.db.write() as conn:
            conn.execute(text(statement))

    @staticmethod
    def _insert(conn: Connection, table: Any, values: dict[str, Any]) -> int:
        result = conn.execute(insert(table).values(values))
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])


def _with_codes(values: dict[str, Any]) -> dict[str, Any]:
    reason = values["reason"]
    return values | reason_columns("reason", reason) if isinstance(reason, Reason) else values
