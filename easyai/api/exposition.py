"""Metrics in Prometheus's text format, computed from the database at each scrape.

Every API process gives the same answer; nothing is counted in a process. What each metric means:
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
from easyai.db.metrics import Registered, Snapshot
from easyai.db.session import Database
from easyai.domain.alarm import Kind
from easyai.domain.service import ServiceState
from easyai.domain.totals import BOUNDS_SEC, FATES, Histogram


class DatabaseCollector(Collector):
    """Reads the database each time it is collected."""

    def __init__(self, db: Database, *, by_camera: bool) -> None:
        self._db = db
        self._by_camera = by_camera
        self._registered: Registered | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry that asks would read the database at its start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric. Raises DatabaseUnavailableError."""
        with self._db.read() as conn:
            found = metrics.read(conn, self._registered, by_camera=self._by_camera)
        self._registered = found.registered
        yield _frames(found)
        yield from _waiting(found)
        yield from _durations(found)
        yield _last_success(found)
        yield from _services(found)
        yield _alarms(found)
        yield GaugeMetricFamily(
            "easyai_outbox_pending",
            "Alerts that the bus has not acknowledged yet.",
            value=found.outbox,
        )
        if self._by_camera:
            yield _cameras(found)
        yield _build_info()


class Exposition:
    """The text of scrapes; a registry of its own, without the numbers of this process."""

    def __init__(self, db: Database, *, by_camera: bool = False) -> None:
        """With `by_camera` a series for each camera with frames that wait, too."""
        self._registry = CollectorRegistry()
        self._registry.register(DatabaseCollector(db, by_camera=by_camera))

    def __call__(self) -> bytes:
        """The text of one scrape. Raises DatabaseUnavailableError."""
        return generate_latest(self._registry)


def _text(value: str) -> str:
    # Prometheus takes a NUL, which SQLite keeps in a text, for the end of the scrape.
    return value.replace("\0", "\ufffd")


def _frames(found: Snapshot) -> Metric:
    family = CounterMetricFamily(
        "easyai_frames",
        "Frames by what became of them; reason says why a frame failed or was dropped.",
        labels=("task_type", "outcome", "reason"),
    )
    # From 0 on: the increase of a series that begins with its first frame would not be seen.
    counts = {(name, *fate): 0 for name in found.task_types for fate in FATES}
    for labels, count in sorted((counts | dict(found.frames)).items()):
        family.add_metric([_text(label) for label in labels], count)
    return family


def _waiting(found: Snapshot) -> Iterator[Metric]:
    pending = GaugeMetricFamily(
        "easyai_frames_pending", "Frames that wait, parked ones included.", labels=("task_type",)
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


def _durations(found: Snapshot) -> Iterator[Metric]:
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
    for one in found.durations:
        buckets = list(_cumulative(one.histogram))
        names = [_text(one.task_type), _text(one.endpoint)]
        families[one.kind].add_metric(names, buckets, one.histogram.sum_sec)
    yield from families.values()


def _cumulative(histogram: Histogram) -> Iterator[tuple[str, float]]:
    count = 0
    for bound, own in zip((*map(str, BOUNDS_SEC), "+Inf"), histogram.counts, strict=True):
        count += own
        yield bound, count


def _last_success(found: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "easyai_last_success_timestamp_seconds",
        "When a frame was inferred last, Unix time by the database's clock.",
        labels=("task_type",),
    )
    newest: dict[str, float] = {}
    for one in found.durations:
        if one.kind == totals.INFERENCE:
            newest[one.task_type] = max(one.updated_at, newest.get(one.task_type, 0.0))
    for name, at in sorted(newest.items()):
        family.add_metric([_text(name)], at)
    return family


def _services(found: Snapshot) -> Iterator[Metric]:
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


def _alarms(found: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "easyai_alarm_active",
        "1: the system alarm rings; subject is what it is about, where the kind does not say it.",
        labels=("kind", "subject"),
    )
    quiet = {(str(kind), ""): 0 for kind in Kind}
    for labels, count in sorted((quiet | dict(found.alarms)).items()):
        family.add_metric([_text(label) for label in labels], count)
    return family


def _cameras(found: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "easyai_camera_frames_pending",
        "Frames of a camera that wait, parked ones included; cameras without any are left out.",
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
