"""Services that answer one request at a time and accept no other connections meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import caller
from easyai.pipeline.answers import Answered
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.transaction import run_transaction
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import free_port
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

ANSWERED = Verdict(CallResult.INFERRED, 50.0)
UNHEARD = Verdict(CallResult.UNREACHABLE, 5000.0, not_accepted=True)
REFUSED = Verdict(CallResult.UNREACHABLE, 1.0)


def _settle(site: Installation, pk: int, *verdicts: Verdict) -> int | None:
    site.record(len(verdicts))
    leased = site.lease(most=len(verdicts))
    answers = [
        Answered(frame, leased.endpoints[pk], verdict)
        for frame, verdict in zip(leased.frames, verdicts, strict=True)
    ]
    run_transaction(site.runtime, answers, CarriedOut(), None)
    cap: int | None = site.service(pk)["concurrency_cap"]
    return cap


@pytest.mark.parametrize(
    ("verdicts", "cap"),
    [
        ((ANSWERED, UNHEARD, UNHEARD, UNHEARD), 2),
        ((UNHEARD, UNHEARD, UNHEARD, UNHEARD), None),  # no answer at all: the service may have gone
        ((ANSWERED, REFUSED, REFUSED, REFUSED), None),
    ],
)
def test_unaccepted_connections_lower_the_cap_of_an_answering_service(
    site: Installation, verdicts: tuple[Verdict, ...], cap: int | None
) -> None:
    pk = site.register(AlgorithmStub(), max_concurrency=8)
    assert _settle(site, pk, *verdicts) == cap


@pytest.mark.parametrize(("verdict", "cap"), [(ANSWERED, 3), (REFUSED, 2), (UNHEARD, 2)])
def test_concurrency_cap_grows_with_answers_only(
    site: Installation, verdict: Verdict, cap: int
) -> None:
    pk = site.register(AlgorithmStub(), max_concurrency=8)
    site.execute("UPDATE services SET concurrency_cap = 2, cap_changed_at = 1")
    assert _settle(site, pk, verdict) == cap


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port whose connections are never accepted; its queue of connections is full."""
    with ExitStack() as ends:
        listening = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = ends.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@pytest.mark.parametrize("listens", [True, False])
def test_only_unaccepted_connections_of_a_listening_service_set_a_cap(
    site: Installation, deaf: int, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    monkeypatch.setattr(caller, "CONNECT_TIMEOUT_SEC", 0.5)
    stub = AlgorithmStub(port=deaf if listens else free_port())
    pk = site.register(stub, max_concurrency=4)
    # Just now: the service answers other calls.
    site.execute("UPDATE services SET last_success_at = :at", at=time.time())
    site.put_many(4)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.2)
    wait_until(lambda: site.count("leased") == 0, 10, "every call is over")
    assert {frame["reason"].partition(":")[0] for frame in site.frames()} == {"cannot connect"}
    assert (site.service(pk)["concurrency_cap"] is not None) == listens


def test_calls_begun_before_a_cap_was_halved_do_not_halve_it_again(site: Installation) -> None:
    pk = site.register(AlgorithmStub(), max_concurrency=8)
    timed_out = Verdict(CallResult.TIMEOUT, 5000.0)
    cap = _settle(site, pk, *[timed_out] * 8)
    assert cap == 4
    site.execute("UPDATE services SET breaker_failures = 0, breaker_open_until = 0")
    assert _settle(site, pk, timed_out, timed_out) == cap
    long_ago = time.time() - 60
    site.execute("UPDATE services SET cap_halved_at = :at", at=long_ago)
    assert _settle(site, pk, timed_out, timed_out) == 1
