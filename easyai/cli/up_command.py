"""``easyai up``: the whole system on this machine with a single command."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from easyai.cli.main import use_config
from easyai.cli.output import missing_database
from easyai.cli.rights import check_rights
from easyai.messages.catalogue import text
from easyai.process.supervisor_link import AWAIT_API_VARIABLE
from easyai.settings import installations, utf8_mode
from easyai.settings.last_good import COPY_NAME, COPY_VARIABLE, kept
from easyai.supervisor.hung_children import HANG_SEC
from easyai.supervisor.listening import shown as shown_host
from easyai.supervisor.plan import Plan
from easyai.supervisor.start_checks import (
    check_port,
    check_temp_dir,
    claim_data_dir,
    release_data_dir,
    remove_database,
)
from easyai.system.streams import notice

if TYPE_CHECKING:
    from easyai.settings.schema import Settings

EXAMPLES = """\b
Examples:
  easyai up                             frames in ./snapshots, data in ./data
  easyai up --config site.toml          with a settings file
  easyai up --data-dir /var/lib/easyai --port 8080
  easyai up --host 0.0.0.0              reachable from other machines
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="EASYAI_CONFIG",
    show_envvar=True,
    help="The TOML settings file.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="EASYAI_DATA_DIR",
    show_envvar=True,
    help="Folder for database, logs and state.  [default: ./data]",
)
@click.option(
    "--host",
    envvar="EASYAI_HOST",
    show_envvar=True,
    help="Address to listen on.  [default: 127.0.0.1]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="EASYAI_PORT",
    show_envvar=True,
    help="Port to listen on.  [default: 5066]",
)
@click.option(
    "--hang-sec",
    type=click.FloatRange(2, 3600),
    envvar="EASYAI_HANG_SEC",
    show_envvar=True,
    default=HANG_SEC,
    show_default=True,
    help="A process without a sign of life for this many seconds is killed and started again.",
)
def up(
    config: Path | None,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    hang_sec: float,
) -> None:
    """Run everything here: API, worker, beat and watchdog, until Ctrl-C or SIGTERM.

    Needs no other server: without settings the database and the broker are files in the data
    folder. A process that dies or hangs is started again. Logs go to the terminal and to logs/ in
    the data folder.
    """
    use_config(config)
    os.environ.pop(COPY_VARIABLE, None)  # never start with a mistake in the settings
    for name, value in (("DATA_DIR", data_dir), ("HOST", host), ("PORT", port)):
        if value is not None:
            os.environ[f"EASYAI_{name}"] = str(value)
    check_temp_dir(os.environ.get(name) for name in ("SQLITE_TMPDIR", "TMPDIR"))
    settings = _settings()
    check_rights(settings.easyai.data_dir, settings.easyai.effective_database_url)
    left_behind = claim_data_dir(settings.easyai.data_dir)
    check_port(settings.easyai.host, settings.easyai.port, wait=left_behind)
    _warn(settings)
    # A full temporary folder must not stop SQLite while the data folder has space.
    os.environ.setdefault("SQLITE_TMPDIR", str(settings.easyai.data_dir.absolute()))
    _keep_settings(settings.easyai.data_dir.absolute())
    _prepare(settings)
    _warn_of_links(settings)
    _become_supervisor(settings, hang_sec)


def _settings() -> Settings:
    # Imported here: help and wrong options do not need it.
    from easyai.settings.addresses import check_broker_library
    from easyai.settings.source import load

    settings = load()
    check_broker_library(settings.easyai.broker_url)
    return settings


def _warn(settings: Settings) -> None:
    from easyai.cli.config_warnings import at_start

    for warning in at_start(settings):
        notice(f"warning: {text(warning)}")


def _warn_of_links(settings: Settings) -> None:
    from easyai.cli.link_warnings import link_warnings

    for warning in link_warnings(settings, fitted=True):
        notice(f"warning: {text(warning)}")


def _keep_settings(data_dir: Path) -> None:
    """Keep a copy of the settings for the children, for when the file gets a mistake."""
    from easyai.settings.file import config_path
    from easyai.settings.source import keep_copy

    copy, path = data_dir / COPY_NAME, config_path()
    try:
        if path is None:
            copy.unlink(missing_ok=True)  # the copy of an earlier run
            return
        if not keep_copy(copy, path) and kept(copy, path):
            notice(
                f"warning: {path} is empty: the defaults are in force, not the last good "
                f"settings in {copy}"
            )
            return  # do not name the copy to the children, or they would use it
        os.environ[COPY_VARIABLE] = str(copy)
    except OSError as error:
        notice(f"warning: the settings cannot be kept in {copy}: {error}")


