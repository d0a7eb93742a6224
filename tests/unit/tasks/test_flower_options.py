"""Flower's defaults: loopback, few tasks in memory, columns that identify a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyai.errors import SettingsError
from easyai.tasks.flower_options import set_flower_defaults

ARGUMENTS = ["celery", "-A", "easyai", "flower"]


def test_flower_listens_on_loopback_unless_the_operator_sets_an_address() -> None:
    environ: dict[str, str] = {}
    assert set_flower_defaults(environ, ARGUMENTS) == []
    assert environ["FLOWER_ADDRESS"] == "127.0.0.1"
    assert environ["FLOWER_TASKS_COLUMNS"].startswith("name,args,result")
    open_ = {"FLOWER_ADDRESS": "0.0.0.0", "FLOWER_MAX_TASKS": "7", "FLOWER_BASIC_AUTH": "a:b"}
    before = dict(open_)
    assert set_flower_defaults(open_, ARGUMENTS) == []
    assert {name: open_[name] for name in before} == before


@pytest.mark.parametrize(
    ("environ", "arguments"),
    [
        ({"FLOWER_ADDRESS": "0.0.0.0"}, []),
        ({}, ["--address=0.0.0.0"]),
        ({"FLOWER_ADDRESS": "127.0.0.1"}, ["--address="]),
        ({}, ["--address=192.168.1.5"]),
    ],
)
def test_an_open_address_without_a_password_is_a_warning(
    environ: dict[str, str], arguments: list[str]
) -> None:
    (warning,) = set_flower_defaults(environ, [*ARGUMENTS, *arguments])
    assert "without a password" in warning
    assert "FLOWER_BASIC_AUTH=user:password" in warning


@pytest.mark.parametrize("argument", ["--address=::1", "--address=localhost", "--unix-socket=/x"])
def test_loopback_and_sockets_need_no_password(argument: str) -> None:
    assert set_flower_defaults({}, [*ARGUMENTS, argument]) == []


@pytest.mark.parametrize("argument", ["--basic-auth=a:b", "--basic_auth=a:b", "--auth=.*@x"])
def test_a_password_of_the_command_line_counts(argument: str) -> None:
    assert set_flower_defaults({"FLOWER_ADDRESS": "0.0.0.0"}, [*ARGUMENTS, argument]) == []


def test_an_api_that_is_open_to_every_web_page_is_a_warning() -> None:
    (warning,) = set_flower_defaults({"FLOWER_UNAUTHENTICATED_API": "1"}, ARGUMENTS)
    assert "shut down workers" in warning


def test_the_password_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "login"
    path.write_text("operator:secret\n")
    environ = {"FLOWER_BASIC_AUTH_FILE": str(path)}
    set_flower_defaults(environ, ARGUMENTS)
    assert environ["FLOWER_BASIC_AUTH"] == "operator:secret"
    path.unlink()
    with pytest.raises(SettingsError, match=r"^FLOWER_BASIC_AUTH_FILE: .* cannot be read"):
        set_flower_defaults({"FLOWER_BASIC_AUTH_FILE": str(path)}, ARGUMENTS)
