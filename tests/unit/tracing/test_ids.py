"""The trace of a frame is the same in every process, and whole traces are sampled evenly."""

from __future__ import annotations

import subprocess
import sys

from easyai.tracing.ids import trace_ids, traceparent
from easyai.tracing.journey import Call, without_secrets


def test_every_process_derives_the_same_ids() -> None:
    code = "from easyai.tracing.ids import trace_ids; print(*trace_ids('site', 7))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.split() == [str(number) for number in trace_ids("site", 7)]
    assert trace_ids("site", 7) != trace_ids("other site", 7)
    assert len({trace_ids("site", number) for number in range(1000)}) == 1000


def test_ids_are_spread_evenly_in_the_bits_that_samplers_compare() -> None:
    low = [trace_ids("site", number).trace_id % 2**64 for number in range(4000)]
    assert 300 < sum(number < 2**64 // 10 for number in low) < 500


def test_call_sends_the_trace_to_its_service() -> None:
    ids = trace_ids("site", 7)
    call = Call(ids, 0.0, 0.0, "http://127.0.0.1/infer")
    wanted = f"00-{ids.trace_id:032x}-{call.span_id:016x}-01"
    assert call.headers == {"traceparent": wanted}
    assert traceparent(1, 2) == "00-00000000000000000000000000000001-0000000000000002-01"


def test_span_of_a_failed_call_has_the_class_of_its_error() -> None:
    for status, kind, error in (
        (200, "inferred", None),
        (200, "refused", None),
        (500, "broken", "500"),
        (None, "timeout", "timeout"),
        (200, "broken", "broken"),
    ):
        call = Call(trace_ids("site", 7), 0.0, 0.0, "http://127.0.0.1/infer", status=status)
        call.end(1.0, kind)
        assert (call.ended_at, call.error) == (1.0, error)


def test_addresses_in_spans_carry_no_password_and_no_query() -> None:
    url = "https://user:secret@[::1]:8443/infer?token=secret#secret"
    assert without_secrets(url) == "https://[::1]:8443/infer"