def _prepare(settings: Settings) -> None:
    """Bring the database up to date and claim the store; a refusal leaves no new database."""
    from easyai.errors import EasyaiError

    url = settings.easyai.effective_database_url
    made = missing_database(settings)
    try:
        _migrate(url)
        _claim_store()
    except EasyaiError:
        if made:
            remove_database(Path(made))
        release_data_dir(settings.easyai.data_dir)
        raise


def _claim_store() -> None:
    """Refuse to start on the frame store of another installation.

    When the store does not answer now, the first scan checks whether the store is ours.
    """
    from easyai.errors import DatabaseUnavailableError, StoreUnavailableError
    from easyai.pipeline.ownership import require_store
    from easyai.runtime import open_runtime

    runtime = open_runtime()
    try:
        require_store(runtime)
    except (StoreUnavailableError, DatabaseUnavailableError):
        return
    finally:
        runtime.close()


def _migrate(url: str) -> None:
    from easyai.db.migrate import upgrade
    from easyai.errors import EasyaiError

    noticed = False
    while True:
        try:
            upgrade(url)
        except EasyaiError as error:
            if not error.retryable:
                raise
            # After a power cut the database's machine may start more slowly than this machine.
            if not noticed:
                notice(f"waiting for the database: {error}")
            noticed = True
            time.sleep(1)
        else:
            return


def _become_supervisor(settings: Settings, hang_sec: float) -> NoReturn:
    from easyai.settings.file import absolute_sqlite
    from easyai.settings.schema import ANY_ADDRESS

    own = settings.easyai
    given = installations.shared(os.environ)
    host = "127.0.0.1" if own.host in ANY_ADDRESS else own.host
    # A child that is restarted uses the same places as the others, even if the file has changed.
    places = {
        "EASYAI_DATA_DIR": str(own.data_dir.absolute()),
        "EASYAI_HOST": own.host,
        "EASYAI_PORT": str(own.port),
        "EASYAI_DATABASE_URL": absolute_sqlite(own.effective_database_url, Path.cwd()),
        "EASYAI_BROKER_URL": own.broker_url,
    }
    os.environ |= {
        **places,
        "EASYAI_SUPERVISED": "1",
        AWAIT_API_VARIABLE: f"{host}:{own.port}",
        "PYTHONUNBUFFERED": "1",
        # UTF-8 for file names and log lines, whatever the locale.
        utf8_mode.VARIABLE: "1",
        "PYTHONIOENCODING": "utf-8",
    }
    # Celery's advice to use --uid does not fit: workers run as the user who starts `up`.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with superuser")
    url = f"http://{shown_host(host)}:{own.port}"
    _note(settings, url, given, places)
    ready = (
        f"easyai is ready: {url} (docs /docs) · frames: {_frames(settings)} · "
        f"data: {_shown(own.data_dir)} · stop with Ctrl-C"
    )
    command = Plan(own.data_dir, host, own.port, ready, hang_sec).command()
    os.execv(command[0], command)  # noqa: S606  # our own interpreter, no shell


def _note(settings: Settings, url: str, given: dict[str, str], places: dict[str, str]) -> None:
    """Note the installation for commands that run in other folders."""
    data_dir, frames = settings.easyai.data_dir, settings.frame_extractor.output_dir
    # A relative path is not from the file, whose paths are absolute: it lies below this folder. The
    # note has the absolute path, for commands in other folders.
    if not data_dir.is_absolute():
        given["EASYAI_DATA_DIR"] = places["EASYAI_DATA_DIR"]
    if not frames.is_absolute():
        given["EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR"] = str(frames.absolute())
    if "EASYAI_DATABASE_URL" in given:
        given["EASYAI_DATABASE_URL"] = places["EASYAI_DATABASE_URL"]
    config = given.pop("EASYAI_CONFIG", "")
    try:
        installations.forget_gone()
        installations.note(
            installations.Installation(
                places["EASYAI_DATA_DIR"], url, config, variables=given, in_force=places
            )
        )
    except OSError as error:
        click.echo(
            f"easyai: warning: commands in other folders will not find this installation: {error}",
            err=True,
        )


def _frames(settings: Settings) -> str:
    frames = settings.frame_extractor
    return frames.server.shown if frames.server else _shown(frames.output_dir)


def _shown(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"
