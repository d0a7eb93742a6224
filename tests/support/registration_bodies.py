"""Bodies of registrations: VALID with a changed field, by who accepts or refuses them."""

from __future__ import annotations

from typing import Any, Final
from unicodedata import normalize

VALID: Final[dict[str, Any]] = {
    "service_id": "yolo_1",
    "task_types": ["人数统计"],
    "endpoint": "http://127.0.0.1:7901/infer",
}
MISSING: Final = ...  # in place of a value: the field is left out
_URLS_TAKEN = (
    "http://192.168.1.20:17901/infer",  # a port of five digits
    "http://192.168.1.20:65535",
    "http://192.168.1.20:007901/",
    "http://192.168.1.20:/infer",
    "http://192.168.1.20",
    "http://192.168.1.20/infer/",
    "http://192.168.1.20?model=head",
    "http://192.168.1.20:17901/推理?x=人#a|b",
    "HTTPS://192.168.1.20:7901/",
    "http://user:p@ss@192.168.1.20:17901/infer",
    "http://[::1]:17901/infer",
    "http://[::1]/",
    "  http://192.168.1.20:17901/infer\n",
    " " * 2000 + "http://192.168.1.20/",
    "http://192.168.1.20/" + "x" * 1980,
)
_URLS_BY_NAME = (
    "http://yolo_1.local:17901/infer",
    "http://算法:17901/推理",
    "http://host.:80/",
)
_URLS_REFUSED = (
    "http://192.168.1.20:65536/infer",
    "http://192.168.1.20:99999/",
    "http://192.168.1.20:port/",
    "http://192.168.1.20:8０/",
    "http://192.168.1.20:+80/",
    "http://192.168.1.20:80:90/",
    "http://192.168.1.20/in fer",
    "http://192.168.1.20/a\x00",
    "http://192.168.1.20/" + "x" * 1981,
    "http://192.168 .1.20/",
    "http://[::1/",
    "http://::1/",
    "http://:7901/",
    "http://",
    "http:///infer",
    "http://user@/",
    "http:/192.168.1.20/",
    "ftp://192.168.1.20/infer",
    "192.168.1.20:7901/infer",
    7901,
    ["http://192.168.1.20/"],
)
_TEXTS_TAKEN = ("a b", " 人头检测\n", "\x1ca\x85", "x" * 256, " " * 300 + "x", "http://h:1/")
_TEXTS_REFUSED: tuple[Any, ...] = ("a\nb", "a\x00b", "x" * 257, 7, 1.5, True, ["a"], {})
_INTEGERS_TAKEN = (1, 4, 4.0, 1_000_000, 1e6, None)
_INTEGERS_REFUSED: tuple[Any, ...] = (0, -1, 1.5, 1_000_001, 10**30, True, "4", "", [4], {})
_SECONDS_TAKEN = (10, 10.0, 60.5, 86_400, None)
_SECONDS_REFUSED: tuple[Any, ...] = (0, 9.9, -60, 86_400.5, 10**400, True, "60", "", [60], {})
_TASK_TYPES_TAKEN = (
    ["人数统计", "绊线人数统计"],
    ["a", "a"],
    ["x" * 80],
    [normalize("NFD", "é" * 80)],
    [" a "],
    [" .a"],
    ["a.b"],
    ["a"] * 200,
)
_TASK_TYPES_REFUSED: tuple[Any, ...] = (
    [],
    ["a"] * 201,
    "人数统计",
    {"a": 1},
    7,
    None,
    MISSING,
    [""],
    [" "],
    ["\u3000"],
    ["a", None],
    ["a", 7],
    [["a"]],
    [".a"],
    ["a/b"],
    ["a\n"],
    ["a\x00"],
    ["x" * 321],
)
TAKEN: Final = (
    *(("endpoint", url) for url in _URLS_TAKEN),
    *(("health_url", url) for url in (*_URLS_TAKEN, "", " ", None)),
    *(("service_id", text) for text in _TEXTS_TAKEN),
    *(("name", text) for text in (*_TEXTS_TAKEN, "", " \n", None)),
    *(("version", text) for text in (*_TEXTS_TAKEN, "", " \n", None)),
    *(("task_types", names) for names in _TASK_TYPES_TAKEN),
    *(("max_concurrency", number) for number in _INTEGERS_TAKEN),
    *(("heartbeat_timeout_sec", seconds) for seconds in _SECONDS_TAKEN),
    ("unknown", {"any": ["thing", None]}),
)
TAKEN_BY_NAME: Final = tuple(
    (field, url) for field in ("endpoint", "health_url") for url in _URLS_BY_NAME
)
REFUSED: Final = (
    *(("endpoint", url) for url in (*_URLS_REFUSED, "", " ", None, MISSING)),
    ("endpoint", "http://user:********@192.168.1.20/"),
    *(("health_url", url) for url in _URLS_REFUSED),
    *(("service_id", text) for text in (*_TEXTS_REFUSED, "", " \n", None, MISSING)),
    *(("name", text) for text in _TEXTS_REFUSED),
    *(("version", text) for text in _TEXTS_REFUSED),
    *(("task_types", names) for names in _TASK_TYPES_REFUSED),
    *(("max_concurrency", number) for number in _INTEGERS_REFUSED),
    *(("heartbeat_timeout_sec", seconds) for seconds in _SECONDS_REFUSED),
)
# The server refuses them; JSON Schema cannot express why: the field's description does.
REFUSED_BY_THE_SERVER_ALONE: Final = (
    ("endpoint", "http://192.168.1.20/" + "人" * 661),  # 2,003 bytes of UTF-8
    ("endpoint", "http://[zz]/"),
    ("endpoint", "http://a／b/"),  # a wide '/' in the host
    ("task_types", ["x" * 81]),
    ("task_types", ["😀" * 61]),  # 244 bytes of UTF-8
)


def changed(field: str, value: Any) -> dict[str, Any]:
    """VALID with this value in the field, or without the field."""
    body = {**VALID, field: value}
    return {key: value for key, value in body.items() if value is not MISSING}
