"""Imports once what the children of ``easyai up`` need, for all of them.

The children are packages of higher rows, so their modules are named here. Left out are modules that
only some installations use: clients of brokers, buses, databases and object stores.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

MODULES: Final = (
    # several children
    "easyai.cli.main",
    "easyai.runtime",
    "easyai.process.presence",
    "easyai.process.database_library",
    "easyai.broker.embedded_transport",
    "easyai.tasks.app",
    "easyai.tasks.doorbell",
    "celery.fixups.django",
    "celery.app.amqp",
    "sqlalchemy.dialects.sqlite",
    "encodings.ascii",
    "encodings.idna",
    # api
    "easyai.cli.api_command",
    "easyai.cli.api_server",
    "easyai.cli.link_warnings",
    "easyai.api.connections",
    "easyai.api.protocol",
    "easyai.api.web_sockets",
    "easyai.dashboard.dashboard_app",
    "fastapi.telemetry._runtime",
    "anyio._backends._asyncio",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    # worker and beat
    "easyai.tasks.supervised",
    "easyai.tasks.periodic",
    "easyai.tasks.beat",
    "celery.bin.beat",
    "celery.bin.worker",
    "celery.apps.beat",
    "celery.backends.base",
    "celery.events.receiver",
    "celery.app.log",
    "celery.app.control",
    # worker
    "easyai.tasks.infer_task",
    "easyai.tasks.publish_task",
    "easyai.tasks.lifecycle",
    "easyai.tasks.celery_rate_limit",
    "easyai.tasks.consumer",
    "easyai.tasks.control",
    "easyai.tasks.inspection",
    "easyai.tasks.pool",
    "easyai.tasks.request",
    "easyai.tasks.subscription",
    "easyai.tasks.sweep",
    "easyai.tasks.worker_liveness",
    "easyai.pipeline.infer",
    "easyai.pipeline.intake",
    "easyai.pipeline.ownership",
    "easyai.pipeline.publishing",
    "easyai.pipeline.upkeep",
    "celery.apps.worker",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    # watchdog
    "easyai.cli.watchdog_command",
    "easyai.alarms.watchdog",
    "easyai.broker.broker_check",
    "easyai.health.checks.data_folder",
    "easyai.health.checks.dependencies",
)


def import_shared() -> None:
    """Import `MODULES`, and keep the children from copying more of their memory than they use.

    A module that cannot be imported is left to the child that needs it: the child reports the
    error in its log, while the other children work.
    """
    for name in MODULES:
        with suppress(Exception):
            import_module(name)
    gc.collect()
    gc.freeze()  # the garbage collector writes into every object that it looks at
    # The interpreter remembers which attributes it has looked up. An entry holds a reference to the
    # attribute's name: a child that replaces entries of this process copies the pages of the names.
    sys._clear_type_cache()
