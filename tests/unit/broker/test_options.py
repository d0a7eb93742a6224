"""The options that Celery gets for each kind of broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyai.broker.options import TIMEOUT_OPTIONS, broker_settings
from easyai.broker.transports import _TRANSPORTS
from easyai.errors import SettingsError
from easyai.settings.schema import Settings


def _settings(**own: object) -> Settings:
    return Settings.model_validate({"easyai": own})


def test_without_a_broker_url_messages_are_files_below_the_data_folder(tmp_path: Path) -> None:
    config = broker_settings(_settings(data_dir=tmp_path))
    options = config["broker_transport_options"]
    assert config["broker_url"].startswith("filesystem://")
    assert options["data_folder_in"] == options["data_folder_out"]
    assert {Path(folder).parent for folder in options.values()} == {tmp_path / "broker"}


@pytest.mark.parametrize("scheme", ["redis", "rediss", "sentinel"])
def test_a_silent_redis_is_noticed(scheme: str) -> None:
    config = broker_settings(_settings(broker_url=f"{scheme}://127.0.0.1:6379/0"))
    options = config["broker_transport_options"]
    assert options["socket_timeout"] == options["health_check_interval"] == 10
    assert options["socket_keepalive"] is True
    # The shortest timeout of all applications on a Redis wins.
    assert "visibility_timeout" not in options


def test_a_rabbitmq_gets_no_options_of_other_brokers() -> None:
    config = broker_settings(_settings(broker_url="amqp://guest@127.0.0.1//"))
    assert config["broker_transport_options"] == {"confirm_publish": True}
    assert config["broker_heartbeat"] == 10


@pytest.mark.parametrize("url", ["rediss//:geheim@127.0.0.1", "redis://:geheim"])
def test_malformed_broker_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"easyai\.broker_url: not a URL; use redis://"
    ) as caught:
        broker_settings(_settings(broker_url=url))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("scheme", sorted(set(_TRANSPORTS) - {"filesystem"}))
def test_every_transport_of_ours_has_time_limits_and_tls(scheme: str) -> None:
    assert TIMEOUT_OPTIONS[scheme]
    config = broker_settings(_settings(broker_url=f"{scheme}://h/?ssl_cert_reqs=none"))
    assert config["broker_use_ssl"]
    assert config["broker_transport_options"]


def test_another_transport_of_kombu_keeps_its_defaults() -> None:
    config = broker_settings(_settings(broker_url="mongodb://127.0.0.1/easyai"))
    assert config["broker_transport_options"] == {}
    assert config["broker_use_ssl"] is None
