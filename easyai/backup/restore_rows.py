"""Puts the rows of a backup into a database, and adapts them to the time of the restoration."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text

from easyai.backup import dumped_rows
from easyai.backup.archive import Reader
from easyai.backup.copied_rows import ROWS
from easyai.backup.progress_lines import Progress
from easyai.db import clock, events, generations, migrate, reasons
from easyai.db.events import Event
from easyai.domain.reason import Reason
from easyai.errors import BackupError
from easyai.store.keys import held_key
from easyai.store.local_folder import Folder

# New alert ids start above every id that the installation can have assigned since the backup,
# however often the same backup is restored. No installation reaches `_LEAST_A_SECOND` alerts a
# second, or ten times its own average.
_LEAST_GAP: Final = 100_000
_LEAST_A_SECOND: Final = 100.0
_TIMES_AVERAGE: Final = 10.0
_CHUNK: Final = 500

# They list the processes of the backup's machine.
_FORGET = ("processes", "process_leases")
_GIVE_BACK = text("""
    UPDATE frames SET state = 'pending', lease_token = NULL, lease_expires_at = NULL
     WHERE state = 'leased'
""")
_WAITING = text("SELECT id, key, version, image_path FROM frames WHERE settled_at IS NULL")
_GONE = text("""
    UPDATE frames SET state = 'done', outcome = 'missing', settled_at = :now, image_path = '',
                      reason = :reason, reason_code = :reason_code,
                      reason_args = :reason_args
     WHERE id = :id
""")
_REASON: Final = Reason("frame.not_in_backup")
_DELETE_ALERTS = text("DELETE FROM alerts WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_PATHS = text("""
    SELECT image_path FROM alerts WHERE image_path <> ''
    UNION SELECT image_target FROM frames WHERE image_target <> ''
    UNION SELECT image_path FROM frames WHERE image_path <> ''
""")


@dataclass(slots=True)
class Loaded:
    """The counts of restored rows."""

    waiting: int = 0  # frames that are inferred now
    gone: int = 0  # frames that waited and whose pictures do not exist any more
    next_alert_id: int = 0
    revision: str = ""


def load(
    conn: Connection,
    archive: Reader,
    folder: Folder | None,
    next_alert_id: int,
    progress: Progress,
) -> Loaded:
    """Make the tables and fill them, in the caller's transaction, which has dropped old tables.

    `folder` has the pictures of waiting frames; None: the pictures are in a bucket.
    """
    manifest = archive.manifest
    migrate.upgrade_within(conn, manifest["revision"])
    dumped_rows.clear(conn)
    progress.begin("rows")
    counts = _fill(conn, archive, progress)
    if counts != manifest["rows"]:
        raise BackupError(Reason("restore.rows_missing"))
    loaded = Loaded(revision=migrate.upgrade_within(conn))
    now = clock.now(conn)
    _make_true(conn, manifest, folder, loaded, now)
    loaded.next_alert_id = next_alert_id or _next_alert_id(manifest, now)
    if loaded.next_alert_id <= manifest["last_alert_id"]:
        last = manifest["last_alert_id"]
        raise BackupError(Reason.of("restore.alert_id_given", number=next_alert_id, last=last))
    dumped_rows.number_from(conn, loaded.next_alert_id)
    generations.bump_registry(conn)
    restored = Reason.of(
        "backup.restored",
        created=str(manifest["created"]),
        waiting=loaded.waiting,
        gone=loaded.gone,
        next_alert_id=loaded.next_alert_id,
    )
    events.add(conn, [Event(now, "restored", "", restored)])
    return loaded


def _next_alert_id(manifest: dict[str, Any], now: float) -> int:
    last, made = int(manifest["last_alert_id"]), float(manifest["created_at"])
    lived_sec = max(1.0, made - float(manifest["installed_at"]))
    rate = max(_LEAST_A_SECOND, _TIMES_AVERAGE * last / lived_sec)
    return last + max(_LEAST_GAP, int(max(0.0, now - made) * rate)) + 1


def _fill(conn: Connection, archive: Reader, progress: Progress) -> dict[str, int]:
    member = next((entry for entry in archive.members() if entry.name == ROWS), None)
    if member is None:
        raise BackupError(Reason.of("restore.no_rows", member=ROWS))
    counts: dict[str, int] = {}
    with gzip.GzipFile(fileobj=member.content) as unpacked:
        header = next(_values(unpacked, progress), None)
        while isinstance(header, dict):
            following: list[Any] = []
            rows = _until_header(_values(unpacked, progress), following)
            counts[header["table"]] = dumped_rows.load(
                conn, header["table"], header["columns"], rows
            )
            header = following[0] if following else None
    return counts


def _values(unpacked: gzip.GzipFile, progress: Progress) -> Iterator[Any]:
    for line in unpacked:
        progress.add(0)
        yield json.loads(line)


def _until_header(values: Iterator[Any], following: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            following.append(value)
            return
        yield value


def _make_true(
    conn: Connection, manifest: dict[str, Any], folder: Folder | None, loaded: Loaded, now: float
) -> None:
    for table in _FORGET:
        conn.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    conn.execute(_GIVE_BACK)
    deleted = manifest["alerts_deleted"]
    for start in range(0, len(deleted), _CHUNK):
        conn.execute(_DELETE_ALERTS, {"ids": deleted[start : start + _CHUNK]})
    waiting = list(conn.execute(_WAITING))
    gone = [row.id for row in waiting if folder is not None and not _is_there(folder, row)]
    if gone:
        why = reasons.columns("reason", _REASON)
        conn.execute(_GONE, [{"id": id_, "now": now, **why} for id_ in gone])
    loaded.waiting, loaded.gone = len(waiting) - len(gone), len(gone)


def _is_there(folder: Folder, row: Any) -> bool:
    if row.image_path:
        return folder.exists(row.image_path)
    return folder.exists(row.key) or folder.exists(held_key(row.key, row.id, row.version))


def known_paths(conn: Connection) -> set[str]:
    """The keys of pictures of alerts and failed frames, as the rows name them."""
    return set(chain(conn.execute(_PATHS).scalars()))
