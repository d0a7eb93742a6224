"""docs/environments.md: the tried environments and their results."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.environments.row import ROWS, Row

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"

_HEAD = """# Environments

Written by `make environments`. Each row starts a real `easyai up` in its environment, registers a
service over REST and puts a picture into the folder of a camera. It expects that the
service opens the picture link, that the alert's picture can be opened, and a clean stop: exit code
0, no process left, no traceback in any log. In a row where easyai refuses to start, it expects exit
code 2 and a message with the remedy.

"""


def page(results: Mapping[str, str]) -> str:
    """The page; `results` holds by name "ok" or why a row was left out or failed.

    Of other rows it keeps the present text.
    """
    known = _kept() | dict(results)
    passed = sum(known.get(row.name) == "ok" for row in ROWS)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    text = _HEAD + (
        f"{day}, Linux {platform.release().split('-')[0]} on {platform.machine()}, "
        f"Python {platform.python_version()}: {passed} of {len(ROWS)} rows passed.\n"
    )
    for group in dict.fromkeys(row.group for row in ROWS):
        text += f"\n## {group}\n\n| environment | needs | result |\n|---|---|---|\n"
        rows = [row for row in ROWS if row.group == group]
        text += "".join(_line(row, known.get(row.name, "not run")) for row in rows)
    return text


def _line(row: Row, result: str) -> str:
    needs = "root" if row.root else "-"
    return f"| {row.name} | {needs} | {result.replace('|', '/')} |\n"


def _kept() -> dict[str, str]:
    if not PAGE.exists():
        return {}
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0].strip(): row[2].strip() for row in cells if len(row) == 3}
