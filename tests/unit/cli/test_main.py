"""The command group."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from easyai import __version__
from easyai.cli import main as module
from easyai.errors import SettingsError


@pytest.fixture(autouse=True)
def _no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that what the command sets is undone as well.
    monkeypatch.setenv("EASYAI_CONFIG", "")
    monkeypatch.setenv("EASYAI_PORT", "1")  # an API at the default port here is not to be asked


def _with_command(monkeypatch: pytest.MonkeyPatch, command: click.Command) -> None:
    monkeypatch.setattr(module.LazyGroup, "get_command", lambda *_: command)


def test_help_lists_every_command_with_its_summary() -> None:
    result = CliRunner().invoke(module.cli, ["--help"])
    assert result.exit_code == 0
    for name, entry in module.COMMANDS.items():
        assert f"  {name} " in result.output
        assert entry.summary in result.output
    assert "EASYAI_CONFIG" in result.output
    assert "Examples:" in result.output


def test_help_imports_no_command_and_no_framework() -> None:
    code = (
        "import sys\n"
        "from easyai.cli.main import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        "heavy = {'celery', 'sqlalchemy', 'fastapi', 'pydantic', 'easyai.settings.schema'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", sorted(module.COMMANDS))
def test_every_command_has_help_with_examples(name: str) -> None:
    result = CliRunner().invoke(module.cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Examples" in result.output


def test_version_is_the_packages() -> None:
    result = CliRunner().invoke(module.cli, ["--version"])
    assert __version__ in result.output


def test_easyai_error_is_a_single_line_on_stderr_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def broken() -> None:
        raise SettingsError("port: must be a number (got 'x')")

    _with_command(monkeypatch, broken)
    result = CliRunner().invoke(module.cli, ["broken"])
    assert result.exit_code == 2
    assert result.stderr == "easyai: port: must be a number (got 'x')\n"
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["--help"], ["config", "check"]])
def test_output_onto_a_full_disk_is_a_single_line_and_exit_code_2(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "easyai.cli.main", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "easyai: No space left on device; free space and try again\n"


def test_the_settings_file_is_handed_to_every_process_by_its_absolute_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @click.command()
    def show() -> None:
        click.echo(os.environ["EASYAI_CONFIG"])

    _with_command(monkeypatch, show)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(module.cli, ["--config", "site.toml", "show"])
    assert result.output.strip() == str(tmp_path / "site.toml")


_REQUIRED = {
    ("services", "approve"): ("yolo-1",),
    ("discard",): ("--task-type", "人脸"),
    ("db", "downgrade"): ("0001",),
    ("backup",): ("nowhere/site.tar",),
    ("restore",): ("nowhere/site.tar",),
}


def _leaves(command: click.Command, *words: str) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [words]
    context = click.Context(command)
    found = [words] if command.invoke_without_command else []
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += _leaves(inner, *words, name)
    return found


def test_config_is_taken_before_and_behind_the_name_of_every_command(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    broken = tmp_path / "site.toml"
    broken.write_text("[easyai")
    for words in _leaves(module.cli):
        with subtests.test(command=" ".join(words)):
            for arguments in (("--config", str(broken), *words), (*words, "--config", str(broken))):
                os.environ["EASYAI_CONFIG"] = ""
                rest = _REQUIRED.get(words, ())
                result = CliRunner().invoke(module.cli, [*arguments, *rest])
                assert result.exit_code == 2
                assert f"{broken}: not valid TOML" in result.output


def test_an_unknown_command_is_refused_with_a_hint() -> None:
    result = CliRunner().invoke(module.cli, ["upp"])
    assert result.exit_code == 2
    assert "No such command 'upp'" in result.output
