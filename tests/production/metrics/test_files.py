"""The files for Prometheus and Grafana, judged by promtool and against each other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.api.test_metrics import NAMES
from tests.production.metrics import dashboard
from tests.production.metrics.server import FILES, ROOT, Prometheus, promtool

_METRIC = re.compile(r"easyai_\w+")


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """The rules as Prometheus has read them."""
    prometheus = Prometheus("127.0.0.1:9")
    with prometheus:
        groups = prometheus.get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", str(FILES / "prometheus.yml")),
        ("check", "rules", "--lint=all", "--lint-fatal", str(FILES / "rules.yml")),
        ("test", "rules", str(FILES / "rules.test.yml")),
    ],
    ids=" ".join,
)
def test_promtool_accepts_the_shipped_files(arguments: tuple[str, ...]) -> None:
    result = promtool(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_rule_is_tested_and_has_both_languages_and_a_runbook(
    rules: list[dict[str, Any]],
) -> None:
    tested = (FILES / "rules.test.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    headings = {line.strip("# \n").lower() for line in page.splitlines() if line.startswith("#")}
    for rule in rules:
        name, notes = rule["name"], rule["annotations"]
        assert f"alertname: {name}\n        exp_alerts:\n" in tested, f"{name} is seen to fire"
        assert notes["summary"].isascii()
        assert not notes["summary_zh"].isascii()
        path, _, anchor = notes["runbook_url"].partition("#")
        assert (path, anchor) == ("docs/metrics.md", name.lower())
        assert anchor in headings


def test_rules_and_dashboard_query_exactly_the_existing_metrics(
    rules: list[dict[str, Any]],
) -> None:
    asked = " ".join(
        [rule["query"] for rule in rules] + [query.expr for query in dashboard.queries()]
    )
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for name in _METRIC.findall(asked)}
    assert used == set(NAMES)
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert set(NAMES) <= set(_METRIC.findall(page)), "each is explained"


def test_provisioning_names_the_data_source_of_the_dashboard() -> None:
    folder = ROOT / "docker" / "grafana" / "provisioning"
    source = (folder / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    (chosen,) = [
        variable
        for variable in dashboard.load()["templating"]["list"]
        if variable["type"] == "datasource"
    ]
    assert f"    type: {chosen['query']}\n" in source
    assert f"    uid: {chosen['current']['value']}\n" in source
