"""Each frame becomes a trace; faults of the collector do not stop inference."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

import pytest

from easyai.db.installation import installation_id
from easyai.pipeline import publishing
from easyai.pipeline.pipeline_tracing import note_publication, tracing_of
from easyai.tracing.ids import trace_ids
from easyai.tracing.journey import Publication
from tests.support.algorithm_stub import AlgorithmStub, Answer, detections
from tests.support.fake_collector import FakeCollector, Received
from tests.support.ports import free_port
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until


@pytest.fixture
def traced(site: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Installation]:
    """Returns the installation with traces sent to an address."""

    def with_collector(endpoint: str) -> Installation:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        tracing = site.runtime.part(tracing_of)
        assert tracing is not None
        wait_until(lambda: tracing._sdk is not None, 20, "the SDK is loaded")
        return site

    return with_collector


def test_attempts_settling_and_publication_of_a_frame_are_a_single_trace(
    traced: Callable[[str], Installation], algorithm: AlgorithmStub
) -> None:
    with FakeCollector() as collector:
        site = traced(collector.endpoint)
        site.register(algorithm)
        refused = (200, {"success": False, "error": "dark"})
        algorithm.answer = lambda _: detections(1) if algorithm.count > 1 else refused
        site.put_many(1)
        site.work(site.loop())
        (alert,) = site.alerts()
        note_publication(site.runtime, [alert["id"]], 0.1)

        def complete() -> list[Received] | None:
            found = [span for span in collector.spans if span.name != "dispatch"]
            return found if Counter(span.kind for span in found)[4] else None

        spans = collector.wait_for("the publication", complete)
    with site.runtime.db.read() as conn:
        wanted = trace_ids(installation_id(conn), alert["frame_id"])
    assert {span.trace_id for span in spans} == {f"{wanted.trace_id:032x}"}
    names = Counter(span.name for span in spans)
    assert names["wait"] == names["POST"] == names["settle"] == algorithm.count == 2
    (root,) = (span for span in spans if not span.parent)
    assert root.span_id == f"{wanted.root_span_id:016x}"
    assert {span.parent for span in spans if span is not root} == {root.span_id}
    assert len(set(algorithm.traceparents)) == 2


def test_trace_notes_beyond_the_bound_are_dropped_without_stopping_inference(
    traced: Callable[[str], Installation],
    algorithm: AlgorithmStub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = traced(f"http://127.0.0.1:{free_port()}")
    tracing = site.runtime.part(tracing_of)
    assert tracing is not None
    held = threading.Event()
    tracing._make = lambda _: held.wait(20)  # type: ignore[method-assign, assignment]
    tracing._notes.maxsize = 1
    site.register(algorithm)
    site.put_many(40)
    site.work(site.loop())
    note_publication(site.runtime, [1], 0.1)
    note_publication(site.runtime, [1], 0.1)
    note_publication(site.runtime, [1], 0.1)
    held.set()
    assert len(site.alerts()) == 40
    assert [record.message for record in caplog.records if "dropped" in record.message] == [
        "traces are dropped, frames go on: more than can be made; lower OTEL_TRACES_SAMPLER_ARG"
    ]


def test_trace_notes_are_bounded_by_frames_and_free_space_once_made(
    traced: Callable[[str], Installation],
) -> None:
    site = traced(f"http://127.0.0.1:{free_port()}")
    tracing = site.runtime.part(tracing_of)
    assert tracing is not None
    held = threading.Event()
    tracing._make = lambda _: held.wait(20)  # type: ignore[method-assign, assignment]
    note = Publication(0.0, 0.0, range(500), "redis", "alerts")
    tracing.note(note)
    wait_until(tracing._notes.empty, 20, "the thread has taken the first note")
    for _ in range(50):
        tracing.note(note)
    assert tracing._notes.qsize() == 40, "20,000 frames wait"
    held.set()
    wait_until(lambda: tracing._frames == 0, 20, "all notes are made, and there is room again")


@pytest.mark.parametrize("broken", ["sampler", "clock"])
def test_tracing_error_is_logged_once_without_stopping_inference(
    broken: str,
    traced: Callable[[str], Installation],
    algorithm: AlgorithmStub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = traced(f"http://127.0.0.1:{free_port()}")
    tracing = site.runtime.part(tracing_of)
    assert tracing is not None

    def fail(*_: object) -> NoReturn:
        raise RuntimeError("no time")

    def break_clock() -> Answer:
        tracing._ledger.now = fail  # type: ignore[method-assign]
        return detections(1)

    if broken == "sampler":
        tracing._sdk.sampled = fail  # type: ignore[union-attr, method-assign]
    else:
        algorithm.answer = lambda _: break_clock()  # after the calls began
    site.register(algorithm)
    site.put_many(3)
    loop = site.loop()
    site.work(loop)
    note_publication(site.runtime, [1], 0.1)
    assert len(site.alerts()) == algorithm.count == 3
    assert not loop._dispatcher.calls.tokens()
    assert [record.message for record in caplog.records if "no time" in record.message] == [
        "a trace is not made, frames go on: RuntimeError: no time"
    ]


def test_lease_of_a_call_that_raises_is_not_renewed(
    traced: Callable[[str], Installation], algorithm: AlgorithmStub
) -> None:
    site = traced(f"http://127.0.0.1:{free_port()}")
    tracing = site.runtime.part(tracing_of)
    assert tracing is not None
    called = threading.Event()

    def fail(*_: object) -> NoReturn:
        called.set()
        raise RuntimeError("a defect")

    tracing.call = fail  # type: ignore[method-assign, assignment]
    site.register(algorithm)
    site.put_many(1)
    loop = site.loop()
    site.scan()
    loop.pump(TYPE, 1.0)
    assert called.wait(20)
    calls = loop._dispatcher.calls
    wait_until(lambda: not calls.tokens(), 10, "the lease is no longer renewed")


def test_outbox_opens_without_waiting_for_another_part(site: Installation) -> None:
    # A part that requests another part during its creation would wait for itself for ever.
    opened = threading.Thread(target=publishing.anything_waits, args=(site.runtime,), daemon=True)
    opened.start()
    opened.join(20)
    assert not opened.is_alive()
