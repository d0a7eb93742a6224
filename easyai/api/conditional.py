"""Which part of a file an answer has: ETag, If-None-Match, Range and If-Range (RFC 9110)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

# More digits than any size has are no range. Several ranges count as no range, as the RFC permits.
_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.I)


class Delivery(NamedTuple):
    """What to answer to a GET or HEAD of a file."""

    status: int  # 200, 206, 304; 416: the file is shorter than the range
    headers: dict[str, str]
    first: int = 0  # offset of the first byte to send
    length: int = 0  # bytes to send


def etag(file: os.stat_result) -> str:
    """The strong entity tag of a file: another one after each write and each replacement."""
    return f'"{file.st_size:x}-{file.st_mtime_ns:x}-{file.st_ino:x}"'


def delivery(asked: Mapping[str, str], file: os.stat_result, *, head: bool) -> Delivery:
    """What to answer; `asked`: the headers of the request, with names in lower case."""
    tag, size = etag(file), file.st_size
    headers = {"etag": tag, "accept-ranges": "bytes"}
    if _names(asked.get("if-none-match", ""), tag):
        return Delivery(304, headers)
    found = None if head or not _is_same(asked, tag) else _range(asked.get("range", ""), size)
    if found is None:
        return Delivery(200, headers, 0, size)
    first, end = found
    if first >= end:
        return Delivery(416, headers | {"content-range": f"bytes */{size}"})
    part = {"content-range": f"bytes {first}-{end - 1}/{size}"}
    return Delivery(206, headers | part, first, end - first)


def _names(tags: str, tag: str) -> bool:
    """Whether If-None-Match names the tag; a weak tag counts as well."""
    return tags.strip() == "*" or tag in (
        each.strip().removeprefix("W/") for each in tags.split(",")
    )


def _is_same(asked: Mapping[str, str], tag: str) -> bool:
    """Whether a client's part fits: If-Range has our tag, or is missing. A date never fits."""
    return asked.get("if-range", tag).strip() == tag


def _range(wanted: str, size: int) -> tuple[int, int] | None:
    """The first byte and the end, exclusive; empty when there are no such bytes; None: no range."""
    found = _RANGE.fullmatch(wanted)
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        return max(0, size - int(found[2])), size
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    return first, min(last + 1, size)
