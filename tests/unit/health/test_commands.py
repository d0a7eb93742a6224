"""Every command that messages tell operators to run exists, with its options."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from easyai.cli.main import cli
from easyai.health.causes.cause import program

_HEALTH = Path(__file__).parents[3] / "easyai" / "health"


def _commands() -> Iterator[tuple[str, ...]]:
    """The arguments of every `easyai_command(settings, …)`, as far as they are written there."""
    for path in sorted(_HEALTH.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "easyai_command":
                yield tuple(
                    str(one.value) if isinstance(one, ast.Constant) else "x"
                    for one in node.args[1:]
                    if not isinstance(one, ast.Starred)
                )


@pytest.mark.parametrize("arguments", sorted(set(_commands())))
def test_a_command_that_is_told_exists_with_its_options(arguments: tuple[str, ...]) -> None:
    command: click.Command = cli
    words = list(arguments)
    context = click.Context(cli)
    while words and isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"easyai {name} does not exist"
        command = found
    options = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("-")} <= options


def test_the_program_is_named_as_it_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    script = tmp_path / "easyai"
    monkeypatch.setattr(sys, "argv", ["watchdog"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert program() == "easyai", "there is no script"
    script.touch(mode=0o755)
    assert program() == str(script), "the one beside the interpreter"
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program() == str(script), "as it was started"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == "easyai", "a shell finds it"
