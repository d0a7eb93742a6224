"""Keeps web pages of other sites from operating this server through an operator's browser.

A browser sends whatever a page asks for, also to loopback and to the local network. The browser
names the page's site in Origin and Sec-Fetch-Site; a page whose own name was made to resolve to
this server (DNS rebinding) shows in Host. Programs send only a Host, mostly an IP address. Field
clients that use a name for this server cannot be changed: their calls need no known Host.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from easyai.api.error_responses import error_response
from easyai.settings.schema import Easyai
from easyai.store.signing import FILES_PATH
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

#: The headers by which a browser names the site of a page.
OF_BROWSERS: Final = frozenset({b"origin", b"sec-fetch-site"})
_WANTED: Final = OF_BROWSERS | {b"host", b"sec-fetch-mode", b"sec-fetch-dest"}
_OTHER_SITES: Final = ("cross-site", "same-site")
_READS: Final = ("GET", "HEAD")
_ANALYSIS: Final = "/api/v1/ai_analysis"
# The calls of algorithm services (contract, section 2).
_FIELD_CALLS: Final = {
    "POST": (f"{_ANALYSIS}/register", f"{_ANALYSIS}/heartbeat/"),
    "DELETE": (f"{_ANALYSIS}/unregister/",),
}
_SHOWN: Final = 100  # characters of a header in the error about it


@dataclass(frozen=True, slots=True)
class HostNames:
    """The names of this server, besides IP addresses, localhost and names without a dot."""

    names: frozenset[str]
    suffixes: tuple[str, ...]  # ".example.com": every name below
    allowed: frozenset[str]  # the configured part of `names`
    public_origin: str  # "https://easyai.example.com"; '': not configured

    @classmethod
    def of(cls, own: Easyai) -> HostNames:
        """The machine's name, the host of public_url, and allowed_hosts."""
        machine = socket.gethostname().lower()
        public = urlsplit(own.public_url)
        plain = frozenset(name for name in own.allowed_hosts if not name.startswith("*."))
        return cls(
            names=plain
            | {
                machine,
                f"{machine}.local",
                public.hostname or machine,
                own.host.lower() or machine,
            },
            suffixes=tuple(name[1:] for name in own.allowed_hosts if name.startswith("*.")),
            allowed=plain,
            public_origin=f"{public.scheme}://{public.netloc}".lower() if public.netloc else "",
        )

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server; an empty Host counts as this server."""
        name = _name(host)
        if "." not in name:
            return ":" not in name or _is_ip(name)  # no internet site has a name without a dot
        return name in self.names or name.endswith(self.suffixes) or _is_ip(name)

    def trusts(self, origin: str) -> bool:
        """Whether pages of an origin may operate this server under another Host, as by a proxy."""
        name = _name(_netloc(origin))
        configured = name in self.allowed or name.endswith(self.suffixes)
        return configured or origin == self.public_origin


class BrowserGuard:
    """An ASGI middleware: answers 403 with the reason to requests that another site sends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: tuple[Easyai, HostNames] | None = None
        self._throttle = LogThrottle()  # anybody on the network can cause it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request, or refuse it."""
        fault = "" if scope["type"] == "lifespan" else self._fault(scope)
        if not fault:
            await self._app(scope, receive, send)
            return
        client = (scope["client"] or "-")[0]
        self._throttle.warning(log, "request refused: client=%s %s", client, fault)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await error_response(403, fault)(scope, receive, send)

    def _fault(self, scope: Scope) -> str:
        """Why a request is refused: the header and the remedy; '' when the request may run."""
        # The signature in a picture's link is the permission, whatever page shows the picture.
        method = scope.get("method", "")
        if method in _READS and scope["path"].startswith(f"{FILES_PATH}/"):
            return ""
        headers = _wanted(scope["headers"])
        names = self._names(scope["app"].state.runtime.settings.easyai)
        host = headers.get(b"host", "").strip().lower()
        if not names.is_ours(host) and not _is_field_client(headers, method, scope["path"]):
            return _about_host(host)
        return _about_site(headers, host, names, method)

    def _names(self, own: Easyai) -> HostNames:
        if self._known is None or self._known[0] is not own:
            self._known = own, HostNames.of(own)
        return self._known[1]


def _wanted(sent: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """The headers that count; a header sent twice has both values (RFC 9110)."""
    headers: dict[bytes, str] = {}
    for name, value in sent:
        if name in _WANTED:
            text = value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _is_field_client(headers: dict[bytes, str], method: str, path: str) -> bool:
    """Whether a program makes a call of algorithm services: browsers put Origin on POST and DELETE.

    https://fetch.spec.whatwg.org/#append-a-request-origin-header: "null" when they hide the origin.
    """
    is_browser = b"origin" in headers or b"sec-fetch-site" in headers
    return not is_browser and path.startswith(_FIELD_CALLS.get(method, ()))


def _about_site(headers: dict[bytes, str], host: str, names: HostNames, method: str) -> str:
    origin = headers.get(b"origin", "").strip().lower()
    if origin and names.trusts(origin):
        return ""
    if origin and (not _netloc(origin) or _netloc(origin) != host):
        return f"Origin: {_shown(origin)} is another site than this server; {_remedy()}"
    site = headers.get(b"sec-fetch-site", "").strip().lower()
    if not any(word in site for word in _OTHER_SITES) or (
        method == "GET" and _is_followed_link(headers)
    ):
        return ""
    return f"Sec-Fetch-Site: {site}: a web page of another site asks; {_remedy()}"


def _is_followed_link(headers: dict[bytes, str]) -> bool:
    """Whether a person followed a link to this server: the other site cannot read the answer."""
    wanted = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest"))
    return wanted == ("navigate", "document")


def _about_host(host: str) -> str:
    name = _name(host)
    return (
        f"Host: {_shown(host)} is no name of this server; use its IP address, or add "
        f"{_shown(name)} to allowed_hosts in [easyai] (a list)"
    )


def _remedy() -> str:
    return (
        "open the page from this server's own address, or add the host name of that site to "
        "allowed_hosts in [easyai] (a list)"
    )


def _netloc(origin: str) -> str:
    return origin.partition("://")[2]


def _name(netloc: str) -> str:
    """The host name of "name:port" or "[address]:port", without a dot at its end."""
    if netloc.startswith("["):
        address, _, rest = netloc[1:].partition("]")
        return address if _is_port(rest) else netloc
    name, colon, port = netloc.partition(":")
    return name.lower().rstrip(".") if _is_port(colon + port) else netloc


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and (not text[1:] or text[1:].isdecimal()))


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
