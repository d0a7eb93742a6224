"""Makes thumbnails, each a single time, and knows the sizes of the pictures."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, Final

from easyai.dashboard import stored_pictures
from easyai.dashboard.decoding import BrokenPictureError, noted_size, size_of, thumbnail
from easyai.dashboard.store_reads import StoreReads
from easyai.domain.picture_marks import Size
from easyai.errors import EasyaiError
from easyai.pipeline.links import open_picture
from easyai.runtime import Runtime
from easyai.store.preview_files import FOLDER, PreviewFiles, alert_name, frame_name

_MOST_SIZES: Final = 20_000
_MOST_BROKEN: Final = 10_000

Load = Callable[[], bytes]


class Thumbnails:
    """The thumbnails of an installation; a part of the runtime, safe between threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.files = PreviewFiles(runtime.settings.easyai.data_dir / FOLDER)
        self._lock = threading.Lock()
        self._making: dict[str, threading.Event] = {}
        self._sizes: OrderedDict[str, Size | None] = OrderedDict()
        self._broken: OrderedDict[str, str] = OrderedDict()

    def open(self, name: str, load: Load, check: Callable[[], object]) -> BinaryIO:
        """Open a thumbnail; makes it of the picture that `load` returns, if it is not kept yet.

        Threads that ask for the same thumbnail wait for the thread that makes it. `check` raises if
        the picture was deleted while the thumbnail was made: then the thumbnail is deleted, too.
        Raises BrokenPictureError, and what `load` and `check` raise.
        """
        while True:
            if (file := self.files.open(name)) is not None:
                return file
            with self._maker(name) as is_first:
                if is_first:
                    return self._make(name, load, check)

    def sizes_of_alerts(self, rows: Sequence[Any]) -> list[Size | None]:
        """The sizes of alerts' pictures; None also for a picture whose folder is late."""
        names = [alert_name(row) for row in rows]
        if stored_pictures.local_files(self._runtime) is not None:
            self._read_in_time(
                {
                    name: partial(self.size_of_alert, row)
                    for name, row in zip(names, rows, strict=True)
                    if row.image_path
                }
            )
        return [self.known_size(name) for name in names]

    def size_of_alert(self, row: Any) -> Size | None:
        """The size of an alert's picture; None when it is broken, or in a bucket and not yet seen.

        Reads the header of a picture in a folder, once.
        """
        files = stored_pictures.local_files(self._runtime)
        if files is None or not row.image_path:
            return self.known_size(alert_name(row))
        return self._size(
            alert_name(row), lambda: open_picture(self._runtime, files, row.image_path)
        )

    def size_of_frame(self, row: Any) -> Size | None:
        """The size of a frame's picture; None as in `sizes_of_alerts`, and when it is gone."""
        files, name = stored_pictures.local_files(self._runtime), frame_name(row)
        if files is not None and row.image_path != "":
            read = partial(self._size, name, lambda: stored_pictures.opened(files, row))
            self._read_in_time({name: read})
        return self.known_size(name)

    def known_size(self, name: str) -> Size | None:
        """The size that was read before, or that a thumbnail has noted; None: not known."""
        if name not in self._sizes and (size := self._noted(name)) is not None:
            self._remember(self._sizes, name, size, _MOST_SIZES)
        return self._sizes.get(name)

    def _size(self, name: str, open_it: Callable[[], BinaryIO]) -> Size | None:
        if (size := self.known_size(name)) is not None or name in self._sizes:
            return size
        try:
            with open_it() as file:
                size = size_of(file)
        except EasyaiError:
            return None  # perhaps it is just being moved
        self._remember(self._sizes, name, size, _MOST_SIZES)
        return size

    def _read_in_time(self, reads: Mapping[str, Callable[[], Any]]) -> None:
        self._runtime.part(StoreReads).run(
            {
                ("size", name): read
                for name, read in reads.items()
                if self.known_size(name) is None and name not in self._sizes
            }
        )

    @contextmanager
    def _maker(self, name: str) -> Iterator[bool]:
        """Whether this thread is to make the thumbnail; another thread has made it otherwise."""
        with self._lock:
            made = self._making.get(name)
            if made is None:
                self._making[name] = threading.Event()
        if made is not None:
            made.wait()
            yield False
            return
        try:
            yield True
        finally:
            with self._lock:
                self._making.pop(name).set()

    def _make(self, name: str, load: Load, check: Callable[[], object]) -> BinaryIO:
        if name in self._broken:
            raise BrokenPictureError(self._broken[name])
        if (file := self.files.open(name)) is not None:
            return file  # made since we looked
        content = load()
        try:
            made = thumbnail(content)
        except BrokenPictureError as error:
            self._remember(self._broken, name, str(error), _MOST_BROKEN)
            raise
        self.files.put(name, made)
        try:
            check()
        except EasyaiError:
            self.files.remove([name.partition("x")[0]])
            raise
        return self.files.open(name) or _in_memory(made)

    def _noted(self, name: str) -> Size | None:
        file = self.files.open(name)
        if file is None:
            return None
        with file:
            return noted_size(file)

    def _remember(self, kept: OrderedDict[str, Any], name: str, value: Any, most: int) -> None:
        with self._lock:
            kept[name] = value
            if len(kept) > most:
                kept.popitem(last=False)


def _in_memory(content: bytes) -> BinaryIO:
    """A file without a name, where the folder takes none."""
    descriptor = os.memfd_create("thumbnail")
    file = os.fdopen(descriptor, "w+b")
    file.write(content)
    file.seek(0)
    return file
