"""TLS to Kafka and S3 with a private certificate authority (docs/tls.md)."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from easyai.domain.frame import KeyRules
from easyai.errors import BusUnavailableError, StoreUnavailableError
from easyai.publish import kafka
from easyai.publish.kafka import KafkaBus
from easyai.settings.schema import Minio
from easyai.store.minio import MinioStore
from tests.support.certificates import Authority
from tests.support.needs import program
from tests.support.waiting import wait_until

_PAGE = Path(__file__).parents[3] / "docs" / "tls.md"


class TlsServer:
    """Takes connections of clients that trust its certificate, counts them and hangs up."""

    def __init__(self, folder: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.trusted = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with suppress(OSError), plain:
                plain.settimeout(5)
                with self._context.wrap_socket(plain, server_side=True) as secure:
                    self.trusted += bool(secure.recv(1))

    def close(self) -> None:
        """Close the server."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA (ca.pem) and a signed certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("ca")
    Authority(folder)
    return folder


@pytest.fixture
def server(authority: Path) -> Iterator[TlsServer]:
    """A server with that certificate."""
    made = TlsServer(authority)
    yield made
    made.close()


@pytest.fixture(params=["trusted", "not trusted"])
def trusts(
    request: pytest.FixtureRequest, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Whether SSL_CERT_FILE names the authority; otherwise an empty file."""
    trusted = bool(request.param == "trusted")
    none = authority / "none.pem"
    none.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem" if trusted else none))
    return trusted


def test_kafka_over_tls_connects_only_with_a_trusted_authority(
    server: TlsServer, trusts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not trusts:
        monkeypatch.delenv("SSL_CERT_FILE")  # librdkafka takes no empty file
    monkeypatch.setattr(kafka, "CONNECT_SEC", 1.0)
    bus = KafkaBus(f"ssl://127.0.0.1:{server.port}", "t")
    with pytest.raises(BusUnavailableError) as refused:
        bus.check()  # the server is no broker
    bus.close()
    assert bool(server.trusted) == trusts, str(refused.value)
    assert ("certificate verify failed" in str(refused.value)) != trusts


def test_s3_over_tls_connects_only_with_a_trusted_authority(
    server: TlsServer, trusts: bool
) -> None:
    endpoint = f"127.0.0.1:{server.port}"
    settings = Minio(endpoint=endpoint, bucket="frames", use_ssl=True)
    with pytest.raises(StoreUnavailableError) as refused:
        MinioStore(settings, KeyRules("", ()), lambda: "here").check()
    assert bool(server.trusted) == trusts, str(refused.value)
    assert ("no secure connection" in str(refused.value)) != trusts


def test_certificates_made_as_documented_satisfy_a_strict_client(tmp_path: Path) -> None:
    program("openssl", "openssl")
    commands = re.search(r"```sh\n(openssl req -x509.*?)```", _PAGE.read_text(), re.DOTALL)
    assert commands is not None
    subprocess.run(["bash", "-e", "-c", commands[1]], cwd=tmp_path, check=True, capture_output=True)
    client = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default of Python 3.13
    server = TlsServer(tmp_path)
    try:
        address = ("127.0.0.1", server.port)
        with (
            socket.create_connection(address, timeout=5) as plain,
            client.wrap_socket(plain, server_hostname="easyai.example.com") as secure,
        ):
            secure.send(b"x")
            wait_until(lambda: server.trusted == 1, 5)
    finally:
        server.close()
