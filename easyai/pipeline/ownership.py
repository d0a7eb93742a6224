"""Makes sure that a store belongs to one installation: two would take each other's frames away.

A claim in the store names the installation that uses the store. The first installation writes the
claim; each process reads it at its start and once a minute. Installations with separate base paths
in the same bucket have separate claims, and may share a folder of alerts.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from easyai.db import clock
from easyai.db.installation import installation_id
from easyai.domain.alert import utc_text
from easyai.domain.reason import Reason, quote
from easyai.errors import StoreClaimedError
from easyai.runtime import Runtime
from easyai.store.local_folder import CLAIM_KEY
from easyai.system.modes import keep_others_out, make_folder, opener

__all__ = [
    "CLAIM_KEY",
    "Claim",
    "Ownership",
    "claim_of_folder",
    "claims",
    "folder_token",
    "require_store",
    "take_over",
]

log = logging.getLogger(__name__)

_CHECK_EVERY_SEC: Final = 60.0
_TOKEN_NAME: Final = "store.claim"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class Claim:
    """Who uses a store."""

    installation: str  # the id in its database
    host: str
    data_dir: str
    since: str  # ISO 8601, UTC
    # The token in its data folder: the same folder with a new database keeps the store.
    folder_token: str = ""


class Ownership:
    """The claim, as a process checks it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._checked_at = float("-inf")

    def check(self) -> None:
        """Make sure, once a minute, that the store is ours.

        Raises StoreClaimedError, StoreUnavailableError or DatabaseUnavailableError.
        """
        if time.monotonic() - self._checked_at < _CHECK_EVERY_SEC:
            return
        require_store(self._runtime)
        self._checked_at = time.monotonic()


def require_store(runtime: Runtime) -> None:
    """Claim the store; raises StoreClaimedError if another installation has claimed it."""
    own, there = claims(runtime)
    if there.installation == own.installation:
        return
    if own.folder_token and there.folder_token == own.folder_token:
        log.warning(
            "the database of this data folder is new, its frame store is claimed anew: "
            "before=%s now=%s",
            there.installation,
            own.installation,
        )
        take_over(runtime)
        return
    raise StoreClaimedError(
        Reason.of(
            "store.claimed",
            host=quote(there.host),
            data_folder=quote(there.data_dir),
            since=quote(there.since),
        )
    )


def take_over(runtime: Runtime) -> Claim:
    """Claim the store, even if another installation has it; returns the new claim."""
    return _read(runtime.store.claim(_written(_own(runtime)), replace=True))


def claim_of_folder(root: Path) -> Claim | None:
    """The claim in a local folder of frames; None if no installation has claimed the folder."""
    try:
        return _read((root / CLAIM_KEY).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def claims(runtime: Runtime) -> tuple[Claim, Claim]:
    """Our claim and the claim in the store; our claim is written if there was none."""
    own = _own(runtime)
    return own, _read(runtime.store.claim(_written(own)))


def _own(runtime: Runtime) -> Claim:
    data_dir = runtime.settings.easyai.data_dir.absolute()
    with runtime.db.read() as conn:
        own_id, now = installation_id(conn), clock.now(conn)
    return Claim(own_id, socket.gethostname(), str(data_dir), utc_text(now), folder_token(data_dir))


def folder_token(data_dir: Path) -> str:
    """The token that identifies a data folder, created if missing; '' if it cannot be stored."""
    path = data_dir / _TOKEN_NAME
    try:
        make_folder(data_dir)
        if not path.exists():
            draft = path.with_name(f"{_TOKEN_NAME}.{secrets.token_hex(4)}")
            with open(draft, "w", encoding="ascii", opener=opener) as file:
                file.write(secrets.token_hex(16))
            try:
                os.link(draft, path)  # if two processes write at once, the first token stays
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        keep_others_out(path)  # made by an earlier release
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _written(claim: Claim) -> bytes:
    return json.dumps(asdict(claim), ensure_ascii=False, indent=1).encode()


def _read(content: bytes) -> Claim:
    try:
        saved = json.loads(content)
        known = {name: str(saved.get(name, "")) for name in Claim.__dataclass_fields__}
    except (ValueError, AttributeError):
        return Claim("", "?", "?", "?")
    return Claim(**known)
