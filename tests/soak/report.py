"""The section of docs/reliability.md that the soak writes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.soak.judgement import WARM_UP, Figure
from tests.soak.plant import LATEST_CAMERAS, LATEST_RATE, RATE
from tests.support.reliability import SOAK

_TEXT = """
`make soak` writes this section. `easyai up` ran on SQLite for {minutes:.0f} minutes at
{rate:.0f} frames/s: four task types, of which one is sampled and one has affinity; {cameras}
cameras that write `latest.jpg` again and again made {latest:.0f} of the frames a second; alerts
went to Redis, messages to people. Services refused 3 % of the frames. Half of the services were
killed and started again every two minutes ({restarts} times; people got {messages} messages).
The limits of history and alerts are low, so that the run reached them early; events, failed
frames and the sums of ten seconds are kept for longer than the run. The cameras wrote
{written:,} frames; no frame waited {settled:.0f} s after the cameras stopped. Samples every
{every:.0f} s.

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
