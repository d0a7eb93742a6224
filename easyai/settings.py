"""The only reader of the configuration file and the environment.

The file is the operators' TOML (contract, section 6). Every key has an environment variable that
wins over the file: ``EASYAI_AI_ANALYSIS__SCAN_INTERVAL_SEC`` for a key of a section, and for our
own table ``[easyai]`` the short form ``EASYAI_DATABASE_URL``. ``EASYAI_CONFIG`` names the file.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard

import tomli
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from easyai.errors import SettingsError

log = logging.getLogger(__name__)

TRIPWIRE = "绊线人数统计"
_ENV_PREFIX = "EASYAI_"
_OWN_TABLE = "easyai"
# Variables that start like a key of ours but are none: the file's name and process markers.
_ENV_NOT_KEYS = frozenset({"EASYAI_CONFIG", "EASYAI_SUPERVISED"})

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class _Table(BaseModel):
    """A frozen TOML table; keys that are not ours are left to other plugins."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class TaskTypeSettings(_Table):
    """``[ai_analysis.types."<task_type>"]``: what differs for one task type."""

    max_concurrent: Count | None = None  # requests in flight for this type, over all workers
    # task_id: every frame of one camera to one endpoint, one at a time and in time order
    affinity: Literal["none", "task_id"] | None = None


