"""Builds the Celery application, for the workers and for processes that only send to them.

Its configuration is ``celeryconfig.py`` of the working directory, else our defaults.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Any, Final

from celery import Celery, signals
from celery.utils.imports import cwd_in_path

from easyai.broker import transports
from easyai.system.logs import clean_handlers

_OWN_CONFIG: Final = "celeryconfig"
_DEFAULTS: Final = "easyai.tasks.defaults"
# Two lines a task, every second for months, and nothing in them that an operator can act on.
_CHATTY_LOGGERS: Final = ("celery.app.trace", "celery.worker.strategy")


def config_module() -> str:
    """The name of the module with Celery's configuration."""
    with cwd_in_path():
        return _OWN_CONFIG if importlib.util.find_spec(_OWN_CONFIG) else _DEFAULTS


def make_app(config: Any = None) -> Celery:
    """An application of easyai with this configuration: a mapping, or the name of a module.

    Without `config`, the configuration is that of `config_module`. It is read on first use.
    """
    transports.register()
    # Parts that only a worker needs are named, not imported: the API makes an application to send.
    made = Celery("easyai", amqp="easyai.tasks.queues:AMQP", control="easyai.tasks.control:Control")
    made.config_from_object(config_module() if config is None else config)
    made.Task.Request = "easyai.tasks.request:Request"
    made.steps["consumer"].add("easyai.tasks.subscription:QueueSubscription")
    made.steps["consumer"].add("easyai.tasks.worker_liveness:LifeSigns")
    return made


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _begin_worker(sender: Any, **_: Any) -> None:
    from easyai.tasks.lifecycle import Lifecycle

    Lifecycle(sender.app).begin()


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
