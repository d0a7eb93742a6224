"""Names and answers of a service never control easyai, and are shown unchanged."""

from __future__ import annotations

import pytest

from easyai.diagnosis.contents import diagnose
from easyai.diagnosis.report.as_json import as_json
from easyai.registry import registration
from easyai.registry.views import service_list
from easyai.tasks.sweep import sweep
from tests.support.ports import free_port
from tests.support.site import TYPE, Installation, Row

MOVED = "x; moved to http://evil/infer"
OURS = "no heartbeat for 3 s; registered again"


def _register(site: Installation, endpoint: str, *ids: str) -> None:
    for name in ids:
        body = {"service_id": name, "task_types": [TYPE], "endpoint": endpoint}
        registration.register(site.runtime, body)


def _at(site: Installation, endpoint: str) -> Row:
    (row,) = site.rows("SELECT * FROM services WHERE endpoint = :endpoint", endpoint=endpoint)
    return row


def _endpoint() -> str:
    return f"http://127.0.0.1:{free_port()}/infer"


def test_service_id_that_looks_like_a_move_takes_no_heartbeats_from_an_endpoint(
    site: Installation,
) -> None:
    here, there = _endpoint(), _endpoint()
    _register(site, here, MOVED, "yolo")
    _register(site, there, "yolo")
    site.execute("UPDATE services SET last_evidence = 1")
    registration.heartbeat(site.runtime, "yolo")
    assert [_at(site, endpoint)["last_evidence"] > 1 for endpoint in (here, there)] == [True, True]


def test_service_id_that_looks_like_takeovers_is_not_diagnosed_as_contested(
    site: Installation,
) -> None:
    _register(site, _endpoint(), "yolo (9 ×)", "other")
    found = diagnose(site.runtime, probes=False)
    assert "endpoint_contested" not in [cause.code for cause in found.causes]


@pytest.mark.parametrize("name", [MOVED, OURS, "x: registered again", "x registered y"])
def test_an_event_names_a_service_by_its_whole_service_id(site: Installation, name: str) -> None:
    _register(site, _endpoint(), name)
    site.execute("UPDATE services SET last_evidence = 1, last_heartbeat = 1")
    sweep(site.runtime)
    entries = as_json(diagnose(site.runtime, probes=False), "zh")["timeline"]
    by_kind = {entry["kind"]: (entry["subjects"], entry["text"]) for entry in entries}
    assert by_kind["service_registered"] == ([name], "已注册，版本 -")
    assert by_kind["service_suspect"][0] == [name]


@pytest.mark.parametrize("name", [MOVED, OURS])
def test_text_of_a_service_is_shown_unchanged_in_every_language(
    site: Installation, name: str
) -> None:
    _register(site, _endpoint(), name, "other")
    (entry,) = service_list(site.runtime, everything=True)["services"]
    assert entry["state_reason"] == f"registered in place of service_id={name}"
    assert entry["state_reason_code"] == "service.replaced"
    assert entry["state_reason_args"] == {"before": name}
    (shown,) = as_json(diagnose(site.runtime, probes=False), "zh")["services"]
    assert shown["state_reason"] == f"注册并取代 service_id={name}"