class AiAnalysis(_Table):
    """``[ai_analysis]``: scanning, inference and alerts."""

    enable: bool = True
    scan_interval_sec: Annotated[float, Field(ge=0.05, le=3600)] = 1.0
    mq_type: Literal["kafka", "rabbitmq", "redis", "none"] = "none"
    mq_address: str = ""
    mq_topic: str = "easyai.alerts"
    heartbeat_timeout_sec: Seconds = 60.0
    max_concurrent_infer: Count = 100  # requests in flight over all workers
    max_queue_size: Annotated[int, Field(ge=0)] = 5000  # waiting frames that count as a backlog
    save_only_with_detection: bool = True
    alert_base_path: str = "alerts/"
    alert_batch_size: Count = 100
    alert_batch_interval_sec: Seconds = 2.0
    alert_image_move_concurrent: Count = 50
    max_alerts_in_db: Annotated[int, Field(ge=0)] = 1000  # 0 = no limit

    # What this project adds.
    failed_base_path: str = "failed/"
    infer_timeout_sec: Seconds = 30.0  # one request to an algorithm, picture download included
    lease_sec: Seconds = 15.0  # a lease not renewed for this long returns to pending
    max_attempts: Count = 3  # answers success:false before a frame is failed
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100  # frames leased in one transaction
    frame_stable_sec: Seconds = 2.0  # a picture without its end marker waits this long unchanged
    types: dict[str, TaskTypeSettings] = Field(default_factory=dict)

    @field_validator("alert_base_path", "failed_base_path")
    @classmethod
    def _folder(cls, value: str) -> str:
        parts = [part for part in value.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts or ".." in parts:
            raise ValueError("must be a folder below the store, such as 'alerts/'")
        return "/".join(parts) + "/"

    def affinity(self, task_type: str) -> bool:
        """Whether every frame of one camera goes to one endpoint, one at a time and in order."""
        own = self.types.get(task_type)
        if own is not None and own.affinity is not None:
            return own.affinity == "task_id"
        return task_type == TRIPWIRE

    def type_limit(self, task_type: str) -> int | None:
        """Requests in flight allowed for this type over all workers; None: no limit of its own."""
        own = self.types.get(task_type)
        return own.max_concurrent if own else None


class CameraTask(_Table):
    """One of ``[[frame_extractor.tasks]]``: a camera."""

    id: str = ""
    task_type: str = ""
    preferred_algorithm_endpoint: str = ""


class Minio(_Table):
    """``[frame_extractor.minio]``: the object store."""

    endpoint: str = ""
    bucket: str = ""
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    use_ssl: bool = False
    base_path: str = ""


class FrameExtractor(_Table):
    """``[frame_extractor]``: where frames come from."""

    store: Literal["local", "minio"] = "local"
    output_dir: Path = Path("./snapshots")
    task_types: tuple[str, ...] = ()
    tasks: tuple[CameraTask, ...] = ()
    minio: Minio = Field(default_factory=Minio)

    def preferred_endpoint(self, task_type: str, task_id: str) -> str:
        """The endpoint an operator chose for this camera, or ''."""
        for task in self.tasks:
            if task.id == task_id and task.task_type in ("", task_type):
                return task.preferred_algorithm_endpoint
        return ""


class Easyai(_Table):
    """``[easyai]``: what the installation is made of."""

    database_url: str = ""  # '': SQLite in data_dir
    broker_url: str = ""  # '': files in data_dir
    data_dir: Path = Path("./data")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 5066
    public_url: str = ""  # how algorithm services reach this server; '': host and port
    secret_key: SecretStr = SecretStr("")  # signs picture links; '': made once in data_dir

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @property
    def effective_database_url(self) -> str:
        """The database in use: the one configured, else SQLite in ``data_dir``."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'easyai.db'}"

    @property
    def effective_public_url(self) -> str:
        """How algorithm services reach this server's picture links."""
        if self.public_url:
            return self.public_url
        host = "127.0.0.1" if self.host in ("", "0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Settings(_Table):
    """The whole configuration, checked and frozen."""

    ai_analysis: AiAnalysis = Field(default_factory=AiAnalysis)
    frame_extractor: FrameExtractor = Field(default_factory=FrameExtractor)
    easyai: Easyai = Field(default_factory=Easyai)


def load(path: Path | None = None) -> Settings:
    """Read file and environment.

    Raises SettingsError naming the key and what it takes. Keys nobody here knows are logged in one
    line and ignored.
    """
    settings, unknown = load_with_unknown(path)
    if unknown:
        log.info("settings keys of other plugins ignored: %s", ", ".join(unknown))
    return settings


def load_with_unknown(path: Path | None = None) -> tuple[Settings, list[str]]:
    """As `load`, with the keys of the file that are not ours, for ``easyai config check``."""
    path = path or config_path()
    raw = _read_toml(path) if path else {}
    unknown = _unknown_keys(raw, Settings, "")
    _overlay_environment(raw, os.environ)
    try:
        return Settings.model_validate(raw), unknown
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from None


def config_path() -> Path | None:
    """The file named by ``EASYAI_CONFIG``, or None for defaults only."""
    name = os.environ.get("EASYAI_CONFIG", "")
    return Path(name) if name else None


class SettingsSource:
    """The settings in force: read again when the file changes.

    A file that does not parse keeps the old values and is reported once. Safe between threads.
    """

    CHECK_EVERY_SEC = 1.0

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or config_path()
        self._lock = threading.Lock()
        self._signature = self._seen = self._stat()
        self._settings = load(self._path)
        self._checked_at = time.monotonic()

    def current(self) -> Settings:
        """The settings in force now; costs one ``stat`` a second at most."""
        if time.monotonic() - self._checked_at < self.CHECK_EVERY_SEC:
            return self._settings
        with self._lock:
            self._checked_at = time.monotonic()
            signature = self._stat()
            # An empty file counts at the second look: it may be about to be written.
            empty = signature is not None and signature[1] == 0
            if signature != self._signature and (not empty or signature == self._seen):
                self._signature = signature
                self._reload()
            self._seen = signature
        return self._settings

    def _reload(self) -> None:
        try:
            self._settings, _ = load_with_unknown(self._path)
        except SettingsError as error:
            log.error("settings not reloaded, the old values stay in force: %s", error)  # noqa: TRY400
        else:
            log.info("settings reloaded from %s", self._path)

    def _stat(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; set EASYAI_CONFIG to one that exists") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None


def _overlay_environment(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        if not name.startswith(_ENV_PREFIX) or name in _ENV_NOT_KEYS:
            continue
        parts = name[len(_ENV_PREFIX) :].lower().split("__")
        if len(parts) == 1:
            parts = [_OWN_TABLE, *parts]
        if not _is_key(parts):
            continue
        table = raw
        for part in parts[:-1]:
            child = table.setdefault(part, {})
            if not isinstance(child, dict):
                raise SettingsError(f"{name}: '{part}' in the file is not a table")
            table = child
        table[parts[-1]] = _parse_environment(name, value)


def _is_key(parts: list[str]) -> bool:
    model: Any = Settings
    for part in parts:
        if not _is_table(model):
            return False
        field = model.model_fields.get(part)
        if field is None:
            return False
        model = field.annotation
    return True


def _is_table(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _parse_environment(name: str, value: str) -> Any:
    if value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{name}: not valid JSON: {error}") from None
    return value


def _unknown_keys(raw: Mapping[str, Any], model: type[BaseModel], prefix: str) -> list[str]:
    unknown = []
    for key, value in raw.items():
        field = model.model_fields.get(key)
        if field is None:
            unknown.append(prefix + key)
        elif _is_table(field.annotation) and isinstance(value, dict):
            unknown += _unknown_keys(value, field.annotation, f"{prefix}{key}.")
    return unknown


def _given(key: str, value: Any) -> str:
    """The value as it was given, unless it is or may hold a secret."""
    plain = isinstance(value, str | int | float | bool)
    if not plain or any(word in key for word in ("secret", "key", "url", "address")):
        return ""
    return f" (got {value!r})"


def _explain(error: ValidationError, path: Path | None) -> str:
    where = f"{path}: " if path else ""
    problems = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        problems.append(f"{key}: {item['msg']}{_given(key, item['input'])}")
    return where + "; ".join(problems)
