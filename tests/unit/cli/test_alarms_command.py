"""``easyai alarms`` and ``easyai alarms test``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from easyai.db import alarms as alarms_db
from easyai.domain.reason import from_json, quoted
from easyai.messages.catalogue import text
from tests.support.installation import Installation
from tests.support.people import MailServer, Webhook, webhook
from tests.support.ports import free_port
from tests.support.services import RedisServer


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook."""
    with webhook() as server:
        yield server


def _alarm(installation: Installation, kind: str, began_ago: float, over_ago: float = 0) -> None:
    """An alarm that was raised half a minute after its trouble began."""
    began = installation.now - began_ago
    with installation.db.write() as conn:
        moments = (began, began + 30, began + 30)
        alarms_db.record_notification(
            conn, kind, "人数统计", quoted("services are dead 服务已停止"), *moments
        )
        if over_ago:
            alarms_db.record_end(conn, kind, "人数统计", began, installation.now - over_ago)


def test_ringing_alarms_come_first_and_make_exit_code_1(installation: Installation) -> None:
    _alarm(installation, "no_algorithm", 7200)
    _alarm(installation, "bus_down", 600, over_ago=60)
    result = installation.run("alarms", "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["alarms"]
    assert (first["kind"], first["ringing"], first["over_at"]) == ("no_algorithm", True, None)
    assert (second["kind"], second["ringing"]) == ("bus_down", False)
    assert first["raised_at"].endswith("Z")
    assert second["began_at"] < second["raised_at"] < second["over_at"]
    assert second["lasted_sec"] == 540.0, "the trouble, not the time that it was notified"
    assert (first["cause"], first["cause_code"]) == ("services are dead 服务已停止", "quoted")
    lines = installation.run("alarms").stdout.splitlines()
    assert "no_algorithm" in lines[1]
    assert "  2 h" in lines[1]
    assert "ringing" in lines[1]
    assert "服务已停止" in lines[1]
    assert "9 min" in lines[2]
    assert len(installation.run("alarms", "--limit", "1").stdout.splitlines()) == 2


def test_exit_code_is_0_without_a_ringing_alarm(installation: Installation) -> None:
    result = installation.run("alarms")
    assert result.exit_code == 0
    assert "no alarm rings" in result.stderr
    _alarm(installation, "bus_down", 600, over_ago=60)
    assert installation.run("alarms").exit_code == 0


def test_test_alarm_without_bus_and_recipients_is_in_the_table(
    installation: Installation,
) -> None:
    result = installation.run("alarms", "test", "--json")
    assert result.exit_code == 0
    channels = json.loads(result.stdout)["channels"]
    assert [(channel["channel"], channel["state"]) for channel in channels] == [
        ("table", "worked"),
        ("log", "worked"),
        ("bus", "not set"),
        ("people", "not set"),
    ]
    for channel in channels:
        reason = from_json({"code": channel["why_code"], "args": channel["why_args"]})
        assert channel["why"] == text(reason)
    assert channels[3]["why_code"] == "alarm_trial.no_people"
    shown = installation.run("alerts", "--task-id", "system").stdout
    assert "test" in shown
    assert "系统运行正常" in shown


def test_test_alarm_reaches_the_bus_and_the_recipients(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    redis_server: RedisServer,
    redis_url: str,
    hook: Webhook,
) -> None:
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__MQ_TYPE", "redis")
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__MQ_ADDRESS", redis_url)
    with MailServer() as mail:
        urls = json.dumps([mail.url(), hook.url()])
        monkeypatch.setenv("EASYAI_AI_ANALYSIS__NOTIFY_URLS", urls)
        result = installation.run("alarms", "test")
    assert result.exit_code == 0, result.output
    assert "redis acknowledged it" in result.stdout
    assert "all notify_urls took it (2)" in result.stdout
    assert "测试告警" in str(mail.mails[0]["Subject"])
    assert "系统运行正常" in hook.posted[0]["message"]
    redis_server.flush()


def test_channels_that_fail_are_named_with_their_reason_and_make_exit_code_1(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, hook: Webhook
) -> None:
    hook.status = 403
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__MQ_TYPE", "redis")
    monkeypatch.setenv(
        "EASYAI_AI_ANALYSIS__MQ_ADDRESS", f"redis://:SECRET@127.0.0.1:{free_port()}/0"
    )
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__NOTIFY_URLS", json.dumps([hook.url("SECRET")]))
    result = installation.run("alarms", "test", "--json")
    assert result.exit_code == 1
    table, _, bus, people = json.loads(result.stdout)["channels"]
    assert table["state"] == "worked"
    assert (bus["state"], people["state"]) == ("failed", "failed")
    assert "Connection refused" in bus["why"]
    assert "HTTP status 403" in people["why"]
    assert people["why_code"] == "notify.not_reached"
    assert people["why_args"]["whys"][0]["args"]["why"]["args"] == {"status": 403}
    assert "SECRET" not in result.output
