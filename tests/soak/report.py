"""The section of docs/reliability.md that the soak writes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.soak.judgement import WARM_UP, Figure
from tests.soak.plant import LATEST_CAMERAS, LATEST_RATE, RATE
from tests.support.reliability import SOAK

_TEXT = """
Written by `make soak`. `easyai up` on SQLite for {minutes:.0f} minutes at {rate:.0f} frames/s: four
task types, one of them sampled and one with affinity; {latest:.0f} of the frames a second by
{cameras} cameras that write `latest.jpg` again and again; alerts on Redis, messages to people; 3 %
of the frames refused by their service; half of the services killed and started again every two
minutes ({restarts} times; people got {messages} messages). History and alerts are trimmed to
little, so that each limit was reached early; events, failed frames and the sums of ten seconds are
kept for longer than the run. {written:,} frames were written; when the cameras had stopped, none
waited after {settled:.0f} s. Samples every {every:.0f} s.

| | after {warm:.0f} minutes | at the end | highest |
|---|--:|--:|--:|
"""


def section(
    figures: Sequence[Figure],
    *,
    minutes: float,
    every_sec: float,
    restarts: int,
    messages: int,
    written: int,
    settled_sec: float,
) -> str:
    """The section as Markdown; figures are means over a sixth of the time."""
    text = _TEXT.format(
        minutes=minutes,
        rate=RATE,
        latest=LATEST_CAMERAS * LATEST_RATE,
        cameras=LATEST_CAMERAS,
        restarts=restarts,
        messages=messages,
        written=written,
        settled=settled_sec,
        every=every_sec,
        warm=minutes * WARM_UP,
    )
    return SOAK + text + "".join(_row(figure) for figure in figures)


def _row(figure: Figure) -> str:
    values = " | ".join(_number(value) for value in (figure.first, figure.last, figure.most))
    return f"| {figure.name} | {values} |\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
