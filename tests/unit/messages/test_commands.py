"""Every command in a message exists, and works from any folder."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from easyai.cli.main import COMMANDS, cli
from easyai.diagnosis.causes.own_processes import _start_remedies
from easyai.health.facts import Facts
from easyai.messages.catalogue import text
from easyai.settings.commands import celery_command, easyai_command, program
from easyai.settings.schema import Settings
from easyai.settings.source import load

_ROOT = Path(__file__).parents[3] / "easyai"
_MAKERS = ("easyai_command", "celery_command")
_WRITTEN_OUT = re.compile(rf"\beasyai (?:{'|'.join(COMMANDS)})\b|\bcelery -A\b")
_HELP = "EXAMPLES"  # texts of this name are shown in the shell that asked for help


def _calls(names: tuple[str, ...], folder: str = "") -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((_ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                yield path, node


def _commands() -> Iterator[tuple[str, ...]]:
    """The arguments of every `easyai_command(settings, …)`, as far as they are written there."""
    for _, node in _calls(("easyai_command",)):
        yield tuple(
            str(argument.value) if isinstance(argument, ast.Constant) else "x"
            for argument in node.args[1:]
            if not isinstance(argument, ast.Starred)
        )


def test_every_command_in_a_message_exists_with_its_options() -> None:
    commands = sorted(set(_commands()))
    assert len(commands) > 10
    unknown = {" ".join(words): problem for words in commands if (problem := _unknown(words))}
    assert unknown == {}


def test_check_finds_a_command_that_does_not_exist() -> None:
    assert _unknown(("db", "upgrade")) == ""
    assert _unknown(("db", "mend")) == "no command mend"
    assert _unknown(("diagnose", "--loudly")) == "no option --loudly"


def _unknown(arguments: tuple[str, ...]) -> str:
    """The first word of `easyai ARGUMENTS` that its command line does not know, or ''."""
    command: click.Command = cli
    words = list(arguments)
    context = click.Context(cli)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name}"
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    unknown = {word for word in words if word.startswith("-")} - options
    return f"no option {min(unknown)}" if unknown else ""


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts below a node except docstrings, help and texts that the code only compares."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if any(getattr(target, "id", "").endswith(_HELP) for target in targets):
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _texts(child)


def test_no_message_writes_a_command_out() -> None:
    """Written out it lacks the settings: it would look at, or start, another installation."""
    found = {
        f"{path.relative_to(_ROOT)}: {text}"
        for path in _ROOT.rglob("*.py")
        # An error that is raised without a reason does not know the installation.
        if path != _ROOT / "messages" / "templates" / "error_texts.py"
        for text in _texts(ast.parse(path.read_text()))
        if _WRITTEN_OUT.search(text)
    }
    assert found == set()


def test_check_finds_a_command_written_out_in_a_message() -> None:
    def seen(code: str) -> bool:
        return any(_WRITTEN_OUT.search(text) for text in _texts(ast.parse(code)))

    assert seen("say(f'Start it again: `celery -A easyai {part}`')")
    assert seen("Remedy(words, 'celery -A easyai inspect active')")
    assert seen("raise Error('run `easyai db upgrade` once')")
    assert not seen("EXAMPLES = '''easyai up'''")
    assert not seen("say('easyai runs already')")


def test_only_the_makers_of_commands_name_the_program() -> None:
    assert {path.name for path, _ in _calls(("program",))} == {"commands.py"}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another folder than the installation's."""
    folder = tmp_path / "else where"
    folder.mkdir()
    return folder


def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named_by: str) -> Settings:
    """An installation in its own folder, the working folder of this process."""
    home = tmp_path / "the site"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in ("EASYAI_CONFIG", "EASYAI_DATA_DIR", "EASYAI_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    if named_by == "relative config":
        Path("site.toml").write_text("[easyai]\ndata_dir = 'own data'\n")
        monkeypatch.setenv("EASYAI_CONFIG", "site.toml")
    elif named_by == "absolute config":
        table = f"[easyai]\ndata_dir = '{home}/d'\n[frame_extractor]\noutput_dir = '{home}/s'\n"
        Path("site.toml").write_text(table)
        monkeypatch.setenv("EASYAI_CONFIG", str(home / "site.toml"))
    elif named_by == "data_dir":
        monkeypatch.setenv("EASYAI_DATA_DIR", str(home / "d"))
    return load()


_NAMED_BY = ("relative config", "absolute config", "data_dir", "nothing")


@pytest.mark.parametrize("named_by", _NAMED_BY)
def test_command_in_a_message_finds_the_installation_from_any_folder(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    settings = _settings(tmp_path, monkeypatch, named_by)
    command = easyai_command(settings, "config", "check", "--json")
    assert _run(command, elsewhere, monkeypatch) == _seen_here()


def test_an_alarm_names_its_command_though_the_folder_of_the_start_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(tmp_path, monkeypatch, "nothing")
    Path.cwd().rmdir()
    command = easyai_command(settings, "diagnose")
    assert shlex.split(command)[-1] == "diagnose"
    assert "easyai" in command


@pytest.mark.parametrize("named_by", _NAMED_BY)
def test_celery_command_in_a_message_finds_the_installation_from_any_folder(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    settings = _settings(tmp_path, monkeypatch, named_by)
    command = celery_command(settings, "inspect", "active")
    output = _run(command, elsewhere, monkeypatch)
    assert f"no broker at {settings.easyai.data_dir.absolute() / 'broker'}:" in output
    assert not list(elsewhere.iterdir()), "asking makes no folders"
    assert not settings.easyai.data_dir.exists()


@pytest.mark.parametrize("part", ["worker", "beat", "api", "watchdog"])
@pytest.mark.parametrize("named_by", _NAMED_BY)
def test_remedy_that_starts_a_process_names_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named_by: str, part: str
) -> None:
    settings = _settings(tmp_path, monkeypatch, named_by)
    facts = Facts(0.0, settings, {})
    *_, remedy = _start_remedies(facts, part)
    for wording in (text(remedy.text), text(remedy.text, "zh")):
        everything, by_hand = re.findall(r"`([^`]+)`", wording)
        assert everything == easyai_command(settings, "up")
        assert by_hand.endswith(f" {part}")
        assert "the site" in everything
        assert "the site" in by_hand


def _seen_here() -> str:
    """The output of a command in the folder of the installation."""
    command = [sys.executable, "-m", "easyai.cli.main", "config", "check", "--json"]
    return _ended(subprocess.run(command, capture_output=True, text=True, check=False, timeout=60))


def _run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command of a message, in a shell without variables of the installation."""
    with monkeypatch.context() as shell:
        for name in ("EASYAI_CONFIG", "EASYAI_DATA_DIR"):
            shell.delenv(name, raising=False)
        return _ended(
            subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        )


def _ended(result: subprocess.CompletedProcess[str]) -> str:
    return f"{result.stdout}{result.stderr}"


def test_program_in_a_message_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    script = tmp_path / "easyai"
    monkeypatch.setattr(sys, "argv", ["watchdog"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert program() == "easyai", "there is no script"
    script.touch(mode=0o755)
    assert program() == str(script), "the program beside the interpreter"
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program() == str(script), "as it was started"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["easyai"])
    assert program() == str(script), "in a folder that the shell need not be in"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == "easyai", "a shell finds it"
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert program() == str(script), "only a shell that activated the virtual environment finds it"
