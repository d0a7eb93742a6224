"""Functions that the read-only commands share."""

from __future__ import annotations

import time
from datetime import datetime

import click
import pytest

from easyai.cli.output import cell, duration, iso
from easyai.cli.since import parse_moment
from easyai.messages.wording import plain
from tests.support.installation import Installation

NOW = 1_763_110_000.0

LOOKING = ("services", "stats", "alerts", "frames", "requeue")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("2h", 7200), ("3d", 259_200), (" 1.5h ", 5400), ("0s", 0)],
)
def test_since_takes_durations(text: str, seconds: float) -> None:
    assert parse_moment(text).at(NOW) == NOW - seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-14T08:00:00Z", 1_763_107_200.0),
        ("2025-11-14T16:00:00+08:00", 1_763_107_200.0),
        ("2025-11-13", datetime(2025, 11, 13).astimezone().timestamp()),
        ("2025-11-13 09:30", datetime(2025, 11, 13, 9, 30).astimezone().timestamp()),
    ],
)
def test_since_takes_iso_times_and_times_without_offset_are_local(
    text: str, expected: float
) -> None:
    assert parse_moment(text).at(NOW) == expected


@pytest.mark.parametrize("text", ["", "2", "2w", "-2h", "2 hours", "h", "nan", "0001-01-01", "x"])
def test_since_refuses_other_forms_with_the_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="use a duration such as 30s, 15m, 2h or 3d"):
        parse_moment(text)


def test_since_refuses_the_future() -> None:
    with pytest.raises(click.UsageError, match="lies in the future"):
        parse_moment("2999-01-01").at(NOW)


def test_a_wrong_since_is_a_usage_error_of_the_command(installation: Installation) -> None:
    result = installation.run("frames", "--since", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is no moment; use a duration" in result.stderr


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    assert plain("人脸\x1b[2J\u202e\n二　三") == "人脸\ufffd[2J\ufffd 二 三"
    assert cell("[red]x[/red]").plain == "[red]x[/red]"
    assert [cell(value).plain for value in (None, "", 0)] == ["-", "-", "0"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-5, "0 s"), (12.4, "12 s"), (600, "10 min"), (9000, "2 h"), (400_000, "5 days")],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_times_for_scripts_are_iso_in_utc() -> None:
    assert iso(1_763_107_200.25) == "2025-11-14T08:00:00.250Z"
    assert iso(None) is None


@pytest.mark.parametrize("command", LOOKING)
def test_a_missing_database_is_not_created_and_the_hint_names_the_command(
    installation: Installation, command: str
) -> None:
    installation.close()
    for file in installation.folder.glob("easyai.db*"):
        file.unlink()
    result = installation.run(command)
    assert result.exit_code == 2
    assert "easyai: no database at " in result.stderr
    assert "db upgrade" in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(installation.folder.iterdir()) == []


@pytest.mark.parametrize("command", LOOKING)
@pytest.mark.parametrize("damage", ["DROP TABLE {}", "ALTER TABLE {} RENAME COLUMN task_type TO x"])
def test_database_of_another_version_is_an_error_with_the_upgrade_command(
    installation: Installation, command: str, damage: str
) -> None:
    of_command = {"alerts": "alert_counts", "services": "service_task_types"}
    table = of_command.get(command, "frames")
    for view in ("ix_frames_pending_stream", "ix_frames_pending", "ix_frames_leased"):
        installation.execute(f"DROP INDEX {view}")
    installation.execute(damage.format(table))
    result = installation.run(command)
    assert result.exit_code == 2, result.output
    assert "db upgrade" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", LOOKING)
def test_database_that_does_not_answer_is_a_single_line(
    installation: Installation, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASYAI_DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/x")
    started = time.monotonic()
    result = installation.run(command)
    assert result.exit_code == 2
    assert result.stderr.startswith("easyai: the database does not answer")
    assert "geheim" not in result.output
    assert time.monotonic() - started < 10
