"""The tables of the configuration: every key, its range and its default (contract, section 6).

All tables are imported from here; the tables of ``[ai_analysis]`` and ``[frame_extractor]`` have
files of their own.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from easyai.domain.reason import Reason
from easyai.masking import hide_secrets
from easyai.settings.addresses import spread_hosts
from easyai.settings.predecessor import listen_address, with_listen_address
from easyai.settings.schema_analysis import TRIPWIRE, AiAnalysis, TaskTypeSettings, parse_rate
from easyai.settings.schema_frames import CameraTask, FrameExtractor, Minio
from easyai.settings.schema_table import Table

__all__ = [
    "ANY_ADDRESS",
    "TRIPWIRE",
    "AiAnalysis",
    "CameraTask",
    "Easyai",
    "FrameExtractor",
    "Minio",
    "Settings",
    "TaskTypeSettings",
    "parse_rate",
]

_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
#: Listen addresses that mean every address of this machine.
ANY_ADDRESS: Final = ("", "::", "0.0.0.0")  # noqa: S104 - recognised, not bound


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0  # also raises for a port that is none
    except ValueError:
        return False
    is_whole = text.isprintable() and not re.search(r"""[\s"'<>\\]""", text)
    return parts.scheme in ("http", "https") and has_host and is_whole and "@" not in parts.netloc


class Easyai(Table):
    """``[easyai]``: the parts and the addresses of the installation."""

    database_url: str = ""  # '': SQLite in data_dir
    broker_url: str = ""  # '': files in data_dir
    data_dir: Path = Path("./data")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 5066
    public_url: str = ""  # how algorithm services reach this server; '': host and port
    secret_key: SecretStr = SecretStr("")  # signs picture links; '': made once in data_dir
    # approve: a service that was never registered waits for `easyai services approve ID`
    registration: Literal["open", "approve"] = "open"
    # From an address of another machine; 0: no limit
    registrations_per_minute: Annotated[int, Field(ge=0)] = 3000
    services_per_source: Annotated[int, Field(ge=0)] = 1000
    # For calls that only an operator may make from another machine; '': made once in data_dir
    operator_token: SecretStr = SecretStr("")
    # Whether other machines need a token for alerts and the diagnosis, too
    viewers: Literal["open", "token"] = "open"
    viewer_token: SecretStr = SecretStr("")  # allows only to look; '': made once in data_dir
    frames_token: SecretStr = SecretStr("")  # allows only POST /frames; '': the operator's alone
    # Whether /metrics also has a series for each camera with waiting frames
    metrics_by_camera: bool = False
    # Names by which browsers may reach this server, besides its own; "*.example.com": all below
    allowed_hosts: tuple[str, ...] = ()
    # Where people reach Flower, for the dashboard; '': at this server's own name, on port 5555
    flower_url: str = ""

    @field_validator("database_url")
    @classmethod
    def _database_hosts(cls, value: str) -> str:
        """Several hosts in the form of the database's library."""
        return spread_hosts(value)

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.strip().lower().rstrip(".") for name in value)
        for name in names:
            if not _HOST_NAME.fullmatch(name):
                shown = repr(hide_secrets(name)[:100])
                raise ValueError(Reason.of("settings.no_host_name", name=shown))
        return names

    @field_validator("host")
    @classmethod
    def _address(cls, value: str) -> str:
        """No brackets of a URL, and the same spelling for equal addresses: "[::0]" is "::"."""
        bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
        try:
            return str(ip_address(bare))
        except ValueError:  # a host name
            return value

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(Reason("settings.no_http_url"))
        return value.rstrip("/")

    @field_validator("flower_url")
    @classmethod
    def _link(cls, value: str) -> str:
        """A link without a login: the dashboard shows it to everybody who may look."""
        if value and not _is_link(value):
            raise ValueError(Reason("settings.no_link"))
        return value

    @property
    def effective_database_url(self) -> str:
        """The database in use: the configured database, else SQLite in ``data_dir``."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'easyai.db'}"

    @property
    def effective_public_url(self) -> str:
        """How algorithm services reach this server's picture links."""
        if self.public_url:
            return self.public_url
        host = "127.0.0.1" if self.host in ANY_ADDRESS else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class DefaultHttpConfig(Table):
    """``[defaulthttpconfig]``: where the predecessor listened."""

    httplistenaddr: str = ""  # ':5066', '127.0.0.1:5066'; a value in [easyai] wins

    @field_validator("httplistenaddr")
    @classmethod
    def _address(cls, value: str) -> str:
        listen_address(value)
        return value.strip()


class Settings(Table):
    """The whole configuration, checked and frozen."""

    ai_analysis: AiAnalysis = Field(default_factory=AiAnalysis)
    frame_extractor: FrameExtractor = Field(default_factory=FrameExtractor)
    easyai: Easyai = Field(default_factory=Easyai)
    defaulthttpconfig: DefaultHttpConfig = Field(default_factory=DefaultHttpConfig)

    @model_validator(mode="before")
    @classmethod
    def _listen_where_the_predecessor_did(cls, raw: Any) -> Any:
        return with_listen_address(raw)

    @property
    def task_types(self) -> frozenset[str]:
        """The task types that the settings name."""
        cameras = (task.task_type for task in self.frame_extractor.tasks if task.task_type)
        return frozenset({*self.ai_analysis.types, *self.frame_extractor.task_types, *cameras})
