"""The queries of docker/grafana/dashboards/easyai.json, as Grafana sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "easyai.json"
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
_VALUES = {"$__rate_interval": "10s", "$job": ".*", "$task_type": ".*", "$endpoint": ".*"}


class Query(NamedTuple):
    """A query of a panel."""

    panel: str
    expr: str
    instant: bool


def load() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def queries() -> Iterator[Query]:
    """Every query of every panel, with all values chosen."""
    for panel in load()["panels"]:
        for target in panel.get("targets", []):
            yield Query(panel["title"], filled(target["expr"]), bool(target.get("instant")))


def variables() -> Iterator[tuple[str, str, str]]:
    """Of each variable that is a query: name, series and label."""
    for variable in load()["templating"]["list"]:
        if variable["type"] != "query":
            continue
        match = _LABEL_VALUES.fullmatch(variable["query"]["query"])
        assert match, variable["name"]
        yield variable["name"], filled(match[1]), match[2]


def filled(text: str) -> str:
    """A text with values in the place of variables; none is left."""
    for name, value in _VALUES.items():
        text = text.replace(name, value)
    assert "$" not in text, text
    return text
