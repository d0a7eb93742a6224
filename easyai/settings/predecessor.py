"""What values of the predecessor's file mean here (contract, section 6)."""

from __future__ import annotations

import re
from typing import Any, Final

from easyai.domain.reason import Reason
from easyai.settings.addresses import LARGEST_PORT

# Keys of [ai_analysis]; heartbeat_timeout_sec has another default for 0.
DEFAULT_FOR_NOTHING: Final = frozenset(
    {
        "scan_interval_sec",
        "mq_type",
        "mq_topic",
        "max_concurrent_infer",
        "max_queue_size",
        "alert_base_path",
        "alert_batch_size",
        "alert_batch_interval_sec",
        "alert_image_move_concurrent",
    }
)
_LISTEN: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]*)\]|(?P<host>[^\s:\[\]]*)):(?P<port>\d+)")


def is_nothing(value: Any) -> bool:
    """Whether the predecessor took a value as not given: "" and 0, also in a variable's text."""
    if isinstance(value, str):
        return not value.strip() or re.fullmatch(r"0+(\.0*)?", value.strip()) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def listen_address(text: str) -> tuple[str, int] | None:
    """Host and port of ``httplistenaddr``; the host '' means all interfaces; None: not given.

    Go listens on both IPv4 and IPv6 for ":5066" and "[::]:5066". Raises ValueError with a reason,
    which shows the form that the key takes.
    """
    if not text.strip():
        return None
    match = _LISTEN.fullmatch(text.strip())
    if match is None or not 0 < int(match["port"]) <= LARGEST_PORT:
        raise ValueError(Reason("settings.no_listen_address"))
    host = match["six"] if match["six"] is not None else match["host"]
    return "" if host == "::" else host, int(match["port"])


def with_listen_address(raw: Any) -> Any:
    """The file's tables, with ``httplistenaddr`` where ``[easyai]`` has no host or port."""
    theirs = raw.get("defaulthttpconfig") if isinstance(raw, dict) else None
    own = raw.get("easyai", {}) if theirs else None
    if not isinstance(theirs, dict) or not isinstance(own, dict):
        return raw
    try:
        place = listen_address(str(theirs.get("httplistenaddr", "")))
    except ValueError:  # the table of that key refuses the value and names the key
        return raw
    if place is None:
        return raw
    return {**raw, "easyai": {"host": place[0], "port": place[1], **own}}
