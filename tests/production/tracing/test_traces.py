"""Traces of frames' journeys from a running installation to a (fake) collector."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from easyai.tracing.journey import without_secrets
from tests.support.algorithm_stub import AlgorithmStub, Answer, Frame, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.fake_collector import FakeCollector, Received
from tests.support.outside import Outside
from tests.support.services import RedisServer
from tests.support.waiting import wait_until

PEOPLE = "人数统计"
CLIENT, PRODUCER = 3, 4
ERROR = 2
FRAMES = 60

Start = Callable[..., EasyaiProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an installation with these variables."""
    with ExitStack() as stack:

        def make(settings: str = "", **environment: str) -> EasyaiProcess:
            up = EasyaiProcess(tmp_path, settings, {"OTEL_BSP_SCHEDULE_DELAY": "200"} | environment)
            stack.callback(up.close)
            return up.start(timeout=90.0)

        yield make


def test_journey_of_a_frame_is_a_single_trace_from_its_file_to_the_bus(
    start: Start, redis_server: RedisServer
) -> None:
    redis_server.start()
    bus = f'[ai_analysis]\nmq_type = "redis"\nmq_address = "{redis_server.url}"\nmax_attempts = 2\n'

    def answer(frame: Frame) -> Answer:
        name = frame["image_path"].rpartition("/")[2]
        return (200, {"success": False, "error": "dark"}) if name == "00001.jpg" else detections(1)

    with FakeCollector() as collector, AlgorithmStub("s", (PEOPLE,), answer) as stub:
        up = start(bus, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_SERVICE_NAME="site 7")
        up.wait_for_line("traces of frames are sent")
        stub.register(up.url, endpoint=f"{stub.endpoint}?token=hidden")
        site = Outside(up.url, up.frames)
        site.put_many(3, PEOPLE)

        def complete() -> bool:
            kinds = Counter(span.name.partition(" ")[0] for span in collector.spans)
            return kinds["frame"] == 3 and kinds["publish"] == 2

        collector.wait_for("three journeys, two of them published", complete)
        by_key = {
            root.attributes["easyai.frame.key"].rpartition("/")[2]: (root, spans)
            for spans in collector.traces().values()
            for root in spans
            if root.name == f"frame {PEOPLE}"
        }
        _check_journey(*by_key["00000.jpg"])
        _check_failure(*by_key["00001.jpg"])
        sent = stub.traceparents
        _check_headers(collector.spans, sent)
        text = repr(collector.spans)
        assert "hidden" not in text
        assert "signature" not in text.lower()
        assert "/files/" not in text
        dispatches = [span for span in collector.spans if span.name == "dispatch"]
        linked = {trace for dispatch in dispatches for trace, _ in dispatch.links}
        assert {root.trace_id for root, _ in by_key.values()} <= linked
        assert {span.resource["service.name"] for span in collector.spans} == {"site 7"}


def _check_journey(root: Received, spans: list[Received]) -> None:
    assert [span.name for span in spans if span.name not in (root.name, "find")] == [
        "wait",
        "POST",
        "settle",
        "publish easyai.alerts",
    ]
    assert not root.parent
    assert {span.parent for span in spans if span is not root} == {root.span_id}
    find, wait, post, settle = (
        next(span for span in spans if span.name == name)
        for name in ("find", "wait", "POST", "settle")
    )
    assert root.begin <= find.end <= wait.end <= post.begin <= post.end <= settle.end <= root.end
    assert root.attributes["easyai.outcome"] == "alert"
    assert post.kind == CLIENT
    assert post.attributes["http.request.method"] == "POST"
    assert post.attributes["http.response.status_code"] == 200
    assert post.attributes["server.address"] == "127.0.0.1"
    assert post.attributes["url.full"] == without_secrets(post.attributes["url.full"])
    publish = next(span for span in spans if span.name.startswith("publish"))
    assert publish.kind == PRODUCER
    assert publish.attributes["messaging.system"] == "redis"


def _check_failure(root: Received, spans: list[Received]) -> None:
    """Two attempts that were refused are in the same trace."""
    assert root.status == ERROR
    assert root.attributes["easyai.state"] == "failed"
    assert Counter(span.name for span in spans)["POST"] == 2
    assert not [span for span in spans if span.name.startswith("publish")]


def _check_headers(spans: list[Received], sent: list[str]) -> None:
    """Each call's header names its own span."""
    calls = {f"00-{span.trace_id}-{span.span_id}-01" for span in spans if span.name == "POST"}
    assert len(sent) == 4
    assert set(sent) == calls


def test_sampled_frames_have_whole_traces_and_other_calls_carry_no_header(start: Start) -> None:
    with FakeCollector() as collector, AlgorithmStub("s", (PEOPLE,)) as stub:
        up = start(
            "",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_TRACES_SAMPLER="parentbased_traceidratio",
            OTEL_TRACES_SAMPLER_ARG="0.3",
        )
        up.wait_for_line("traces of frames are sent")
        stub.register(up.url)
        site = Outside(up.url, up.frames)
        site.assert_one_alert_each(site.put_many(FRAMES, PEOPLE))
        traced = len(stub.traceparents)
        assert 0 < traced < FRAMES

        def complete() -> bool:
            names = Counter(span.name.partition(" ")[0] for span in collector.spans)
            return names["frame"] == names["POST"] == names["wait"] == names["settle"] == traced

        collector.wait_for(f"{traced} whole journeys", complete)


def test_failing_collector_costs_no_frame_and_few_log_lines(start: Start) -> None:
    with AlgorithmStub("s", (PEOPLE,)) as stub:
        with FakeCollector(status=503) as collector:
            up = start("", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
            up.wait_for_line("traces of frames are sent")
            stub.register(up.url)
            site = Outside(up.url, up.frames)
            keys = site.put_many(FRAMES, PEOPLE, "failing")
            wait_until(lambda: "traces are not sent" in up.log, 60, "the log has the line")
            collector.delay = 30.0
            keys += site.put_many(FRAMES, PEOPLE, "slow")
            site.assert_one_alert_each(keys, 60)
        keys += site.put_many(FRAMES, PEOPLE, "refused")
        site.assert_one_alert_each(keys, 60)
        assert len(stub.traceparents) == 3 * FRAMES
        lines = [line for line in up.log.splitlines() if "traces are" in line]
        assert len(lines) <= 3, lines  # 1 a minute
        assert "Traceback" not in up.log
        up.stop(timeout=25.0)


def test_missing_tracing_packages_are_logged_on_a_single_line_and_frames_go_on(
    start: Start, tmp_path: Path
) -> None:
    # The SDK cannot be imported, as where it is not installed; FastAPI may bring the API along.
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(
        "import sys\nsys.modules['opentelemetry.sdk'] = None\n"
    )
    import easyai

    path = f"{tmp_path / 'without'}:{Path(easyai.__file__).parents[1]}"
    with AlgorithmStub("s", (PEOPLE,)) as stub:
        up = start("", OTEL_TRACES_EXPORTER="otlp", PYTHONPATH=path)
        stub.register(up.url)
        site = Outside(up.url, up.frames)
        site.assert_one_alert_each(site.put_many(3, PEOPLE))
        lines = [line for line in up.log.splitlines() if "no traces" in line]
        assert len(lines) == 1
        assert re.search(r"OpenTelemetry is not installed: pip install '\.\[otel\]'", lines[0])
