"""``easyai``: the group of all commands."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import click

from easyai.errors import EasyaiError
from easyai.settings.utf8_mode import restart_in_utf8_mode
from easyai.system.streams import open_closed_streams, write_as_the_locale


class Entry(NamedTuple):
    """A command that is imported only when it is used."""

    target: str  # "module:attribute"
    summary: str  # its line in `easyai --help`


COMMANDS = {
    "up": Entry("easyai.cli.up_command:up", "Run everything here: API, worker, beat and watchdog."),
    "api": Entry("easyai.cli.api_command:api", "Run only the API server."),
    "watchdog": Entry("easyai.cli.watchdog_command:watchdog", "Run only the watchdog."),
    "services": Entry("easyai.cli.services_command:services", "Show the algorithm services."),
    "stats": Entry("easyai.cli.stats_command:stats", "Show what inference does now."),
    "alerts": Entry("easyai.cli.alerts_command:alerts", "Show alerts."),
    "alarms": Entry("easyai.cli.alarms_command:alarms", "Show the alarms, send a test alarm."),
    "frames": Entry("easyai.cli.frames_command:frames", "Show the fate of frames."),
    "diagnose": Entry(
        "easyai.cli.diagnose_command:diagnose", "Show what is wrong, why, and what to do."
    ),
    "alive": Entry(
        "easyai.cli.alive_command:alive", "Check whether processes work, for health checks."
    ),
    "requeue": Entry("easyai.cli.requeue_command:requeue", "Bring failed frames back."),
    "discard": Entry("easyai.cli.discard_command:discard", "Give up frames that wait."),
    "config": Entry("easyai.cli.config_command:config", "Check and explain the configuration."),
    "claim": Entry(
        "easyai.cli.claim_command:claim", "Show who uses the frame store, take it over."
    ),
    "backup": Entry("easyai.cli.backup_command:backup", "Back up the installation while it runs."),
    "restore": Entry("easyai.cli.restore_command:restore", "Restore a backup."),
    "db": Entry("easyai.cli.db_command:db", "Prepare and look after the database."),
}

EXAMPLES = """\b
Examples:
  easyai up                             start here, with defaults
  easyai --config site.toml up          start with a settings file
  easyai up --help                      the options of a command
"""


class CommandFailedError(click.ClickException):
    """An error of easyai as a line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"easyai: {self.format_message()}", file=file, err=True)


def _with_config(command: click.Command) -> click.Command:
    """A copy of the command that takes --config behind its name and behind its subcommands."""
    made = copy(command)  # the module's command is the body of others as well
    if not any("--config" in param.opts for param in command.params):
        made.params = [*command.params, _config_option()]
    if isinstance(made, click.Group):
        made.commands = {
            name: _with_config(subcommand) for name, subcommand in made.commands.items()
        }
    return made


def _config_option() -> click.Option:
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False),
        expose_value=False,
        callback=lambda _ctx, _param, path: use_config(path),
        help="The TOML settings file.",
    )


class LazyGroup(click.Group):
    """A group whose commands are imported when used, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, the usual commands first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return _with_config(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an EasyaiError is printed without a traceback."""
        try:
            return super().invoke(ctx)
        except EasyaiError as error:
            raise CommandFailedError(str(error)) from error


@click.group(
    cls=LazyGroup,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _param, asked: show_version(ctx) if asked else None,
    help="Show the version and exit.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="EASYAI_CONFIG",
    show_envvar=True,
    help="The TOML settings file. Without it every key has its default.",
)
def cli(config: Path | None) -> None:
    """Camera frames to detection alerts, by algorithm services over HTTP."""
    use_config(config)


def show_version(ctx: click.Context) -> None:
    """Print the version and exit; imported here, so that other commands do not take longer."""
    from easyai.version import described

    click.echo(f"easyai, version {described()}")
    ctx.exit()


def use_config(path: Path | None) -> None:
    """Make ``path`` the settings file of this process and its children; None changes nothing."""
    if path is not None:
        os.environ["EASYAI_CONFIG"] = str(path.absolute())


def main() -> None:
    """The entry point of the ``easyai`` program."""
    open_closed_streams()
    try:
        restart_in_utf8_mode()
    except EasyaiError as error:
        sys.exit(f"easyai: {error}")
    # A child writes its log in UTF-8, and the user chose PYTHONIOENCODING.
    if not {"EASYAI_SUPERVISED", "PYTHONIOENCODING"} & os.environ.keys():
        write_as_the_locale()
    try:
        cli(prog_name="easyai")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" for {error.filename}" if error.filename else ""
        sys.stdout = None  # Python would try at exit to write the rest again
        click.echo(f"easyai: {error.strerror}{where}; free space and try again", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
