"""The Celery application: ``celery -A easyai worker``, ``beat``, ``flower``, ``inspect``.

Its configuration is ``celeryconfig.py`` of the folder it is started in, else our defaults.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.utils.imports import cwd_in_path
from kombu.transport import TRANSPORT_ALIASES

from easyai.broker import transport as filesystem
from easyai.errors import SettingsError
from easyai.process.notify import die_with_parent
from easyai.system.encoding import require_utf8
from easyai.system.logs import clean_handlers
from easyai.tasks.liveness import LifeSigns
from easyai.tasks.subscription import QueueSubscription

_OWN_CONFIG = "celeryconfig"
_DEFAULTS = "easyai.tasks.defaults"
# Two lines a task, every second for months, that say nothing an operator can act on.
_CHATTY_LOGGERS = ("celery.app.trace", "celery.worker.strategy")


def _config_module() -> str:
    with cwd_in_path():
        return _OWN_CONFIG if importlib.util.find_spec(_OWN_CONFIG) else _DEFAULTS


@signals.after_setup_logger.connect  # type: ignore[untyped-decorator]
def _quieten(loglevel: int = logging.INFO, **_: Any) -> None:
    if loglevel is not None and loglevel <= logging.DEBUG:
        return
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


@signals.after_setup_logger.connect  # type: ignore[untyped-decorator]
@signals.after_setup_task_logger.connect  # type: ignore[untyped-decorator]
def _keep_to_lines(logger: logging.Logger, **_: Any) -> None:
    clean_handlers(logger)


def make_app(config: Any) -> Celery:
    """An application of easyai with this configuration (a mapping, or the name of a module)."""
    made = Celery("easyai", amqp="easyai.tasks.queues:AMQP", control="easyai.tasks.control:Control")
    made.config_from_object(config)
    made.Task.Request = "easyai.tasks.request:Request"
    made.steps["consumer"].add(QueueSubscription)
    made.steps["consumer"].add(LifeSigns)
    return made


def _prepare_command() -> None:
    """Make ``celery -A easyai inspect`` and the like find what runs, in any folder.

    A worker or beat that somebody starts belongs to the settings it is given. Flower gets our
    defaults, and `inspect` learns of our own question.
    """
    program = Path(sys.argv[0])
    if program.name != "celery" and program.parent.name != "celery":  # or: python -m celery
        return
    commands = {"worker", "beat", "flower", "inspect"} & set(sys.argv)
    if not {"worker", "beat"} & commands:
        from easyai.cli.installation import find_installation

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
filesystem.register()
# By name: the library of a broker that is not used is not loaded.
_REDIS = "easyai.broker.redis_transport:Transport"
_SENTINEL = "easyai.broker.redis_transport:SentinelTransport"
_RABBITMQ = "easyai.broker.rabbitmq_transport:Transport"
_RABBITMQ_TLS = "easyai.broker.rabbitmq_transport:SSLTransport"
TRANSPORT_ALIASES.update(amqp=_RABBITMQ, pyamqp=_RABBITMQ, amqps=_RABBITMQ_TLS)
TRANSPORT_ALIASES.update(redis=_REDIS, rediss=_REDIS, sentinel=_SENTINEL)
app = make_app(_config_module())
