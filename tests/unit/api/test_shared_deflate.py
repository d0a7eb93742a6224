"""A message is compressed once, and every browser can read it."""

from __future__ import annotations

import json

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode

from easyai.api.shared_deflate import SharedDeflateFactory


class _Browser:
    """A browser and the server's end of its connection."""

    def __init__(self, factory: SharedDeflateFactory, window_bits: int | None = None) -> None:
        own = ClientPerMessageDeflateFactory(server_max_window_bits=window_bits)
        asked = list(own.get_request_params())
        answer, self._server = factory.process_request_params(asked, [])
        self._browser = own.process_response_params(answer, [])

    def send(self, message: str) -> Frame:
        """Compress a message of the server; the browser must understand it."""
        sent = self._server.encode(Frame(Opcode.TEXT, message.encode()))
        assert bytes(self._browser.decode(sent).data).decode() == message
        return sent

    def send_parts(self, *parts: str) -> None:
        """Send a message in several frames; the browser must understand it."""
        read = b""
        for place, part in enumerate(parts):
            opcode = Opcode.CONT if place else Opcode.TEXT
            frame = Frame(opcode, part.encode(), fin=place == len(parts) - 1)
            read += self._browser.decode(self._server.encode(frame)).data
        assert read.decode() == "".join(parts)


def _message(number: int) -> str:
    return json.dumps({"now": [{"name": f"相机 {number}-{place}"} for place in range(100)]})


def test_message_is_compressed_once_for_all_browsers() -> None:
    factory = SharedDeflateFactory()
    browsers = [_Browser(factory) for _ in range(3)]
    for number in range(3):
        first, *others = [browser.send(_message(number)) for browser in browsers]
        assert len(first.data) < len(_message(number)) / 4
        assert all(other is first for other in others)


def test_languages_and_slow_browsers_get_their_own_messages() -> None:
    factory = SharedDeflateFactory()
    browsers = [_Browser(factory) for _ in range(3)]
    for number in range(10):
        for late, browser in enumerate(browsers):
            browser.send(_message(number - late))
            browser.send(_message(100 + number))
    assert len(factory.kept) == 4


@pytest.mark.parametrize("bits", [9, 12])
def test_browser_with_a_smaller_window_gets_bytes_for_it(bits: int) -> None:
    factory = SharedDeflateFactory()
    far_apart = 2 * "".join(str(number * number) for number in range(2000))
    large = _Browser(factory).send(far_apart)
    small = _Browser(factory, bits).send(far_apart)
    assert len(small.data) > 1.5 * len(large.data)


def test_small_messages_are_not_compressed_and_displace_none() -> None:
    factory = SharedDeflateFactory()
    browser = _Browser(factory)
    browser.send(_message(1))
    for _ in range(5):
        assert not browser.send('{"now":{}}').rsv1
    assert len(factory.kept) == 1


def test_message_of_a_few_hundred_bytes_is_compressed_once_for_all_browsers() -> None:
    factory = SharedDeflateFactory()
    message = _message(1)[:300]
    first, *others = [_Browser(factory).send(message) for _ in range(3)]
    assert len(first.data) < 150
    assert all(other is first for other in others)


def test_message_in_parts_is_of_the_connection_alone() -> None:
    factory = SharedDeflateFactory()
    for browser in (_Browser(factory), _Browser(factory)):
        browser.send_parts(_message(1), _message(2))
        browser.send_parts("[", "]")
        browser.send(_message(1))
    assert len(factory.kept) == 1
