"""The interface of a frame store; `open_store` picks the one that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
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


class Carried(Enum):
    """What became of a move or a deletion; both may be asked for again after a crash."""

    DONE = auto()
    MISSING = auto()  # neither where it was nor where it should go
    REPLACED = auto()  # another picture stands under the key: left alone, it is a new frame
    TAKEN = auto()  # another picture stands under the target: nothing was moved


class Store(Protocol):
    """A place of pictures under keys.

    Every method raises StoreUnavailableError when the store does not answer, and InvalidKeyError
    for a key that no picture can have.
    """

    rules: KeyRules
    remote: bool  # a call is a network round trip: worth many at once

    def walk(self) -> Iterator[list[str]]:
        """Every key that may be a frame, page by page; alerts and failed frames are left out."""

    def kept(self, folder: str, after: str, most: int) -> list[Picture]:
        """Up to `most` pictures below a folder (its key ends with '/') whose keys follow `after`.

        In the order of their keys; fewer than `most` are the last ones. Leftovers of a move that
        was cut short come with them, see `is_leftover`.
        """

    def ready(self, key: str, stable_sec: float) -> Picture | None:
        """The picture, or None while it is still being written or when it has gone."""

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

    def move(self, source: str, target: str, version: str) -> Carried:
        """Move a picture, if it still is the given version ('' for any); never overwrites."""

    def delete(self, key: str, version: str) -> Carried:
        """Delete a picture, if it still is the given version."""

    def url(self, key: str, ttl_sec: float) -> str:
        """A link that needs no credentials and lives for at least `ttl_sec` seconds."""

    def free_percent(self) -> float | None:
        """How much of the disk that pictures lie on is free; None where that cannot be told."""

    def check(self) -> None:
        """Raise StoreUnavailableError when the store cannot be used."""
