"""A turn: one transaction that records pictures, settles answers and leases what comes next."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from easyai.db import statistics
from easyai.errors import ConflictError
from easyai.pipeline.dispatch import Dispatched, dispatch
from easyai.pipeline.pictures import CarriedOut, note
from easyai.pipeline.settle import Answered, Settled, settle
from easyai.runtime import Runtime


def turn(
    runtime: Runtime,
    task_type: str,
    answered: Sequence[Answered],
    carried: CarriedOut,
    token: str | None,
) -> tuple[Settled, Dispatched]:
    """Record, settle and, where a lease token is given, lease up to `batch_size`: all or nothing.

    Raises DatabaseUnavailableError; nothing has changed then, or (an answer of the commit that got
    lost) everything has: the same turn may be tried again.
    """
    settings, db = runtime.settings, runtime.db
    analysis = settings.ai_analysis
    for careful in (False, True):
        now = time.time()
        settled, dispatched = Settled(), Dispatched()
        try:
            with db.write() if token is None else db.dispatching() as conn:
                # Pictures carried, services, frames, statistics: rows are locked in this order
                # everywhere, so that two workers never wait for each other.
                note(conn, carried)
                if answered:
                    settled = settle(
                        conn,
                        analysis,
                        answered,
                        now,
                        careful=careful,
                        moves_keep_versions=not runtime.store.remote,
                    )
                statistics.add(conn, {task_type: settled.tally.merged(carried.tally)}, now)
                if token is not None:
                    batch = analysis.batch_size
                    dispatched = dispatch(conn, settings, task_type, batch, token, now)
            break
        except (ConflictError, IntegrityError):
            # A lease was lost, or another alert has the picture's name: then look first.
            if careful:
                raise
    return settled, dispatched
