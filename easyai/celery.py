"""The Celery application: ``celery -A easyai worker``, ``beat``, ``flower``, ``inspect``."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from easyai.errors import SettingsError
from easyai.process.supervisor_link import die_with_parent
from easyai.settings.utf8_mode import require_utf8
from easyai.tasks.app import make_app


def _prepare_command() -> None:
    """Make ``celery -A easyai inspect`` and similar commands find the installation that runs.

    They find it from any folder. A worker or beat that somebody starts uses the settings that it is
    given. Flower gets our defaults, and `inspect` gets our own question.
    """
    program = Path(sys.argv[0])
    if program.name != "celery" and program.parent.name != "celery":  # or: python -m celery
        return
    commands = {"worker", "beat", "flower", "inspect"} & set(sys.argv)
    if not {"worker", "beat"} & commands:
        from easyai.settings.find_installation import find_installation

        find_installation()
    if "flower" in commands:
        from easyai.tasks.flower_options import set_flower_defaults

        for warning in set_flower_defaults(os.environ, sys.argv):
            sys.stderr.write(f"easyai: warning: {warning}\n")
    if "inspect" in commands:
        importlib.import_module("easyai.tasks.inspection")


try:
    require_utf8()
    _prepare_command()
except SettingsError as error:
    # Celery would wrap any other exception in a traceback of its own.
    raise SystemExit(f"easyai: {error}") from None
die_with_parent()
app = make_app()
