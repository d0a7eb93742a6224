"""Connections over TLS are verified, and kept like others."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from easyai.s3.client_errors import NoAnswerError, NoTlsError
from easyai.system.side_by_side import SideBySide
from tests.integration.s3.scripted_server import LIMITS, ScriptedServer, Talk, always, answer
from tests.support.needs import program

FOUND = answer(b"1" * 40_000, ETag='"e1"')


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, which is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    options = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 9 -subj /CN=s"
    command = [program("openssl", "openssl"), *options.split()]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def tls(request: pytest.FixtureRequest, certificate: Path) -> ssl.SSLContext:
    """A server's context, for each version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    context.minimum_version = context.maximum_version = request.param
    return context


def test_connection_of_a_trusted_server_is_kept(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with ScriptedServer(always(FOUND), tls=tls) as server:
        client = server.client()
        for _ in range(5):
            assert client.get("k", 40_000) == ("e1", b"1" * 40_000)
        assert client.link("k", 60).startswith(f"https://{server.endpoint}/frames/k?")
        assert server.connections == 1


def test_requests_side_by_side_have_secure_connections_of_their_own(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    content = b"x" * 3_000_000

    def script(talk: Talk) -> None:
        while asked := talk.request():
            talk.send(answer(content if asked.startswith("GET") else b"", ETag='"e1"'))

    with ScriptedServer(script, tls=tls) as server:
        client = server.client()
        got = SideBySide(4).map(lambda key: client.get(key, 3_000_000), "abcdefghi")
        assert got == [("e1", content)] * 9
        SideBySide(4).map(lambda key: client.put(key, content, "image/jpeg"), "abcdefghi")
        assert server.connections == 4


def test_server_of_an_unknown_authority_or_another_name_gets_no_request(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(always(FOUND), tls=tls) as server:
        with pytest.raises(NoTlsError, match="certificate verify failed"):
            server.client().get("k", 9)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
        with pytest.raises(NoTlsError, match="certificate verify failed"):
            server.client(endpoint=f"localhost:{server.port}").get("k", 9)
        assert server.requests == []
        assert server.connections == 2, "not tried again"


def test_server_without_tls_is_named_as_such(tls: ssl.SSLContext) -> None:
    refused = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with (
        ScriptedServer(lambda talk: talk.send(refused)) as plain,
        ScriptedServer(always(FOUND), tls=tls) as other,
        pytest.raises(NoTlsError),
    ):
        other.client(endpoint=plain.endpoint).get("k", 9)


def test_handshake_that_hangs_ends_with_the_time_to_connect(tls: ssl.SSLContext) -> None:
    def hang(talk: Talk) -> None:
        talk.request()

    with ScriptedServer(hang) as silent, ScriptedServer(always(FOUND), tls=tls) as other:
        client = other.client(LIMITS._replace(connect_sec=0.2), endpoint=silent.endpoint)
        with pytest.raises(NoAnswerError, match="timed out"):
            client.get("k", 9)
