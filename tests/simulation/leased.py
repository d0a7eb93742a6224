"""Leased frames as recorded by the ledger: rates of types, and services taken out of use.

A trigger notes each lease in the transaction that makes it, whatever code does it; a transaction
that comes to nothing takes its notes along.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from easyai.domain.rate_limit import full
from easyai.settings.schema import AiAnalysis
from tests.simulation.checks import rows_of
from tests.simulation.plan import Plan

# The clock is read less than half a token's time apart from the lease.
_SLACK_TOKENS = 0.5
_TRIGGER = """
    CREATE TRIGGER simulation_lease AFTER UPDATE OF lease_token ON frames
    WHEN NEW.state = 'leased' BEGIN
        INSERT INTO simulation_leases (at, task_type, frame, service, taken_out)
        SELECT simulation_now(), NEW.task_type, NEW.id, service_id, state = 'unregistered'
          FROM services WHERE pk = NEW.service_pk;
    END
"""


class Leases:
    """Every lease of a run."""

    def __init__(self, plan: Plan, analysis: AiAnalysis) -> None:
        self._analysis = analysis
        self._read = 0  # number of the newest lease that was looked at
        self._tokens: dict[str, tuple[float, float]] = {}  # by type: tokens, as of a moment
        self._drift = max(map(abs, plan.drifts[: plan.machines]), default=0.0)
        # SQLite's clock is a machine's: set back or forward, it fills each bucket once.
        jumps = sum(fault.kind == "clock_jump" for fault in plan.faults)
        self._jumps = jumps if plan.machines == 1 else 0

    def watch(self, conn: Connection) -> None:
        """Begin to take notes; `simulation_now` gives the true time."""
        conn.exec_driver_sql(
            "CREATE TABLE simulation_leases (number INTEGER PRIMARY KEY, at REAL,"
            " task_type TEXT, frame INTEGER, service TEXT, taken_out INTEGER)"
        )
        conn.exec_driver_sql(_TRIGGER)

    def look(self, conn: Connection, violate: Callable[[str], None]) -> None:
        """Check the leases since the last look."""
        sql = f"SELECT * FROM simulation_leases WHERE number > {self._read} ORDER BY number"
        for row in rows_of(conn, sql):
            self._read = row["number"]
            if row["taken_out"]:
                violate(
                    f"taken-out: frame {row['frame']} was leased to {row['service']}, which was "
                    "unregistered"
                )
            if not self._let_through(row["task_type"], row["at"]):
                rate = self._analysis.type_settings(row["task_type"]).rate_limit
                violate(f"rate: more frames of {row['task_type']} were leased than {rate} lets")

    def _let_through(self, task_type: str, now: float) -> bool:
        """Take a token out of a bucket of our own, as easyai/domain/rate_limit.py describes it."""
        per_sec = self._analysis.type_settings(task_type).rate_per_sec * (1 + self._drift)
        if not per_sec:
            return True
        tokens, at = self._tokens.get(task_type, (full(per_sec), now))
        tokens = min(full(per_sec), tokens + (now - at) * per_sec) - 1
        self._tokens[task_type] = tokens, now
        return tokens >= -_SLACK_TOKENS - self._jumps * full(per_sec)
