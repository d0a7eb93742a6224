"""The interface of a frame store; `open_store` opens the store that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from easyai.domain.frame import KeyRules


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture in the store."""

    key: str
    version: str  # changes when another picture is written under the key
    modified_at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class Listing:
    """Some keys that may be frames, from a listing of the store."""

    keys: list[str]
    first: bool  # the place was never listed before: its pictures may be old


def always() -> bool:
    """Return True."""
    return True


class Watch(Protocol):
    """What a scanner remembers of a store from scan to scan; its loss does no harm.

    Not safe between threads. `listings` and `whole_pictures` raise StoreUnavailableError when the
    store does not answer.
    """

    def listings(self, until: float, wants_more: Callable[[], bool] = always) -> Iterator[Listing]:
        """Keys to check, until a moment (monotonic); the next call continues from there.

        Every picture is listed when it is new or changed, and now and then. Pictures that may be
        old come last, and only while the caller `wants_more`. Alerts and failed frames are left
        out.
        """

    def again(self, keys: Sequence[str]) -> None:
        """Include these keys in the next listings: their pictures may have changed."""

    def whole_pictures(
        self, keys: Sequence[str], stable_sec: float, wary: Container[str]
    ) -> list[Picture]:
        """The whole pictures under these keys, in any order.

        Pictures that are still being written are listed again. `wary`: keys that had a picture
        before. That picture may be leaving or be written over, so it is checked twice. Raises
        InvalidKeyError for a key that no picture can have.
        """

    @property
    def cut(self) -> bool:
        """Whether the last listings ended before everything had been listed."""

    @property
    def unfinished(self) -> Collection[str]:
        """The keys of checked pictures that are still being written."""


class Carried(Enum):
    """The result of a move or a deletion; both may be repeated after a crash."""

    DONE = auto()
    MISSING = auto()  # the picture is neither at its key nor, for a move, at its target
    REPLACED = auto()  # another picture has the key: left alone, since it is a new frame
    TAKEN = auto()  # another picture has the target: nothing was moved


@dataclass(frozen=True, slots=True)
class Held:
    """The result of holding a picture: DONE, MISSING or REPLACED."""

    carried: Carried
    key: str  # when DONE, where the version is now


class Store(Protocol):
    """A place of pictures under keys.

    Every method raises StoreUnavailableError when the store does not answer, and InvalidKeyError
    for a key that no picture can have.
    """

    rules: KeyRules
    remote: bool  # a call is a network round trip: callers make many calls at once

    @property
    def ignores(self) -> tuple[str, ...]:
        """The names of tried conditions on requests that the store ignores."""

    def watch(self) -> Watch:
        """A new memory for a scanner."""

    def exists(self, key: str) -> bool:
        """Whether a file or an object exists under the key."""

    def gone(self, key: str) -> bool:
        """Whether the key does not exist and the store itself is certainly available."""

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """Version and content of a small file; None when the file does not exist.

        Raises StoreUnavailableError when the file is larger than `limit` bytes.
        """

    def version(self, key: str) -> str | None:
        """The version of the file under the key, or None."""

    def hold(self, key: str, frame_id: int, version: str) -> Held:
        """Check that a frame's picture still has the version, and protect it from writers.

        A folder renames the picture to a private name, where `move` and `delete` find it. A newer
        picture stays under the key. May be called again.
        """

    def keep(self, source: str, target: str, version: str) -> Carried:
        """Before the commit of an alert: make sure that its target gets this version.

        A store of whole objects copies the picture now. A folder checks the version again, and
        `move` moves the picture after the commit.
        """

    def drop_copy(self, source: str, target: str, version: str) -> Carried:
        """Undo a `keep` whose alert was not committed; another picture at its target stays."""

    def move(self, source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        """Move a frame's picture, held or not, if it still has the version; never overwrites.

        The version '' means any picture; `source` is a place of ours then.
        """

    def delete(self, key: str, version: str, frame_id: int = 0) -> Carried:
        """Delete a frame's picture, held or not, if it still has the version ('' for any)."""

    def discard(self, key: str, version: str) -> Carried:
        """Delete a picture that a `move` of this installation wrote.

        REPLACED when the picture belongs to someone else: it stays. The version '' means that the
        version is not known.
        """

    def held(self) -> Iterator[str]:
        """The keys of all pictures under private names."""

    def release(self, held: str) -> Carried:
        """Rename a picture from its private name to its own key; TAKEN when the key is in use."""

    def claim(self, content: bytes, *, replace: bool = False) -> bytes:
        """Write a claim of this store unless a claim exists; returns the present claim."""

    def url(self, key: str, ttl_sec: float) -> str:
        """A link that needs no credentials and is valid for at least `ttl_sec` seconds."""

    def free_percent(self) -> float | None:
        """Free percentage of the disk with the pictures; None where the store cannot know."""

    def check(self) -> None:
        """Raise StoreUnavailableError when the store cannot be used."""


@runtime_checkable
class PictureFiles(Protocol):
    """A store whose pictures are files here: our API serves them, and a backup copies them.

    `open` and `open_version` raise PictureNotFoundError when there is no such file.
    """

    root: Path

    def open(self, key: str) -> BinaryIO:
        """Open the file under a key. Raises InvalidKeyError for a key that leaves the folder."""

    def open_version(self, key: str, frame_id: int, version: str) -> BinaryIO:
        """Open a frame's picture, held or not, if it still has the version ('' for any)."""

    def require_readable(self) -> None:
        """Raise StoreUnavailableError when the files cannot be read."""

    def require_mounted(self) -> None:
        """Raise StoreUnavailableError when the root is empty: its disk may not be mounted."""
