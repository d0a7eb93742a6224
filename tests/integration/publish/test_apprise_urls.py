"""Notifications arrive by mail and webhook, and nothing of their URLs is shown."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from easyai.errors import NotifyError, SettingsError
from easyai.publish.apprise_urls import People, Tone
from tests.support.people import MailServer, Webhook, webhook
from tests.support.ports import free_port

TITLE = "easyai: no algorithm 无算法"
BODY = "no algorithm for task type: 人数统计\n没有算法 <b> \\n & 100 %"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with MailServer() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook."""
    with webhook() as server:
        yield server


def _failure(*urls: str) -> str:
    with pytest.raises(NotifyError) as caught:
        People(urls).send(TITLE, BODY)
    assert "SECRET" not in str(caught.value)
    return str(caught.value)


def test_message_arrives_unchanged_by_mail_and_webhook(mail: MailServer, hook: Webhook) -> None:
    People([mail.url(), hook.url()]).send(TITLE, BODY)
    (sent,) = mail.mails
    assert sent["Subject"] == TITLE
    assert sent["To"] == "ops@example.com"
    plain = sent.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().strip().splitlines() == BODY.splitlines()
    (posted,) = hook.posted
    assert (posted["title"], posted["message"]) == (TITLE, BODY)


@pytest.mark.parametrize("tone", ["info", "success", "warning", "failure"])
def test_notification_type_is_sent_to_a_webhook(hook: Webhook, tone: Tone) -> None:
    People([hook.url()]).send(TITLE, BODY, tone)
    assert [posted["type"] for posted in hook.posted] == [tone]


def test_empty_notify_urls_are_no_error() -> None:
    People([]).check()
    People([]).send(TITLE, BODY)


def test_wrong_mail_password_is_reported_by_position_and_the_webhook_is_notified(
    mail: MailServer, hook: Webhook
) -> None:
    error = _failure(mail.url("SECRET-wrong"), hook.url())
    assert error == (
        "ai_analysis.notify_urls: 1 of 2 not reached: "
        "number 1 (mailto) refused the message: mail server's code 535"
    )
    assert (len(mail.mails), len(hook.posted)) == (0, 1)


def test_refusing_webhook_is_reported_with_its_status(hook: Webhook) -> None:
    hook.status = 403
    assert "number 1 (json) refused the message: HTTP status 403" in _failure(hook.url("SECRET"))


def test_unreachable_notification_servers_are_reported() -> None:
    port = free_port()
    error = _failure(f"mailto://u:SECRET@127.0.0.1:{port}?to=a@b.cn&from=a@b.cn&mode=insecure")
    assert "number 1 (mailto) was not reached: Connection refused" in error
    error = _failure(f"json://u:SECRET@127.0.0.1:{port}/SECRET")
    assert "number 1 (json) was not reached: Connection refused" in error


def test_slow_notification_server_is_given_up_and_delays_no_other(
    mail: MailServer, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyai.publish.apprise_urls._LIMIT_SEC", 1.0)
    hook.may_answer.clear()
    began = time.monotonic()
    error = _failure(hook.url("SECRET"), mail.url())
    assert time.monotonic() - began < 5
    assert error.endswith("number 1 (json) did not answer within 1 s")
    assert len(mail.mails) == 1
    hook.may_answer.set()


def test_malformed_url_is_reported_by_position_and_the_others_are_notified(
    hook: Webhook,
) -> None:
    people = People([hook.url(), "SECRET no url", "nosuchservice://SECRET", ""])
    with pytest.raises(SettingsError) as caught:
        people.check()
    assert "notify_urls: numbers 2, 3, 4 are not" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    with pytest.raises(NotifyError) as missed:
        people.send(TITLE, BODY)
    assert "3 of 4 not reached" in str(missed.value)
    assert "SECRET" not in str(missed.value)
    assert len(hook.posted) == 1


def test_notification_url_is_not_logged_at_any_level(mail: MailServer, hook: Webhook) -> None:
    # A handler of the root logger, as programs have it: caplog also sees loggers that do
    # not propagate.
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        hook.status = 500
        _failure(hook.url("SECRET?token=SECRET"), mail.url("SECRET"), "SECRET", "x://SECRET")
        logging.getLogger("easyai").debug("the root logger listens")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "the root logger listens" in written.getvalue()
    assert "SECRET" not in written.getvalue()


def test_process_without_notifications_does_not_load_apprise() -> None:
    # apprise costs 45 MB and a third of a second.
    code = (
        "import sys, easyai.cli.config_warnings; from easyai.publish.apprise_urls import People\n"
        "People(['json://127.0.0.1']); sys.exit('apprise' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
