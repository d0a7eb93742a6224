"""Writes durations to their totals once a second, and bounds the number of endpoints in them.

A busy transaction has answers of many endpoints, each with its own row: writing the rows in every
transaction would cost a fifth of its time. Endless registrations of endpoints must not fill a
table: when all places are taken, a new endpoint is counted under 'other' and gets another chance an
hour later.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection

from easyai.db import totals
from easyai.domain.outcome_totals import OTHER, Durations, Histogram, collect
from easyai.masking import endpoint_label
from easyai.runtime import Runtime

_WRITE_EVERY_SEC: Final = 1.0
_AGAIN_SEC: Final = 3600.0
_MOST_KNOWN: Final = 20_000


ByEndpoint = Mapping[tuple[str, str], Durations]  # by task type and endpoint


class DurationTotals:
    """The durations of a process that are not written yet; for a single thread at a time."""

    def __init__(self, _runtime: Runtime | None = None) -> None:
        self._waiting: dict[tuple[str, str], Durations] = {}
        self._written_at = float("-inf")  # monotonic
        self._uncommitted: tuple[ByEndpoint, bool] = ({}, False)
        self._labels: dict[tuple[str, str], str] = {}  # by task type and endpoint
        self._learned_at = time.monotonic()

    def add(self, conn: Connection, took: ByEndpoint, now: float, *, at_once: bool) -> None:
        """Take durations; write them with the waiting durations, `at_once` or once a second.

        They count after `committed`. A killed process loses the durations of its last second.
        """
        written = at_once or time.monotonic() - self._written_at >= _WRITE_EVERY_SEC
        self._uncommitted = took, written
        if written and (took or self._waiting):
            totals.add_durations(conn, self._histograms(conn, took), now)

    def committed(self) -> None:
        """Call when the transaction of the last `add` is committed."""
        (took, written), self._uncommitted = self._uncommitted, ({}, False)
        if written:
            self._waiting.clear()
            self._written_at = time.monotonic()
        else:
            collect(self._waiting, took)

    def _histograms(
        self, conn: Connection, took: ByEndpoint
    ) -> dict[tuple[str, str, str], Histogram]:
        self._learn(conn, self._waiting.keys() | took.keys())
        rows: dict[tuple[str, str], Durations] = {}
        for durations in (self._waiting, took):
            for key, own in durations.items():
                collect(rows, {(key[0], self._labels[key]): own})
        histograms: dict[tuple[str, str, str], Histogram] = {}
        for row, own in rows.items():
            histograms[totals.INFERENCE, *row] = Histogram.of(own.inference)
            if own.frame_latency:
                histograms[totals.FRAME_LATENCY, *row] = Histogram.of(own.frame_latency)
        return histograms

    def _learn(self, conn: Connection, called: Collection[tuple[str, str]]) -> None:
        now = time.monotonic()
        if now - self._learned_at >= _AGAIN_SEC or len(self._labels) >= _MOST_KNOWN:
            self._labels.clear()
            self._learned_at = now
        unknown = [key for key in sorted(called) if key not in self._labels]
        taken = totals.endpoints(conn) if unknown else set()
        for task_type, endpoint in unknown:
            row = (task_type, endpoint_label(endpoint))
            has_place = row in taken or len(taken) < totals.MOST_ENDPOINTS
            self._labels[task_type, endpoint] = row[1] if has_place else OTHER
            if has_place:
                taken.add(row)
