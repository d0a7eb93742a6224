"""Command lines for people to copy: each works from any folder of any shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason
from easyai.settings.file import config_path
from easyai.settings.schema import Settings

_PROGRAM: Final = "easyai"


def easyai_command(settings: Settings, *arguments: str) -> str:
    """An easyai command line that finds this installation from any folder of any shell."""
    path, ours = config_path(), program()
    if path is not None:
        ours = f"{ours} --config {shlex.quote(str(path.absolute()))}"
    else:
        ours = _data_dir(settings) + ours
    return _from_its_folder(settings, f"{ours} {shell_words(*arguments)}")


def report_command(settings: Settings) -> Reason:
    """The command that shows the whole report, in the language of the sentence around it."""
    return Reason.of("report.command", command=easyai_command(settings, "diagnose"))


def celery_command(settings: Settings, *arguments: str) -> str:
    """A ``celery -A easyai …`` command line that works from any folder of any shell."""
    path = config_path()
    named = f"EASYAI_CONFIG={shlex.quote(str(path.absolute()))} " if path else _data_dir(settings)
    line = f"{named}{program('celery')} -A easyai {shlex.join(arguments)}"
    # Celery reads its own settings from the folder in which it starts.
    return _from_its_folder(settings, line, Path("celeryconfig.py").is_file())


def _data_dir(settings: Settings) -> str:
    folder = settings.easyai.data_dir
    return f"EASYAI_DATA_DIR={shlex.quote(str(folder))} " if folder.is_absolute() else ""


def _from_its_folder(settings: Settings, line: str, always: bool = False) -> str:
    """The command, with ``cd`` before it when `always` or when the settings have relative paths."""
    own, extractor = settings.easyai, settings.frame_extractor
    paths = [own.data_dir]
    if extractor.folder:
        paths.append(extractor.folder)
    if own.database_url.startswith("sqlite"):
        paths.append(Path(own.database_url.partition(":///")[2]))
    if always or not all(path.is_absolute() for path in paths):
        try:
            return f"cd {shlex.quote(str(Path.cwd()))} && {line}"
        except FileNotFoundError:
            return line  # the folder is gone: the alarm must still be sent
    return line


def program(name: str = _PROGRAM) -> str:
    """A program for a shell: the script that was started, else the script of this installation.

    Returns the short name when every shell finds that script by its name. In a virtual environment
    only shells that activated it have it in their PATH, so the short name does not do.
    """
    started, beside = Path(sys.argv[0]), Path(sys.executable).with_name(name)
    script = started if started.name == name and started.is_file() else beside
    on_path = shutil.which(name) if sys.prefix == sys.base_prefix else None
    if not script.is_file() or (on_path and Path(on_path).absolute() == script.absolute()):
        return name
    return shlex.quote(str(script.absolute()))


def curl_command(url: str, *options: str) -> str:
    """A command that asks a URL, for five seconds at most."""
    return shell_words("curl", "-sS", "-i", "-m", "5", *options, url)


def shell_words(*words: str) -> str:
    """Words for a shell, on a single line whatever characters they hold.

    Folder names come from outside. Characters that do not print (an ESC that steers a terminal, a
    line break that ends the command) are written as bytes in the quotes of bash and zsh.
    """
    return " ".join(map(_shell_word, words))


def _shell_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_in_quotes, word))}'"


def _in_quotes(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
