"""Preparation between lease and call: every frame of a batch is called or settled."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from easyai.db.ledger import LeasedFrame
from easyai.domain import fate
from easyai.domain.reason import quoted
from easyai.domain.verdict import CallResult, Verdict
from easyai.errors import StoreUnavailableError
from easyai.pipeline import calls
from easyai.pipeline.answers import Answered
from easyai.pipeline.prepare import Prepared, prepare
from easyai.runtime import Runtime
from easyai.system.side_by_side import SideBySide
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def _requests(site: Installation) -> int:
    (row,) = site.rows("SELECT coalesce(sum(requests), 0) AS n FROM statistics WHERE bucket = 0")
    return int(row["n"])


def test_frame_that_ends_during_preparation_is_settled_without_a_call(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_odd(_: Runtime, frames: Sequence[LeasedFrame], pool: object) -> Prepared:
        gone = Verdict(CallResult.MISSING, reason=quoted("gone before its call"))
        even = [(frame, gone) for frame in frames if frame.id % 2 == 0]
        return Prepared([frame for frame in frames if frame.id % 2], even)

    monkeypatch.setattr(calls, "prepare", only_odd)
    site.register(algorithm)
    site.put_many(10)
    site.scan()
    site.loop().pump(TYPE, 5.0)
    assert algorithm.count == 5
    outcomes = [frame["outcome"] for frame in site.frames()]
    assert (outcomes.count("alert"), outcomes.count("missing")) == (5, 5)


def test_failed_preparation_returns_the_batch_without_losing_attempts(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Runtime, frames: Sequence[LeasedFrame], pool: object) -> Prepared:
        raise StoreUnavailableError("the disk is away")

    monkeypatch.setattr(calls, "prepare", fails)
    pk = site.register(algorithm)
    site.put_many(3)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.3)
    wait_until(lambda: site.count("pending") == 3, 5, "they wait again")
    assert {(f["attempts"], f["tries"] > 0) for f in site.frames()} == {(0, True)}
    assert site.service(pk)["breaker_failures"] == 0
    assert algorithm.count == 0
    assert _requests(site) == 0
    monkeypatch.undo()
    site.work(loop)
    assert algorithm.count == 3


def test_unconfirmed_answers_count_as_requests_only_if_a_request_was_sent(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_superseded(
        runtime: Runtime, frames: Sequence[LeasedFrame], pool: SideBySide | None
    ) -> Prepared:
        newer = Verdict(CallResult.SUPERSEDED, reason=quoted("replaced"), called=False)
        return Prepared(list(frames[1:]), [(frames[0], newer)])

    def fails(*_: object) -> list[Answered]:
        raise ZeroDivisionError

    monkeypatch.setattr(fate, "retry_delay_sec", lambda tries: 60.0)
    monkeypatch.setattr(calls, "prepare", first_superseded)
    monkeypatch.setattr(calls, "confirm", fails)
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    site.loop().pump(TYPE, 5.0)
    assert {frame["reason"] for frame in site.frames()} == {"internal error: ZeroDivisionError"}
    assert _requests(site) == algorithm.count == 2


def test_batch_with_a_preparation_longer_than_its_lease_is_called_once(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_store(
        runtime: Runtime, frames: Sequence[LeasedFrame], pool: SideBySide | None
    ) -> Prepared:
        time.sleep(1.2)
        return prepare(runtime, frames, pool)

    monkeypatch.setattr(calls, "prepare", slow_store)
    site.configure(lease_sec=0.6)
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    assert site.loop().pump(TYPE, 10.0).finished == 3
    assert algorithm.count == 3
    assert {frame["tries"] for frame in site.frames()} == {0}
