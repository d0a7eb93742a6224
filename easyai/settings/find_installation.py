"""Finds the installation that a command works on, whatever folder the command is run in."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from easyai.domain.reason import Reason
from easyai.errors import SettingsError
from easyai.messages.catalogue import text
from easyai.settings import installations
from easyai.settings.installations import CONFIG, DATA_DIR, DATABASE_URL, Installation
from easyai.settings.last_good import COPY_NAME, COPY_VARIABLE

_NAMES = (CONFIG, DATA_DIR, DATABASE_URL)


def find_installation(*, next_start: bool = False) -> bool:
    """Give this process the settings of the installation that is meant.

    An installation is meant when it is named (by --config, EASYAI_CONFIG, EASYAI_DATA_DIR) or has
    its data in this folder; otherwise the installation that ``easyai up`` runs, or ran, elsewhere
    on this machine. Nothing changes when no installation is known, or when EASYAI_DATABASE_URL
    names the database. `next_start`: take the file's present text, not the settings in force in
    the running processes. Raises SettingsError when several installations could be meant. Returns
    whether EASYAI_DATABASE_URL named the database.
    """
    # Imported here: it loads the models of all settings, which --help does not need.
    from easyai.settings.file import is_named

    named = {name: os.environ[name] for name in _NAMES if os.environ.get(name)}
    if is_named(DATABASE_URL, os.environ):
        return True
    if not next_start:
        _name_copy(Path(os.environ.get(DATA_DIR) or "data"))
    known = installations.known()
    here = Path("data").absolute()
    if not named and _is_file(here / "easyai.db"):
        _show_others(known, here)
        named = {DATA_DIR: str(here)}
    meant = [installation for installation in known if installation.matches(named)]
    meant = [installation for installation in meant if installation.runs] or meant
    if len(meant) > 1:
        raise SettingsError(_choice(meant))
    if meant:
        _take(meant[0], next_start)
        if not named:
            click.echo(f"easyai: {text(_shown(meant[0]))}", err=True)
    return False


def _take(installation: Installation, next_start: bool) -> None:
    taken = installation.environment(next_start=next_start)
    if not next_start:
        _name_copy(Path(installation.data_dir))
    for name, value in taken.items():
        if not os.environ.get(name):
            os.environ[name] = value


def _name_copy(data_dir: Path) -> None:
    """Name the copy of the last good settings, if it exists; the copy names its settings file."""
    copy = data_dir.absolute() / COPY_NAME
    if _is_file(copy):
        os.environ[COPY_VARIABLE] = str(copy)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises without permission


def _show_others(known: list[Installation], here: Path) -> None:
    """Point out a running installation elsewhere: the user may not mean this folder's database."""
    if any(
        installation.runs for installation in known if installation.matches({DATA_DIR: str(here)})
    ):
        return
    for installation in known:
        if installation.runs:
            shown, variable = text(_shown(installation)), _variable(installation)
            click.echo(
                f"easyai: this is the database in {here}; another installation runs: {shown}; "
                f"to see it: {variable} before the command",
                err=True,
            )


def _choice(meant: list[Installation]) -> Reason:
    choices = tuple(
        Reason.of("installation.choice", variable=_variable(one), installation=_shown(one))
        for one in meant
    )
    if meant[0].runs:
        return Reason.of("installation.several_run", choices=choices)
    return Reason.of("installation.several_known", choices=choices)


def _variable(installation: Installation) -> str:
    return f"{DATA_DIR}={shlex.quote(installation.data_dir)}"


def _shown(installation: Installation) -> Reason:
    url, folder, file = installation.url, installation.data_dir, installation.config
    if file:
        shown = Reason.of("installation.with_file", url=url, folder=folder, file=file)
    else:
        shown = Reason.of("installation.without_file", url=url, folder=folder)
    return shown if installation.runs else Reason.of("installation.ended", installation=shown)
