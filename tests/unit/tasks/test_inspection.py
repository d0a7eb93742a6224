"""`celery inspect dispatcher` answers from memory, in bounded size."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from easyai.pipeline.frame_log import Counts
from easyai.pipeline.recent_transactions import RecentTransactions
from easyai.tasks import inspection
from easyai.tasks.infer_task import sentence
from easyai.tasks.process import WorkerProcess

TYPES = [f"类型{number:04d}" for number in range(5000)]


def _ask(overview: dict[str, Any] | None, **queues: Any) -> Any:
    process = SimpleNamespace(overview=lambda: overview, stopping=False)
    fields = {"pinned": False, "excluded": set(), "of_types": set(TYPES), "consume_from": {}}
    amqp = SimpleNamespace(queues=SimpleNamespace(**fields | queues))
    app = SimpleNamespace(amqp=amqp, worker_process=process)
    return inspection.dispatcher(SimpleNamespace(consumer=SimpleNamespace(app=app)))


def test_thousands_of_types_make_a_short_answer() -> None:
    overview = {
        "calls_by_type": dict.fromkeys(TYPES, 2) | {"busy": 50},
        "waits_for_room": TYPES,
        "waits_for_a_service": TYPES,
    }
    answer = _ask(overview, excluded=set(TYPES))
    assert len(json.dumps(answer, ensure_ascii=False)) < 5000
    assert next(iter(answer["calls_by_type"].items())) == ("busy", 50)
    assert answer["calls_by_type"]["… and 4981 more"] == 2 * 4981
    assert answer["waits_for_room"][-1] == "… and 4980 more"
    assert answer["serves"]["types_known"] == 5000


def test_worker_without_inference_reports_its_state() -> None:
    answer = _ask(None, pinned=True, consume_from={"infer.人脸": None})
    assert answer["state"] == "not opened yet"
    assert answer["serves"]["queues"] == ["infer.人脸"]
    assert WorkerProcess(None).overview() is None


def test_recent_transactions_are_counted_over_a_minute_in_bounded_memory() -> None:
    recent = RecentTransactions()
    assert recent.overview()["last_transaction"] is None
    for _ in range(1000):
        recent.count(0.0, 3, 2)
    seen = recent.overview()
    assert seen["last_minute"]["transactions"] == 1000
    assert seen["last_minute"]["frames_sent"] == 3000
    assert seen["last_transaction"]["frames_settled"] == 2
    assert len(recent._slices) <= 12


def test_result_of_a_wake_is_a_sentence() -> None:
    counts = Counts(frames=14, finished=13, alerts=9, returned=1, failed=1)
    assert sentence("人数统计", counts) == (
        "人数统计: 14 sent, 12 done, 9 saved as alerts, 1 failed, 1 to be tried again"
    )
    assert sentence("人数统计", Counts()) == "人数统计: woken"
