"""Starts Celery's worker and beat as children of ``easyai up``, without Celery's other commands.

``python -m celery`` imports every command and every plugin: Flower's web server, a terminal library
and a client of Redis, which these processes do not use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

from celery.bin.base import CLIContext
from celery.bin.beat import beat
from celery.bin.worker import worker

_COMMANDS: Final = {"worker": worker, "beat": beat}


def main() -> None:
    """Do what ``celery -A easyai worker …`` or ``celery -A easyai beat …`` does."""
    name, *arguments = sys.argv[sys.argv.index("-A") + 2 :]
    # By its name, as Celery itself finds it: the application is of a row above.
    app = import_module("easyai.celery").app
    _COMMANDS[name].main(
        arguments,
        prog_name=f"celery {name}",
        obj=CLIContext(app, no_color=True, workdir=None, quiet=True),
        auto_envvar_prefix=f"CELERY_{name.upper()}",
    )
