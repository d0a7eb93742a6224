"""``easyai alive``: a process works while its row of this machine is fresh."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from easyai.db import processes
from easyai.process.identity import home
from tests.support.installation import Installation

ALL = ("api", "beat", "watchdog", "worker")


def _rows(installation: Installation, kinds: Sequence[str], ago_sec: float, where: str) -> None:
    with installation.db.write() as conn:
        for kind in kinds:
            processes.beat(conn, kind, "h", 1, time.time() - ago_sec, home=where)


@pytest.mark.parametrize(
    ("kinds", "ago_sec", "where", "code", "said"),
    [
        (ALL, 1.0, home(), 0, "worker: works"),
        (ALL[:3], 1.0, home(), 1, "worker: not running"),
        (ALL, 100.0, home(), 1, "worker: silent for 100 s"),
        (ALL, 1.0, "elsewhere", 1, "worker: not running"),
    ],
)
def test_all_four_kinds_are_looked_for_here(
    installation: Installation,
    kinds: Sequence[str],
    ago_sec: float,
    where: str,
    code: int,
    said: str,
) -> None:
    _rows(installation, kinds, ago_sec, where)
    result = installation.run("alive")
    assert result.exit_code == code
    assert said in result.stdout


def test_only_what_is_named_counts(installation: Installation) -> None:
    _rows(installation, ("worker",), 1.0, home())
    assert installation.run("alive", "worker").exit_code == 0
    assert installation.run("alive", "worker", "api").exit_code == 1
    assert installation.run("alive", "cook").exit_code == 2
