"""Metrics in Prometheus's text format, computed from the database at each scrape.

Every API process gives the same answer; no process counts anything itself. What each metric means:
docs/metrics.md.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from easyai import __version__
from easyai.db import metrics, totals
from easyai.db.metrics import MetricsSnapshot, Registered
from easyai.db.session import Database
from easyai.domain.alarm import AlarmKind
from easyai.domain.outcome_totals import BOUNDS_SEC, FATES, Histogram
from easyai.domain.service import ServiceState


class DatabaseCollector(Collector):
    """Reads the database each time it is collected."""

    def __init__(self, db: Database, *, by_camera: bool) -> None:
        self._db = db
        self._by_camera = by_camera
        self._registered: Registered | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry calls this at its start, and must not read the database then."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric. Raises DatabaseUnavailableError."""
        with self._db.read() as conn:
            snapshot = metrics.read(conn, self._registered, by_camera=self._by_camera)
        self._registered = snapshot.registered
        yield _frames(snapshot)
        yield from _waiting(snapshot)
        yield from _durations(snapshot)
        yield _last_success(snapshot)
        yield from _services(snapshot)
        yield _alarms(snapshot)
        yield GaugeMetricFamily(
            "easyai_outbox_pending",
            "Alerts that the bus has not acknowledged yet.",
            value=snapshot.outbox,
        )
        if self._by_camera:
            yield _cameras(snapshot)
        yield _build_info()


class Exposition:
    """The text of scrapes; uses a registry of its own, which has no metrics of this process."""

    def __init__(self, db: Database, *, by_camera: bool = False) -> None:
        """With `by_camera`, also export a series for each camera with waiting frames."""
        self._registry = CollectorRegistry()
        self._registry.register(DatabaseCollector(db, by_camera=by_camera))

    def __call__(self) -> bytes:
        """The text of a scrape. Raises DatabaseUnavailableError."""
        return generate_latest(self._registry)


def _text(value: str) -> str:
    # Prometheus takes a NUL for the end of the scrape, and SQLite keeps a NUL in a text.
    return value.replace("\0", "\ufffd")


def _frames(found: MetricsSnapshot) -> Metric:
    family = CounterMetricFamily(
        "easyai_frames",
        "Frames by outcome; reason is why a frame failed or was dropped.",
        labels=("task_type", "outcome", "reason"),
    )
    # Start at 0: Prometheus would not see an increase in a series that begins with its first frame.
    counts = {(name, *fate): 0 for name in found.task_types for fate in FATES}
    for labels, count in sorted((counts | dict(found.frames)).items()):
        family.add_metric([_text(label) for label in labels], count)
    return family


def _waiting(found: MetricsSnapshot) -> Iterator[Metric]:
    pending = GaugeMetricFamily(
        "easyai_frames_pending", "Frames that wait, parked frames included.", labels=("task_type",)
    )
    oldest = GaugeMetricFamily(
        "easyai_oldest_pending_seconds",
        "For how long the oldest frame waits; 0: none waits.",
        labels=("task_type",),
    )
    leases = GaugeMetricFamily(
        "easyai_leases", "Frames in flight: leased to a worker.", labels=("task_type",)
    )
    for name in sorted({*found.task_types, *found.waiting, *found.leases}):
        waiting = found.waiting.get(name)
        pending.add_metric([_text(name)], waiting.frames if waiting else 0)
        oldest.add_metric([_text(name)], waiting.oldest_sec if waiting else 0.0)
        leases.add_metric([_text(name)], found.leases.get(name, 0))
    yield from (pending, oldest, leases)


def _durations(found: MetricsSnapshot) -> Iterator[Metric]:
    labels = ("task_type", "endpoint")
    families = {
        totals.INFERENCE: HistogramMetricFamily(
            "easyai_inference_duration_seconds",
            "Request to answer of inferences that succeeded, as easyai measures it.",
            labels=labels,
        ),
        totals.FRAME_LATENCY: HistogramMetricFamily(
            "easyai_frame_latency_seconds",
            "From the arrival of a frame to its result, of frames that were inferred.",
            labels=labels,
        ),
    }
    for entry in found.durations:
        buckets = list(_cumulative(entry.histogram))
        names = [_text(entry.task_type), _text(entry.endpoint)]
        families[entry.kind].add_metric(names, buckets, entry.histogram.sum_sec)
    yield from families.values()


def _cumulative(histogram: Histogram) -> Iterator[tuple[str, float]]:
    count = 0
    for bound, own in zip((*map(str, BOUNDS_SEC), "+Inf"), histogram.counts, strict=True):
        count += own
        yield bound, count


def _last_success(found: MetricsSnapshot) -> Metric:
    family = GaugeMetricFamily(
        "easyai_last_success_timestamp_seconds",
        "When a frame was inferred last, Unix time by the database's clock.",
        labels=("task_type",),
    )
    newest: dict[str, float] = {}
    for entry in found.durations:
        if entry.kind == totals.INFERENCE:
            newest[entry.task_type] = max(entry.updated_at, newest.get(entry.task_type, 0.0))
    for name, at in sorted(newest.items()):
        family.add_metric([_text(name)], at)
    return family


def _services(found: MetricsSnapshot) -> Iterator[Metric]:
    services = GaugeMetricFamily(
        "easyai_services",
        "Endpoints that serve a task type, by state.",
        labels=("task_type", "state"),
    )
    known = found.registered
    names = sorted({*found.task_types, *(name for name, _ in known.services)})
    for name in names:
        for state in ServiceState:
            services.add_metric([_text(name), state], known.services.get((name, state), 0))
    yield services
    breakers = GaugeMetricFamily(
        "easyai_breaker_open",
        "1: calls of the endpoint fail, it gets a trial now and then; of 'other': how many.",
        labels=("task_type", "endpoint"),
    )
    for labels, count in sorted(known.breakers.items()):
        breakers.add_metric([_text(label) for label in labels], count)
    yield breakers


def _alarms(found: MetricsSnapshot) -> Metric:
    family = GaugeMetricFamily(
        "easyai_alarm_active",
        "1: the system alarm rings; subject is what the alarm is about, unless kind shows it.",
        labels=("kind", "subject"),
    )
    quiet = {(str(kind), ""): 0 for kind in AlarmKind}
    for labels, count in sorted((quiet | dict(found.alarms)).items()):
        family.add_metric([_text(label) for label in labels], count)
    return family


def _cameras(found: MetricsSnapshot) -> Metric:
    family = GaugeMetricFamily(
        "easyai_camera_frames_pending",
        "Waiting and parked frames of a camera; cameras without such frames are left out.",
        labels=("task_type", "camera"),
    )
    for labels, count in sorted(found.cameras.items()):
        family.add_metric([_text(label) for label in labels], count)
    return family


def _build_info() -> Metric:
    family = GaugeMetricFamily(
        "easyai_build_info", "The version that answers; always 1.", labels=("version", "python")
    )
    family.add_metric([__version__, platform.python_version()], 1)
    return family
