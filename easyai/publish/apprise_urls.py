"""Messages to people, through the Apprise URLs of ``notify_urls``.

An Apprise URL is a secret as a whole: a password, a token or a telephone number may stand anywhere
in it. So no part of a URL, and no text of Apprise about it, is ever logged or shown. Only its
position, the word before ``://`` and a reason in our own words are shown.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

from easyai.domain.reason import Reason
from easyai.errors import NotifyError, SettingsError

log = logging.getLogger(__name__)

Tone = Literal["info", "success", "warning", "failure"]  # Apprise's notify_type

_LIMIT_SEC: Final = 10.0  # for all URLs together: a slow service must not hold up an alarm
_CONNECT_SEC: Final = 5.0
# Error texts of servers and the operating system that cannot hold a secret.
_KNOWN: Final = (
    "Connection refused",
    "timed out",
    "No route to host",
    "Network is unreachable",
    "Name or service not known",
    "Temporary failure in name resolution",
    "certificate verify failed",
    "Connection reset by peer",
    "Connection unexpectedly closed",
    "STARTTLS extension not supported by server",
    "No suitable authentication method found",
    "SMTP AUTH extension not supported by server",
)
_HTTP_STATUS: Final = re.compile(r"error=([1-5]\d\d)\b")
_SMTP_STATUS: Final = re.compile(r"[({ ]([45]\d\d), b['\"]")
# These loggers show the whole path of a request, and the path of a webhook is its password.
_TALKATIVE: Final = ("urllib3.connectionpool", "requests_oauthlib", "oauthlib")


class People:
    """The recipients of ``notify_urls``; safe between threads. Loads Apprise on first use."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)

    def check(self) -> None:
        """Raise SettingsError naming the positions of URLs that Apprise does not understand.

        Sends nothing.
        """
        wrong = [number for number, server in self._servers() if server is None]
        if wrong:
            raise SettingsError(
                Reason.of("notify.not_understood", n=len(wrong), numbers=tuple(map(str, wrong)))
            )

    def send(self, title: str, body: str, tone: Tone = "info") -> None:
        """Send a message through every URL at once, in at most 11 s; sends nothing without URLs.

        Services show `tone` as a colour or a sign. Raises NotifyError when a service did not accept
        the message, with the position and reason of each failure.
        """
        failures = dict(self._failures(title, body, tone))
        if failures:
            whys = tuple(failures[number] for number in sorted(failures))
            raise NotifyError(
                Reason.of("notify.not_reached", failed=len(whys), of_all=len(self._urls), whys=whys)
            )

    def _failures(self, title: str, body: str, tone: Tone) -> Iterator[tuple[int, Reason]]:
        if not self._urls:
            return
        from apprise import Apprise, NotifyFormat, NotifyType

        sender = Apprise(asset=_asset())
        for number, server in self._servers():
            if server is None:
                yield number, Reason.of("notify.no_url", number=number)
            else:
                sender.add(server)
        if not len(sender):
            return
        result = sender.notify(
            body,
            " ".join(title.split()),  # the subject of a mail is a single line
            notify_type=NotifyType(tone),
            body_format=NotifyFormat.TEXT,
            timeout=_LIMIT_SEC,
            log_level=logging.DEBUG,
        )
        took = {number: outcome for outcome in result.results for number in _numbers(outcome.tag)}
        for number, server in self._servers_in(sender):
            if not took.get(number):
                why = _reason(took.get(number))
                yield number, Reason.of("notify.failed", number=number, service=server, why=why)

    def _servers(self) -> Iterator[tuple[int, Any]]:
        """Position from 1 and Apprise's object for each URL, None for a URL it does not know."""
        _hush()
        from apprise import Apprise

        asset = _asset()
        for number, url in enumerate(self._urls, start=1):
            server = Apprise.instantiate(url, asset=asset, tag=_tag(number)) if url else None
            if server is not None:
                server.socket_connect_timeout = _CONNECT_SEC
            yield number, server

    @staticmethod
    def _servers_in(sender: Iterable[Any]) -> Iterator[tuple[int, str]]:
        for server in sender:
            for number in _numbers(server.tags):
                yield number, _scheme(server)


def _asset() -> Any:
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="easyai",
        app_desc="easyai",
        app_url="",
        pgp_autogen=False,
        pem_autogen=False,
        http_redirects=False,  # an alarm goes only to the address that the operator set
        storage_mode="memory",
        service_timeout=_LIMIT_SEC,
    )


def _hush() -> None:
    logger = logging.getLogger("apprise")
    # `_reason` reads Apprise's log texts; they go nowhere else.
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _tag(number: int) -> str:
    return f"easyai-{number}"


def _numbers(tags: Iterable[str]) -> list[int]:
    named = (re.fullmatch(r"easyai-(\d+)", str(tag)) for tag in tags)
    return [int(match.group(1)) for match in named if match]


def _scheme(server: Any) -> str:
    named = server.secure_protocol if server.secure else server.protocol
    named = named or server.protocol or server.secure_protocol
    return str(named if isinstance(named, str) else next(iter(named)))


def _reason(result: Any) -> Reason:
    from apprise import AppriseResultStatus

    if result is None:
        return Reason("notify.not_tried")
    if result.status == AppriseResultStatus.TIMEOUT:
        return Reason.of("notify.no_answer", within_sec=_LIMIT_SEC)
    logged = "\n".join(entry.message for entry in result.logs())
    if match := _HTTP_STATUS.search(logged):
        return Reason.of("notify.http_status", status=int(match[1]))
    if match := _SMTP_STATUS.search(logged):
        return Reason.of("notify.smtp_status", status=int(match[1]))
    for known in _KNOWN:
        if known in logged:
            return Reason.of("notify.no_connection", error=known)
    return Reason("notify.not_taken")
