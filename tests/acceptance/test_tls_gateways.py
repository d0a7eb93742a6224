"""The dashboard behind the gateways with TLS of docs/tls.md, tried with the real programs."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.certificates import Authority
from tests.support.easyai_process import EasyaiProcess
from tests.support.gateway import CADDY, NGINX, Gateway
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

_PAGE = Path(__file__).parents[2] / "docs" / "tls.md"
_TYPE = "加密计数"
_API = "/api/v1"
#: Caddy would take the ports 80 and 2019 as well, which may be those of another program.
_NO_OTHER_PORTS = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"


@dataclass(frozen=True)
class Secure:
    """A gateway, and the authority that its visitors trust."""

    url: str
    authority: Path


@pytest.fixture(scope="module", params=[NGINX, CADDY])
def secure(
    request: pytest.FixtureRequest,
    running: EasyaiProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Secure]:
    """A gateway with a certificate before the running easyai."""
    kind: str = request.param
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.pair("server")
    found = re.search(rf"```{kind}\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    text = _NO_OTHER_PORTS + found[1] if kind == CADDY else found[1]
    scheme, port = ("https://", ":{port}") if kind == CADDY else ("", "")
    # People come by the address, as some do who have no name server.
    replaced = {
        "easyai.example.com": f"{scheme}localhost{port}",
        "192.168.1.9": f"{scheme}127.0.0.1{port}",
        "listen 443": "listen {port}",
        "5066": str(running.port),
        "/etc/easyai/server.pem": certificate,
        "/etc/easyai/server.key": key,
    }
    with Gateway(kind, text, replaced) as started:
        yield Secure(f"https://127.0.0.1:{started.port}", authority.file)


def _visitor(secure: Secure) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # REQUESTS_CA_BUNDLE would come before `verify`
    session.verify = str(secure.authority)
    return session


def test_person_logs_in_with_a_secure_cookie_and_sees_pictures_and_live_data(
    secure: Secure, site: Outside, running: EasyaiProcess
) -> None:
    with AlgorithmStub("secure", (_TYPE,)) as stub:
        stub.register(running.url)
        site.put(f"{_TYPE}/门口2/{secure.url[-5:]}.jpg", jpeg())
        site.wait_for_alerts(_TYPE, 1)
        stub.unregister(running.url)
    visitor = _visitor(secure)
    page = visitor.get(f"{secure.url}/", timeout=10)
    assert page.ok
    assert "first.js" in page.text
    token = (running.data / "operator.token").read_text().strip()
    body = {"token": token, "name": "李雷"}
    login = visitor.post(f"{secure.url}{_API}/session", json=body, timeout=10)
    assert (login.json()["role"], login.json()["local"]) == ("operator", False)
    assert "secure" in login.headers["set-cookie"].lower()
    alert = visitor.get(f"{secure.url}{_API}/dashboard/alerts", timeout=10).json()["items"][0]
    thumbnail = visitor.get(f"{secure.url}{alert['thumb']}", timeout=10)
    assert thumbnail.headers["content-type"].startswith("image/")

    live = f"wss{secure.url.removeprefix('https')}{_API}/live"
    trust = ssl.create_default_context(cafile=str(secure.authority))
    own = {"Cookie": f"easyai_session={visitor.cookies['easyai_session']}"}
    with connect(
        live, ssl=trust, origin=Origin(secure.url), additional_headers=own, proxy=None
    ) as socket:
        assert json.loads(socket.recv(timeout=10))["kind"] == "state"


def test_write_through_the_gateway_needs_the_token_of_the_session(
    secure: Secure, running: EasyaiProcess
) -> None:
    visitor = _visitor(secure)
    refused = visitor.post(f"{secure.url}{_API}/ai_analysis/clear_all", timeout=10)
    assert refused.status_code == 403
    token = (running.data / "operator.token").read_text().strip()
    login = visitor.post(f"{secure.url}{_API}/session", json={"token": token}, timeout=10).json()
    marked = {"ids": [1], "reviewed": True}
    url = f"{secure.url}{_API}/dashboard/alerts/reviewed"
    assert visitor.put(url, json=marked, timeout=10).status_code == 403
    by_page = visitor.put(url, json=marked, headers={"X-CSRF-Token": login["csrf"]}, timeout=10)
    assert by_page.ok, by_page.text
