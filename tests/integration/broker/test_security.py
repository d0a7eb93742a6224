"""Passwords, users and certificates of the broker: errors are reported with their remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from easyai.broker.broker_check import BrokerCheck
from easyai.errors import BrokerUnavailableError, BusUnavailableError
from easyai.publish.bus import open_bus
from easyai.publish.bus_interface import Message
from easyai.settings.schema import AiAnalysis
from easyai.settings.source import SettingsSource
from tests.support.certificates import Authority
from tests.support.redis_servers import PASSWORD, GuardedRedis

PEOPLE = "人数统计"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of the servers and of the client."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[GuardedRedis]:
    """A Redis over TLS."""
    with GuardedRedis(authority) as server:
        yield server


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Returns the error of the broker's check for a URL; '' when the check passes."""

    def ask(url: str) -> str:
        monkeypatch.setenv("EASYAI_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("EASYAI_BROKER_URL", url)
        refused = ""
        try:
            BrokerCheck(SettingsSource().current).check()
        except BrokerUnavailableError as error:
            refused = str(error)
        assert PASSWORD not in refused
        return refused

    return ask


def test_redis_over_tls_is_trusted_only_with_its_authority(
    secure: GuardedRedis, authority: Authority, refusal: Callable[[str], str]
) -> None:
    assert refusal(secure.address(parameters=authority.parameters())) == ""
    # Without the authority the certificate is not trusted.
    reason = refusal(secure.address())
    assert "certificate that is not trusted" in reason
    assert "ssl_ca_certs" in reason


def test_redis_certificate_for_another_host_is_refused(
    authority: Authority, refusal: Callable[[str], str]
) -> None:
    server = GuardedRedis(authority, certificate="other")
    try:
        server.start()
        reason = refusal(server.address(parameters=authority.parameters()))
    finally:
        server.close()
    assert "certificate that is not trusted" in reason
    assert "mismatch" in reason


def test_tls_file_and_login_errors_are_named(
    secure: GuardedRedis, authority: Authority, refusal: Callable[[str], str], tmp_path: Path
) -> None:
    address = secure.address(parameters=authority.parameters())
    lacking = tmp_path / "lacking.pem"
    reason = refusal(address.replace(str(authority.file), str(lacking)))
    assert f"cannot read {lacking}, ssl_ca_certs of easyai.broker_url" in reason
    reason = refusal(address.replace(PASSWORD, "wrong"))
    assert "refuses us" in reason
    assert "wrong" not in reason.replace("WRONGPASS", "")
    # Without the client certificate that this Redis requires.
    reason = refusal(secure.address(parameters=f"ssl_ca_certs={authority.file}"))
    assert "rediss" in reason


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_tls_parameter_enables_tls_with_either_scheme(
    secure: GuardedRedis,
    authority: Authority,
    refusal: Callable[[str], str],
    scheme: str,
) -> None:
    address = secure.address(parameters=authority.parameters()).replace("rediss", scheme, 1)
    assert refusal(address) == ""
    bus = open_bus(AiAnalysis(mq_type="redis", mq_address=address))
    bus.check()
    bus.close()


def test_redis_bus_over_tls_takes_alerts_and_refuses_an_untrusted_certificate(
    secure: GuardedRedis, authority: Authority
) -> None:
    address = secure.address(parameters=authority.parameters())
    bus = open_bus(AiAnalysis(mq_type="redis", mq_address=address))
    bus.check()
    assert bus.send([Message(1, PEOPLE, "门口1", b"{}")]).acknowledged == [1]
    bus.close()
    own = authority.parameters().partition("&")[2]
    bus = open_bus(AiAnalysis(mq_type="redis", mq_address=secure.address(parameters=own)))
    with pytest.raises(BusUnavailableError, match="certificate verify failed"):
        bus.check()
    bus.close()
