"""Builds the parts of a process, in a single place: settings in, a small runtime out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar, assert_never, runtime_checkable

from easyai.db.installation import installation_id
from easyai.db.session import Database
from easyai.domain.frame import KeyRules
from easyai.domain.reason import Reason
from easyai.settings.schema import Settings
from easyai.settings.source import SettingsSource
from easyai.store.frame_store import Store
from easyai.store.local import LocalStore
from easyai.store.signing import LinkSigner, load_secret

log = logging.getLogger(__name__)

Part = TypeVar("Part")


class Doorbell(Protocol):
    """Wakes workers for task types."""

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Ask workers to infer these types soon; returns at once and never raises.

        A lost wake delays its frames by a scan.
        """

    def close(self) -> None:
        """Send the waiting rings, within a moment."""


class SilentDoorbell:
    """Wakes no worker: frames wait for the next scan."""

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


@runtime_checkable
class Closable(Protocol):
    """A part that holds connections."""

    def close(self) -> None:
        """Close the connections."""


class Runtime:
    """The parts that every process works with; safe between threads, a runtime per process."""

    def __init__(
        self,
        source: SettingsSource,
        db: Database,
        store: Store,
        signer: LinkSigner,
        doorbell: Doorbell,
    ) -> None:
        self._source = source
        self._first = self._last_read = self._in_force = source.current()
        self.db = db
        self.store = store
        self.signer = signer
        self.doorbell = doorbell
        self._parts: dict[Any, Any] = {}
        self._parts_lock = threading.RLock()  # a part may ask for another part

    @property
    def settings(self) -> Settings:
        """The settings in force now.

        The folders of alerts and failed frames stay as they were at the start, because the store
        leaves them out of its scans.
        """
        settings = self._source.current()
        if settings is not self._last_read:
            self._last_read = settings
            self._in_force = self._with_first_folders(settings)
        return self._in_force

    @property
    def settings_fault(self) -> Reason:
        """Why the settings file's present text is not in force; NO_REASON when it is in force."""
        return self._source.fault

    def _with_first_folders(self, settings: Settings) -> Settings:
        first, analysis = self._first.ai_analysis, settings.ai_analysis
        folders = {
            "alert_base_path": first.alert_base_path,
            "failed_base_path": first.failed_base_path,
        }
        if all(getattr(analysis, name) == folder for name, folder in folders.items()):
            return settings
        log.warning("alert_base_path and failed_base_path change with the next restart only")
        return settings.model_copy(update={"ai_analysis": analysis.model_copy(update=folders)})

    def part(self, kind: Callable[[Runtime], Part]) -> Part:
        """This process's only instance of a part that remembers something between calls."""
        with self._parts_lock:
            if kind not in self._parts:
                self._parts[kind] = kind(self)
            part: Part = self._parts[kind]
            return part

    def close(self) -> None:
        """Send the waiting rings and close every connection."""
        self.doorbell.close()
        for part in self._parts.values():
            if isinstance(part, Closable):
                part.close()
        self.db.dispose()


def open_runtime(
    source: SettingsSource | None = None,
    doorbell: Doorbell | None = None,
    *,
    make_folder: bool = True,
) -> Runtime:
    """Build the parts from the settings (read from file and environment when not given).

    Without `make_folder` a missing local frame folder stays missing, so that a check finds it.
    """
    source = source or SettingsSource()
    settings = source.current()
    own = settings.easyai
    secret = load_secret(own.secret_key.get_secret_value(), own.data_dir)
    db = Database(own.effective_database_url, must_exist=True)
    # Machines check links that other machines have signed: all use the database's clock.
    signer = LinkSigner(secret, own.effective_public_url, db.estimated_now)
    return Runtime(
        source,
        db,
        open_store(settings, signer, Owner(db), make_folder=make_folder),
        signer,
        doorbell or SilentDoorbell(),
    )


class Owner:
    """The id of this installation, read from its database at the first use."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._id = ""

    def __call__(self) -> str:
        """The id. Raises DatabaseUnavailableError."""
        if not self._id:
            with self._db.read() as conn:
                self._id = installation_id(conn)
        return self._id


def open_store(
    settings: Settings, signer: LinkSigner, owner: Callable[[], str], *, make_folder: bool = True
) -> Store:
    """The store that the settings name; makes a local folder that does not exist yet."""
    extractor, analysis = settings.frame_extractor, settings.ai_analysis
    excluded = (analysis.alert_base_path, analysis.failed_base_path)
    match extractor.store:
        case "minio":
            from easyai.store.minio import MinioStore

            base_path = extractor.minio.base_path.strip("/")
            rules = KeyRules(f"{base_path}/" if base_path else "", excluded)
            return MinioStore(extractor.minio, rules, owner)
        case "local":
            if make_folder:
                _make_folder(extractor.output_dir)
            return LocalStore(extractor.output_dir, KeyRules("", excluded), signer)
        case _:
            assert_never(extractor.store)


def _make_folder(folder: Path) -> None:
    # A folder that cannot be made counts as a store that does not answer, and recovers like it.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
