"""The regions of cameras, from their algo_config.json, read twice a minute at most."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from easyai.domain.frame import ALGO_CONFIG_NAME
from easyai.errors import EasyaiError
from easyai.runtime import Runtime

_FRESH_SEC: Final = 30.0
_LARGEST: Final = 1_000_000  # bytes
_MOST_KEPT: Final = 2000
_AT_ONCE: Final = 8  # reads of a store that is far away

Camera = tuple[str, str]  # task type and camera


class CameraRegions:
    """The configurations of cameras; a part of the runtime, safe between threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._lock = threading.Lock()
        self._kept: OrderedDict[Camera, tuple[float, Any]] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None

    def of(self, cameras: Iterable[Camera]) -> dict[Camera, Any]:
        """The parsed algo_config of each camera; None for a camera without a readable file."""
        wanted = set(cameras)
        now = time.monotonic()
        with self._lock:
            found = {
                camera: kept[1]
                for camera in wanted
                if (kept := self._kept.get(camera)) is not None and now - kept[0] < _FRESH_SEC
            }
        missing = sorted(wanted - set(found))
        if len(missing) > 1 and self._store.remote:
            found |= zip(missing, self._threads().map(self._read, missing), strict=True)
        else:
            found |= {camera: self._read(camera) for camera in missing}
        return found

    def close(self) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="regions")
            return self._pool

    def _read(self, camera: Camera) -> Any:
        key = f"{self._store.rules.base_path}{camera[0]}/{camera[1]}/{ALGO_CONFIG_NAME}"
        try:
            read = self._store.read(key, _LARGEST)
            config = json.loads(read[1].decode("utf-8-sig")) if read else None
        except (EasyaiError, ValueError, RecursionError):
            config = None
        with self._lock:
            self._kept[camera] = time.monotonic(), config
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return config
