"""The periodic tasks: new frames, services, upkeep. Each is an adapter of a few lines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from celery import shared_task

from easyai.errors import EasyaiError
from easyai.runtime import Runtime
from easyai.tasks.config import (
    SCAN_TASK,
    SWEEP_INTERVAL_SEC,
    SWEEP_TASK,
    UPKEEP_INTERVAL_SEC,
    UPKEEP_TASK,
)
from easyai.tasks.process import WorkerProcess, process_of
from easyai.tasks.single_run import claimed

log = logging.getLogger(__name__)

Run = Callable[[Runtime], dict[str, Any]]
_OUTAGES: Final = {
    SCAN_TASK: "no scan for new frames",
    SWEEP_TASK: "no sweep of services and leases",
    UPKEEP_TASK: "no upkeep of history and pictures",
}


@shared_task(bind=True, name=SCAN_TASK)  # type: ignore[untyped-decorator]
def scan(self: Any) -> dict[str, Any]:
    """Record new frames, then wake a worker for every type that has frames waiting."""
    return _once(self.app, SCAN_TASK, "scan", partial(_scan, process_of(self.app)))


@shared_task(bind=True, name=SWEEP_TASK)  # type: ignore[untyped-decorator]
def sweep(self: Any) -> dict[str, Any]:
    """Check heartbeats, probe services, expire leases, and wake workers for the freed frames."""
    return _once(self.app, SWEEP_TASK, "sweep", _sweep)


@shared_task(bind=True, name=UPKEEP_TASK)  # type: ignore[untyped-decorator]
def upkeep(self: Any) -> dict[str, Any]:
    """Delete old finished rows, and alerts beyond the limit with their pictures."""
    return _once(self.app, UPKEEP_TASK, "upkeep", _upkeep)


def _scan(process: WorkerProcess, runtime: Runtime) -> dict[str, Any]:
    # Imported here: beat and the command line load this module for the names of the tasks only,
    # and a worker has loaded the rest before its first thread (tasks/task_modules.py).
    from easyai.pipeline import intake
    from easyai.pipeline.ownership import Ownership

    runtime.part(Ownership).check()
    report = intake.scan(runtime)
    process.ring(report.waiting)
    return {"new_frames": report.new_frames, "waiting": report.waiting}


def _sweep(runtime: Runtime) -> dict[str, Any]:
    from easyai.tasks import sweep

    report = sweep.sweep(runtime)
    runtime.doorbell.ring_all(report.woken)
    return {"woken": sorted(report.woken)}


def _upkeep(runtime: Runtime) -> dict[str, Any]:
    from easyai.pipeline import upkeep as pipeline

    return {name: count for name, count in asdict(pipeline.run(runtime)).items() if count}


def _once(app: Any, task: str, claim: str, run: Run) -> dict[str, Any]:
    """Run a periodic task unless it runs elsewhere; returns the result that Flower shows."""
    process = process_of(app)
    outage = process.outage(log, _OUTAGES[task])
    try:
        runtime = process.runtime()
        with claimed(runtime.db, claim, _quiet_sec(task, runtime)) as ours:
            result = run(runtime) if ours else {"skipped": "it runs, or has just run, elsewhere"}
    except EasyaiError as error:
        if not error.retryable:
            raise
        # The error returns every second while a database or store is down: log no traceback.
        outage.failed(error)
        return {"failed": str(error)}
    outage.worked()
    return result


def _quiet_sec(task: str, runtime: Runtime) -> float:
    intervals = {
        SCAN_TASK: runtime.settings.ai_analysis.scan_interval_sec,
        SWEEP_TASK: SWEEP_INTERVAL_SEC,
        UPKEEP_TASK: UPKEEP_INTERVAL_SEC,
    }
    return intervals[task] / 2
