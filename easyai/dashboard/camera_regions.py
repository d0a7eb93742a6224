"""The regions of cameras, from their algo_config.json, read twice a minute at most."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from easyai.dashboard.store_reads import StoreReads
from easyai.domain.frame import ALGO_CONFIG_NAME
from easyai.domain.picture_marks import Outline, outlines
from easyai.errors import EasyaiError, StoreUnavailableError
from easyai.runtime import Runtime

_FRESH_SEC: Final = 30.0
_LARGEST: Final = 1_000_000  # bytes
_MOST_KEPT: Final = 2000  # cameras
_MOST_POINTS: Final = 200_000  # of all cameras together: about 25 MB

Camera = tuple[str, str]  # task type and camera


class CameraRegions:
    """The configurations of cameras; a part of the runtime, safe between threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._reads = runtime.part(StoreReads)
        self._lock = threading.Lock()
        self._kept: OrderedDict[Camera, tuple[float, list[Outline]]] = OrderedDict()
        self._points = 0  # in `_kept`

    def of(self, cameras: Iterable[Camera]) -> dict[Camera, list[Outline]]:
        """The regions of each camera; those read last while the store is late."""
        wanted = set(cameras)
        oldest = time.monotonic() - _FRESH_SEC
        with self._lock:
            stale = {camera for camera in wanted if self._read_at(camera) < oldest}
        self._reads.run({("regions", camera): partial(self._read, camera) for camera in stale})
        with self._lock:
            return {camera: self._kept.get(camera, (0.0, []))[1] for camera in wanted}

    def configs(self, cameras: Iterable[Camera]) -> dict[Camera, Any]:
        """The parsed algo_config of each camera; None where none was readable in time."""
        wanted = set(cameras)
        reads = {("config", camera): partial(self._config, camera) for camera in wanted}
        found = self._reads.run(reads)
        return {camera: found.get(("config", camera)) for camera in wanted}

    def _read_at(self, camera: Camera) -> float:
        return self._kept[camera][0] if camera in self._kept else float("-inf")

    def _read(self, camera: Camera) -> None:
        found = outlines(self._config(camera))
        with self._lock:
            self._drop(camera)
            self._kept[camera] = time.monotonic(), found
            self._points += _points(found)
            while len(self._kept) > _MOST_KEPT or self._points > _MOST_POINTS:
                self._drop(next(iter(self._kept)))

    def _drop(self, camera: Camera) -> None:
        _, dropped = self._kept.pop(camera, (0.0, []))
        self._points -= _points(dropped)

    def _config(self, camera: Camera) -> Any:
        """Raises StoreUnavailableError."""
        key = f"{self._store.rules.base_path}{camera[0]}/{camera[1]}/{ALGO_CONFIG_NAME}"
        try:
            read = self._store.read(key, _LARGEST)
            return json.loads(read[1].decode("utf-8-sig")) if read else None
        except StoreUnavailableError as error:
            if error.reason.code == "store.too_large":
                return None
            raise
        except (EasyaiError, ValueError, RecursionError):
            return None


def _points(found: Iterable[Outline]) -> int:
    return sum(len(outline.points) for outline in found)
