"""OpenStack Swift in a single process: its proxy with the S3 API, and the three servers behind it.

A program of its own, because Swift runs on eventlet:
``swift_process.py FOLDER PORT REGION PAGE HOST``.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns of itself
    import eventlet  # type: ignore[import-untyped,unused-ignore]
    from eventlet import wsgi  # type: ignore[import-untyped,unused-ignore]

from swift.common import utils  # type: ignore[import-untyped]
from swift.common.ring import RingBuilder  # type: ignore[import-untyped]
from swift.common.wsgi import loadapp  # type: ignore[import-untyped]

_KINDS = ("account", "container", "object")
_COMMON = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
"""
_STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth copy proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
max_bucket_listing = {page}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_viewer = viewing
[filter:copy]
use = egg:swift#copy
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def main(folder: Path, port: int, region: str, page: int, host: str) -> None:
    """Serve until killed; the proxy listens on `host`, its servers on loopback."""
    os.fsync = os.fdatasync = lambda fd: None  # durability off for speed
    utils.eventlet_monkey_patch()
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = test\n")
    utils.set_swift_dir(str(folder))
    listeners = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in _KINDS}
    for kind, listener in listeners.items():
        _write_ring(folder, kind, listener.getsockname()[1])
    servers = []
    for kind, listener in listeners.items():
        servers.append(_serve(folder, kind, listener, _STORAGE.format(kind=kind)))
    listener = eventlet.listen((host, port))
    servers.append(_serve(folder, "proxy", listener, _PROXY.format(region=region, page=page)))
    for server in servers:
        server.wait()


def _write_ring(folder: Path, kind: str, port: int) -> None:
    # 2 to the power of 4 partitions, 1 replica, to be moved at any hour.
    builder = RingBuilder(4, 1, 0)
    disk = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1}
    builder.add_dev(disk)
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def _serve(folder: Path, kind: str, listener: Any, pipeline: str) -> Any:
    config = folder / f"{kind}-server.conf"
    config.write_text(_COMMON.format(folder=folder) + pipeline)
    return eventlet.spawn(wsgi.server, listener, loadapp(str(config)), log_output=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
