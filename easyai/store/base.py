"""The interface of a frame store; `open_store` picks the one that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from easyai.domain.frame import KeyRules


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture in the store."""

    key: str
    version: str  # changes when somebody writes another picture under the key
    modified_at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class Listing:
    """Some keys that may be frames, as a look over the store found them."""

    keys: list[str]
    first: bool  # nobody has looked there before: what lies there may have lain there for long


def always() -> bool:
    """True."""
    return True


class Watch(Protocol):
    """What one scanner remembers of a store from look to look; lost without harm.

    Not safe between threads. Both looks raise StoreUnavailableError when the store does not answer.
    """

    def listings(self, until: float, room: Callable[[], bool] = always) -> Iterator[Listing]:
        """Keys to look at, until a moment (monotonic); the next call goes on from there.

        Every picture comes when it is new or changed, and now and then; what may be old comes last,
        and only as long as there is `room`. Alerts and failed frames are left out.
        """

    def again(self, keys: Sequence[str]) -> None:
        """Offer these keys with the next listings: something may have changed under them."""

    def look(self, keys: Sequence[str], stable_sec: float, wary: Container[str]) -> list[Picture]:
        """The pictures under these keys that are whole, in any order.

        Those still being written are offered again. `wary`: keys under which something lay before;
        it may be on its way out, or be written over, and is looked at twice. Raises
        InvalidKeyError for a key that no picture can have.
        """

    @property
    def cut(self) -> bool:
        """Whether the last listings ended before everything had been listed."""

    @property
    def unfinished(self) -> Collection[str]:
        """The keys of pictures that were looked at and are still being written."""


class Carried(Enum):
    """What became of a move or a deletion; both may be asked for again after a crash."""

    DONE = auto()
    MISSING = auto()  # neither where it was nor, for a move, where it should go
    REPLACED = auto()  # another picture stands under the key: left alone, it is a new frame
    TAKEN = auto()  # another picture stands under the target: nothing was moved


@dataclass(frozen=True, slots=True)
class Held:
    """What came of holding a picture: DONE, MISSING or REPLACED."""

    carried: Carried
    key: str  # where the very version lies now, when DONE


class Store(Protocol):
    """A place of pictures under keys.

    Every method raises StoreUnavailableError when the store does not answer, and InvalidKeyError
    for a key that no picture can have.
    """

    rules: KeyRules
    remote: bool  # a call is a network round trip: worth many at once

    @property
    def ignores(self) -> tuple[str, ...]:
        """Conditions on requests that it ignores, by name, as far as they were tried."""

    def watch(self) -> Watch:
        """A new memory, for one scanner."""

    def exists(self, key: str) -> bool:
        """Whether something lies under the key."""

    def gone(self, key: str) -> bool:
        """Whether nothing lies under the key and the store itself is surely there."""

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """Version and content of a small file; None when there is none.

        Raises StoreUnavailableError when it is larger than `limit` bytes.
        """

    def version(self, key: str) -> str | None:
        """The version of what lies under the key, or None."""

    def hold(self, key: str, frame_id: int, version: str) -> Held:
        """Look whether the picture of a frame still is the version, and keep writers from it.

        A folder gives it a private name, where it is found again by `move` and `delete`. A newer
        picture stays under the key. May be called again.
        """

    def keep(self, source: str, target: str, version: str) -> Carried:
        """Before the commit of an alert: make sure that its target gets the very version.

        A store of whole objects copies it there now; a folder looks once more, and `move` brings
        it there after the commit.
        """

    def drop_copy(self, source: str, target: str, version: str) -> Carried:
        """Undo a `keep` whose alert was not committed; anything else at its target stays."""

    def move(self, source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        """Move a frame's picture, held or not, if it still is the version; never overwrites.

        '' for a version: whatever lies there, which is a place of ours.
        """

    def delete(self, key: str, version: str, frame_id: int = 0) -> Carried:
        """Delete a frame's picture, held or not, if it still is the version ('' for any)."""

    def discard(self, key: str, version: str) -> Carried:
        """Delete a picture that a `move` of this installation has put there.

        REPLACED when it is another's, which stays. '' for a version that is not known.
        """

    def held(self) -> Iterator[str]:
        """The keys of pictures under private names, whatever frame they are of."""

    def release(self, held: str) -> Carried:
        """Give a picture under a private name its own key again; TAKEN when that is not free."""

    def claim(self, content: bytes, *, replace: bool = False) -> bytes:
        """Write who uses this store, unless that stands there already; what stands there then."""

    def url(self, key: str, ttl_sec: float) -> str:
        """A link that needs no credentials and lives for at least `ttl_sec` seconds."""

    def free_percent(self) -> float | None:
        """How much of the disk that pictures lie on is free; None where that cannot be told."""

    def check(self) -> None:
        """Raise StoreUnavailableError when the store cannot be used."""
