"""Addresses of Redis, its Sentinels and RabbitMQ."""

from __future__ import annotations

import ssl

import pytest
from kombu.transport import TRANSPORT_ALIASES

from easyai.errors import SettingsError
from easyai.settings.addresses import check_broker, check_broker_library, hide_address
from easyai.settings.schema import Settings
from easyai.settings.server_tls import of_amqp
from easyai.settings.server_url import Tls, parse_server_url
from easyai.tasks.config import celery_settings


@pytest.mark.parametrize(
    "text",
    [
        "redis://h",
        "redis://:p%40@h:6379/15",
        "redis://:p;w@h:6379/15",
        "amqp://easy:p;w@h:5672/",
        "redis+socket:///run/redis.sock?virtual_host=1",
        "amqp://easy:p@h:5672/a/b?login_method=EXTERNAL",
        "amqp://a//;amqp://b//",
        "amqp://easy:p;w@a//;amqp://easy:p;w@b//",
        "filesystem://localhost/",
    ],
)
def test_url_without_easyai_parameters_is_unchanged(text: str) -> None:
    server = parse_server_url(text)
    assert ";".join(server.urls) == text
    assert server.tls is None


def test_a_semicolon_of_a_password_separates_no_hosts() -> None:
    server = parse_server_url("amqp://easy:p;w@a//; pyamqp://easy:p;w@b//;")
    assert server.urls == ("amqp://easy:p;w@a//", "pyamqp://easy:p;w@b//")
    assert parse_server_url("sentinel://:p;w@a/0;sentinel://b").redis_login["password"] == "p;w"


def test_url_parameters_are_removed_and_apply_to_all_hosts() -> None:
    server = parse_server_url(
        "amqps://u:p@a//?ssl_ca_certs=/ca.pem&heartbeat=3;amqps://u:p@b//?ssl_certfile=/c.pem"
    )
    assert server.urls == ("amqps://u:p@a//?heartbeat=3", "amqps://u:p@b//")
    assert server.tls == Tls(ca_certs="/ca.pem", certfile="/c.pem")
    assert of_amqp(server.tls) == {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": None,
        "ca_certs": "/ca.pem",
        "certfile": "/c.pem",
    }


def test_login_of_the_first_sentinel_is_used_for_the_watched_redis() -> None:
    server = parse_server_url(
        "sentinel://:p%40@a:26380/2;sentinel://b?master_name=frames&sentinel_password=q&ssl=true"
    )
    assert server.urls == ("sentinel://:p%40@a:26380/2", "sentinel://:p%40@b/2")
    assert server.sentinels == [("a", 26380), ("b", 26379)]
    assert server.redis_login == {"username": None, "password": "p@", "db": 2}
    assert (server.master_name, server.sentinel_password) == ("frames", "q")
    assert server.tls == Tls()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("rediss://h?ssl_cert_reqs=GEHEIM", "ssl_cert_reqs takes required or none"),
        ("rediss://h?ssl_check_hostname=GEHEIM", "ssl_check_hostname takes true or false"),
        ("sentinel://h?ssl=GEHEIM", "ssl takes true or false"),
        ("amqps://h?ssl_keyfile=/GEHEIM", "ssl_keyfile needs ssl_certfile"),
        ("sentinel://h/GEHEIM", "the number of a Redis database"),
    ],
)
def test_wrong_url_parameter_is_named_with_its_valid_values_and_not_shown(
    text: str, remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy) as caught:
        check_broker(text)
    assert str(caught.value).startswith("easyai.broker_url: ")
    assert "GEHEIM" not in str(caught.value)


def test_a_broker_whose_library_is_missing_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "amqp://a//;zookeeper://u:GEHEIM@b"
    monkeypatch.setitem(TRANSPORT_ALIASES, "zookeeper", "kombu.transport.of_nobody:Transport")
    check_broker(url)
    check_broker_library("amqp://a//")
    with pytest.raises(SettingsError, match="is not installed; use redis://") as caught:
        check_broker_library(url)
    assert "GEHEIM" not in str(caught.value)


def test_the_password_of_the_sentinels_is_hidden() -> None:
    shown = hide_address("sentinel://:geheim@a/0;sentinel://b?sentinel_password=geheim&ssl=true")
    assert "geheim" not in shown
    assert "ssl=true" in shown


@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
def test_certificates_are_verified_unless_the_url_switches_it_off(scheme: str) -> None:
    def options(url: str) -> dict[str, object]:
        settings = Settings.model_validate({"easyai": {"broker_url": url}})
        found: dict[str, object] = celery_settings(settings)["broker_use_ssl"]
        return found

    assert ssl.CERT_REQUIRED in options(f"{scheme}://h").values()
    assert ssl.CERT_NONE in options(f"{scheme}://h?ssl_cert_reqs=none").values()
