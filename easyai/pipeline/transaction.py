"""The dispatcher's transaction: records pictures, settles answers and leases the next frames."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from easyai.db import clock, generations, statistics, totals, wakes
from easyai.db.session import has_waited
from easyai.errors import ConflictError
from easyai.pipeline.answers import Answered
from easyai.pipeline.camera_totals import CameraTotals
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.dispatched import Dispatched, Serves
from easyai.pipeline.duration_totals import DurationTotals
from easyai.pipeline.incoming import Incoming, record_alone
from easyai.pipeline.picture_moves import CarriedOut, note
from easyai.pipeline.recording import Inserted
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.settle import Settled, settle
from easyai.runtime import Runtime


def run_transaction(
    runtime: Runtime,
    answered: Sequence[Answered],
    carried: CarriedOut,
    token: str | None,
    *,
    serves: Serves | None = None,
    rung: Sequence[str] = (),
    idle: bool = True,
    incoming: Incoming | None = None,
) -> tuple[Settled, Dispatched]:
    """Record, settle and, if a lease token is given, lease up to `batch_size`: all or nothing.

    Answers may be of any task type; leased frames are of types that this process `serves` (None:
    all). `rung` are types whose wakes have arrived. `idle`: no further answer is under way, so all
    durations are written now. `incoming`: pictures to record as frames before the leasing. Raises
    DatabaseUnavailableError; then nothing has changed or, if only the reply to the commit was lost,
    everything has. The same transaction may be tried again.
    """
    cache = runtime.part(ServiceCache)
    for careful in (False, True):
        settled, dispatched = Settled(), Dispatched()
        try:
            with runtime.db.write() if token is None else runtime.db.dispatching() as conn:
                record_alone(conn, incoming)
                _answer(conn, runtime, rung, leasing=token is not None)
                settled = _settle(conn, runtime, answered, carried, careful=careful)
                cache.note_calls(settled.evidence.updates, settled.evidence.changed)
                inserted = incoming.insert(conn) if incoming is not None else None
                if token is not None:
                    now = clock.now(conn)
                    leased_at = time.monotonic()
                    dispatched = dispatch(conn, runtime.settings, cache, token, now, serves=serves)
                    dispatched.leased_at, dispatched.waited = leased_at, has_waited(conn)
                _count(conn, runtime, settled, carried, inserted, idle=idle)
                if settled.evidence.changed:
                    cache.bumped(generations.bump_registry(conn))
        except (ConflictError, IntegrityError):
            # A lease was lost, or another alert has the picture's name: try again with checks.
            cache.forget()
            if careful:
                raise
        except BaseException:
            cache.forget()
            raise
        else:
            runtime.part(DurationTotals).committed()
            runtime.part(CameraTotals).committed()
            break
    return settled, dispatched


def _answer(conn: Connection, runtime: Runtime, rung: Sequence[str], *, leasing: bool) -> None:
    limited = runtime.settings.ai_analysis.limited_types() if leasing else []
    wakes.answer(conn, rung, also=limited)  # their rates are written at the end


def _settle(
    conn: Connection,
    runtime: Runtime,
    answered: Sequence[Answered],
    carried: CarriedOut,
    *,
    careful: bool,
) -> Settled:
    # Wakes, carried pictures, services, frames, statistics, the registry's generation: rows are
    # locked in this order everywhere, so that two workers never wait for each other.
    note(conn, carried)
    if not answered:
        return Settled()
    return settle(
        conn,
        runtime.settings.ai_analysis,
        answered,
        clock.now(conn),
        careful=careful,
        moves_keep_versions=not runtime.store.remote,
    )


def _count(
    conn: Connection,
    runtime: Runtime,
    settled: Settled,
    carried: CarriedOut,
    inserted: Inserted | None,
    *,
    idle: bool,
) -> None:
    tallies = {name: own.tally for name, own in settled.types.items()}
    if inserted is not None:
        for name, found in inserted.tallies.items():
            tallies[name] = tallies[name].merged(found) if name in tallies else found
        settled.totals.add_frames(inserted.totals)
    now = clock.now(conn)
    statistics.add(conn, {**tallies, "": carried.tally}, now)
    totals.add_frames(conn, settled.totals, now)
    runtime.part(DurationTotals).add(conn, settled.totals.durations, now, at_once=idle)
    given_up = settled.totals.cameras
    runtime.part(CameraTotals).add(conn, settled.fates, given_up, settled.at or now, at_once=idle)
