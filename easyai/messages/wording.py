"""Moments, sizes, names and plain lines, in every language; numbers with nouns, in English.

The catalogue has the numbers with nouns of texts that are translated, and spans of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from easyai.domain.reason import Reason

_MOST_NAMES: Final = 4
_SIZES: Final = ("B", "kB", "MB", "GB", "TB")
_NUMBERED = re.compile(r"(.*?)(\d+)$", re.DOTALL)


def off_by(ahead_sec: float) -> Reason:
    """By how much a clock is off, and in which direction."""
    if ahead_sec > 0:
        return Reason.of("clock.ahead", ahead_sec=ahead_sec)
    return Reason.of("clock.behind", behind_sec=-ahead_sec)


def moment(unix: float) -> str:
    """A time as local time, to the second."""
    try:
        return datetime.fromtimestamp(unix, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "?"


def time_of_day(unix: float) -> str:
    """A time as local time of its day, to the second."""
    return moment(unix).rpartition(" ")[2]


def size(number: float) -> str:
    """Bytes in the largest unit with a number of at least 1."""
    for unit in _SIZES[:-1]:
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {_SIZES[-1]}"


def milliseconds(number: float) -> str:
    """Milliseconds, to a tenth below ten."""
    shown = f"{number:.1f}" if number < 10 else f"{number:.0f}"
    return f"{shown.removesuffix('.0')} ms"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun in English; `many` is the plural unless an s makes it."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def names(values: Iterable[str]) -> str:
    """A few names, then how many more there are; runs of numbers as ``yolo_7901..7912``."""
    parts = list(_runs(sorted(set(values), key=_numbered)))
    shown = ", ".join(plain(part) for part in parts[:_MOST_NAMES])
    return shown if len(parts) <= _MOST_NAMES else f"{shown}, … (+{len(parts) - _MOST_NAMES})"


def plain(value: str) -> str:
    """The text on a single line; replaces characters that are not printable, such as ESC."""
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "\ufffd"
        for character in value
    )


def _numbered(name: str) -> tuple[str, int, str]:
    match = _NUMBERED.fullmatch(name)
    if match is None or len(match[2]) > 12:
        return name, -1, name
    return match[1], int(match[2]), name


def _runs(ordered: Sequence[str]) -> Iterable[str]:
    run: list[str] = []
    for name in ordered:
        if run and not _follows(run[-1], name):
            yield _abridged(run)
            run = []
        run.append(name)
    if run:
        yield _abridged(run)


def _follows(name: str, other: str) -> bool:
    (stem, number, _), (next_stem, next_number, _) = _numbered(name), _numbered(other)
    return number >= 0 and stem == next_stem and next_number == number + 1


def _abridged(run: Sequence[str]) -> str:
    if len(run) < 3:
        return ", ".join(run)
    stem = _numbered(run[0])[0]
    return f"{run[0]}..{run[-1][len(stem) :]}"
