"""The layout of CHANGELOG.md is that of Keep a Changelog; scripts/release looks for it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from packaging.version import Version

_TEXT = (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
_KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
_RELEASE = re.compile(r"\[(?P<version>[^]]+)\] - (?P<date>\d{4}-\d{2}-\d{2})")


def _releases() -> list[re.Match[str]]:
    first, *others = re.findall(r"^## (.*)$", _TEXT, re.MULTILINE)
    assert first == "[Unreleased]", "what comes next stands first"
    found = [_RELEASE.fullmatch(line) for line in others]
    assert all(found), f"releases are '[0.2.0] - 2026-12-31': {others}"
    return [match for match in found if match]


def test_releases_stand_in_order_with_their_dates() -> None:
    versions = [Version(release["version"]) for release in _releases()]
    assert versions == sorted(versions, reverse=True)
    dates = [date.fromisoformat(release["date"]) for release in _releases()]
    assert dates == sorted(dates, reverse=True)


def test_every_change_stands_below_its_kind() -> None:
    assert set(re.findall(r"^### (.*)$", _TEXT, re.MULTILINE)) <= _KINDS
    for section in re.split(r"^## .*$", _TEXT, flags=re.MULTILINE)[1:]:
        before, *_ = re.split(r"^### .*$", section, flags=re.MULTILINE)
        assert not re.search(r"^- ", before, re.MULTILINE), "an entry below no kind"
