"""After a power loss with torn files ``easyai up`` starts and infers by itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.waiting import wait_until

TORN = "断电撕裂"
_random = random.Random(20261124)


def _tear_state(data: Path) -> None:
    """Everything but the database, as writes that never reached the disk leave it."""
    broker = data / "broker"
    for queue in ("easyai", f"infer.{TORN}"):
        (broker / "queue" / f"00000000000000000001_torn.{queue}.msg").write_bytes(b"")
        (broker / "claimed" / f".00000000000000000002_torn.{queue}.msg").write_bytes(b'{"bo')
    for table in (broker / "control").iterdir():
        table.write_bytes(table.read_bytes()[:5])
    for name in ("run/up.lock", "secret.key"):
        (data / name).write_bytes(b"")
    config = data / "run" / "supervisord.conf"
    config.write_bytes(config.read_bytes()[:40])
    for path in (data / "logs").iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"\0" * 100)


def _garbage_behind_the_last_commit(data: Path) -> None:
    """An unsynced write: half a page behind the last whole commit."""
    with (data / "easyai.db-wal").open("ab") as wal:
        wal.write(_random.randbytes(_random.randrange(30, 4000)))
    (data / "easyai.db-shm").write_bytes(b"")


def _log_cut_off_anywhere(data: Path) -> None:
    """A disk that lied about its last syncs."""
    wal = data / "easyai.db-wal"
    wal.write_bytes(wal.read_bytes()[: _random.randrange(wal.stat().st_size)])
    (data / "easyai.db-shm").write_bytes(_random.randbytes(32768))


def test_easyai_starts_and_infers_after_torn_files(forked: EasyaiProcess) -> None:
    forked.config.write_text("[ai_analysis]\nlease_sec = 3\n", encoding="utf-8")
    forked.start()
    site = Outside(forked.url, forked.frames)
    with AlgorithmStub("torn", (TORN,), delay=0.2) as stub:
        stub.register(site.url)
        # Long before the power loss, as services in the field: an orderly end empties the log.
        forked.stop()
        assert not (forked.data / "easyai.db-wal").exists()
        forked.start()
        keys = _lose_power_in_mid_work(forked, site, stub, "之前", _garbage_behind_the_last_commit)
        site.assert_one_alert_each(keys, timeout=30)
        _assert_later_frames_are_inferred(site, stub, "之后")
        _lose_power_in_mid_work(forked, site, stub, "又前", _log_cut_off_anywhere)
        _assert_later_frames_are_inferred(site, stub, "又后")


def _lose_power_in_mid_work(
    easyai: EasyaiProcess,
    site: Outside,
    stub: AlgorithmStub,
    camera: str,
    tear: Callable[[Path], None],
) -> list[str]:
    """Kill everything amid the frames of a camera, tear the files, start; the frames' keys."""
    seen = stub.count
    keys = site.put_many(20, TORN, camera)
    wait_until(lambda: stub.count >= seen + 4, 15, "in mid-work")
    easyai.kill_everything()
    _tear_state(easyai.data)
    tear(easyai.data)
    easyai.start()
    return keys


def _assert_later_frames_are_inferred(site: Outside, stub: AlgorithmStub, camera: str) -> None:
    later = set(site.put_many(3, TORN, camera))
    wait_until(lambda: later <= set(stub.image_paths), 20, "later frames are inferred")
