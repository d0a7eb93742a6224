"""``[ai_analysis]`` and its table for each task type."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, field_validator

from easyai.domain.reason import Reason
from easyai.domain.unicode_form import nfc
from easyai.masking import hide_secrets
from easyai.settings.addresses import BusKind
from easyai.settings.predecessor import DEFAULT_FOR_NOTHING, is_nothing
from easyai.settings.schema_table import Count, Seconds, Table

TRIPWIRE: Final = "绊线人数统计"

_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*([smh])\s*")
_RATE_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_PER_SEC = 1_000_000.0


@lru_cache(maxsize=1024)
def parse_rate(text: str) -> float:
    """Frames a second of "30/s", "100/m" or "1000/h"; 0 for "".

    Raises ValueError with a reason for any other text, and for a rate of 0 ("0/s").
    """
    if not text.strip():
        return 0.0
    match = _RATE.fullmatch(text)
    per_sec = float(match[1]) / _RATE_UNITS[match[2]] if match else 0.0
    if not 0 < per_sec <= _MOST_PER_SEC:
        raise ValueError(Reason("settings.no_rate"))
    return per_sec


class TaskTypeSettings(Table):
    """``[ai_analysis.types."<task_type>"]``: the settings of a task type that differ."""

    max_concurrent: Count | None = None  # requests in flight for this type, over all workers
    # task_id: all frames of a camera go to the same endpoint, singly and in time order
    affinity: Literal["none", "task_id"] | None = None
    # In overload, types of a lower priority give way first.
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    # Every n-th frame of each camera is inferred; auto: as many as the algorithms keep up with.
    sampling: Literal["auto"] | Annotated[int, Field(ge=1, le=10_000)] = 1
    rate_limit: str = ""  # frames sent to algorithms, over all workers: "30/s", "100/m"; "": any

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, value: str) -> str:
        parse_rate(value)
        return value.replace(" ", "")

    @property
    def rate_per_sec(self) -> float:
        """Frames a second that may be sent; 0: no limit."""
        return parse_rate(self.rate_limit)


_NOTHING_DIFFERS = TaskTypeSettings()
_HEARTBEAT_TIMEOUT_OF_NOTHING = 90.0  # heartbeat_timeout_sec = 0


class AiAnalysis(Table):
    """``[ai_analysis]``: scanning, inference and alerts."""

    nothing_is_default = DEFAULT_FOR_NOTHING

    enable: bool = True
    scan_interval_sec: Annotated[float, Field(ge=0.05, le=3600)] = 1.0
    mq_type: BusKind = "none"
    mq_address: str = ""
    mq_topic: str = "easyai.alerts"
    heartbeat_timeout_sec: Seconds = 60.0
    max_concurrent_infer: Count = 100  # requests in flight over all workers
    max_queue_size: Annotated[int, Field(ge=1)] = 5000  # waiting frames that count as a backlog
    save_only_with_detection: bool = True
    alert_base_path: str = "alerts/"
    alert_batch_size: Count = 100
    alert_batch_interval_sec: Seconds = 2.0
    alert_image_move_concurrent: Count = 50
    max_alerts_in_db: Annotated[int, Field(ge=0)] = 1000  # 0 = no limit

    # Keys that this project adds.
    mq_system_topic: str = ""  # topic of system alarms; '': mq_topic with .system behind it
    failed_base_path: str = "failed/"
    infer_timeout_sec: Seconds = 30.0  # for a request to an algorithm, picture download included
    lease_sec: Seconds = 15.0  # after this time without renewal the frame returns to pending
    max_attempts: Count = 3  # answers success:false before a frame is failed
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100  # frames leased in a transaction
    frame_stable_sec: Seconds = 2.0  # a picture without its end marker must stay unchanged so long
    # When services live but are too slow and more than max_queue_size frames wait; wait drops none.
    queue_full_strategy: Literal["wait", "drop_oldest", "drop_newest", "latest_only"] = "wait"
    # Frames that wait longer are given up; 0 = never.
    outage_retention_hours: Annotated[float, Field(ge=0, le=87_600)] = 24.0
    # When less of the disk is free, parked frames are given up, the oldest first; 0 = never.
    disk_min_free_percent: Annotated[float, Field(ge=0, le=50)] = 5.0
    failed_retention_days: Annotated[float, Field(ge=0, le=3650)] = 30.0  # 0 = for ever
    # Settled frames stay in the history for so long, and so many of them; 0 = no limit.
    history_retention_days: Annotated[float, Field(ge=0, le=3650)] = 7.0
    max_history_rows: Annotated[int, Field(ge=0)] = 2_000_000
    # Task types besides the types in the settings; each has a queue in the broker.
    max_task_types: Annotated[int, Field(ge=1, le=10_000)] = 1000

    stall_alarm_sec: Seconds = 30.0  # alarm when frames wait and none succeeds for this long
    alarm_repeat_sec: Annotated[float, Field(ge=1, le=604_800)] = 3600.0
    high_drop_rate_percent: Annotated[float, Field(gt=0, le=100)] = 10.0
    slow_inference_ms: Annotated[float, Field(gt=0)] = 5000.0  # mean of a task type
    notify_urls: tuple[SecretStr, ...] = ()  # Apprise URLs of the people to notify
    # Networks in which services are called; empty: the networks that fit our listen address.
    service_networks: tuple[str, ...] = ()
    types: dict[str, TaskTypeSettings] = Field(default_factory=dict)

    @field_validator("mq_type", mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("heartbeat_timeout_sec", mode="before")
    @classmethod
    def _timeout(cls, value: Any) -> Any:
        # Not the default of an absent key, since the predecessor's own file set 60.
        return _HEARTBEAT_TIMEOUT_OF_NOTHING if is_nothing(value) else value

    @field_validator("types")
    @classmethod
    def _names(cls, value: dict[str, TaskTypeSettings]) -> dict[str, TaskTypeSettings]:
        by_name: dict[str, TaskTypeSettings] = {}
        for name, table in value.items():
            if by_name.setdefault(nfc(name), table) != table:
                raise ValueError(Reason.of("settings.type_named_twice", name=repr(nfc(name))))
        return by_name

    @field_validator("alert_base_path", "failed_base_path")
    @classmethod
    def _folder(cls, value: str) -> str:
        parts = [part for part in value.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts or ".." in parts:
            raise ValueError(Reason("settings.no_folder_of_store"))
        return "/".join(parts) + "/"

    @field_validator("service_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ip_network(network.strip(), strict=False)) for network in value)
        except ValueError as error:
            shown = hide_secrets(str(error))
            raise ValueError(Reason.of("settings.no_network", error=shown)) from None

    @property
    def has_bus(self) -> bool:
        """Whether alerts go to a message bus, not only to the table."""
        # The predecessor had no bus without an address, whatever mq_type was.
        return self.mq_type != "none" and bool(self.mq_address.strip())

    @property
    def system_topic(self) -> str:
        """The topic of system alarms, on which no consumer of `mq_topic` sees them."""
        return self.mq_system_topic.strip() or f"{self.mq_topic}.system"

    def affinity(self, task_type: str) -> bool:
        """Whether all frames of a camera go to the same endpoint, singly and in order."""
        own = self.types.get(task_type)
        if own is not None and own.affinity is not None:
            return own.affinity == "task_id"
        return task_type == TRIPWIRE

    def type_settings(self, task_type: str) -> TaskTypeSettings:
        """The settings of a task type that differ; the defaults when nothing differs."""
        return self.types.get(task_type, _NOTHING_DIFFERS)

    def limited_types(self) -> list[str]:
        """The task types with a rate limit."""
        return [name for name, own in self.types.items() if own.rate_limit]

    def stall_sec(self, task_type: str) -> float:
        """How long a type may stand still: `stall_alarm_sec`, or its rate's time for two frames."""
        rate = self.type_settings(task_type).rate_per_sec
        return max(self.stall_alarm_sec, 2 / rate) if rate else self.stall_alarm_sec

    def type_limit(self, task_type: str) -> int | None:
        """Requests in flight allowed for this type over all workers; None: no limit of its own."""
        own = self.types.get(task_type)
        return own.max_concurrent if own else None
