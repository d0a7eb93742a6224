"""Compression of WebSocket messages, made once for all browsers that get the same message.

Each message is compressed by itself (RFC 7692, server_no_context_takeover): so its bytes are the
same for every browser with the same window, and a connection needs no compressor of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

_KEPT: Final = 4  # messages: of each language the state and the delta
_LEAST_BYTES: Final = 200  # of a message that is compressed: a shorter message fits in a packet
_CLIENT_BITS: Final = 12  # a browser has hardly anything to send

_Encoded = tuple[int, Frame, Frame]  # the bits of the window, a message, and its compressed form


class SharedDeflateFactory(ServerPerMessageDeflateFactory):
    """Agrees on the compression with browsers, and keeps the newest compressed messages."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_max_window_bits=_CLIENT_BITS)
        self.kept: tuple[_Encoded, ...] = ()  # replaced as a whole: servers of tests have threads

    def process_request_params(
        self,
        params: Sequence[ExtensionParameter],
        accepted_extensions: Sequence[Extension],
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """The parameters of the answer, and the compression of a connection."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        return answer, _SharedDeflate(self, agreed)


class _SharedDeflate(PerMessageDeflate):
    """The compression of a connection."""

    def __init__(self, factory: SharedDeflateFactory, agreed: PerMessageDeflate) -> None:
        super().__init__(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            agreed.compress_settings,
        )
        self._factory = factory

    def encode(self, frame: Frame) -> Frame:
        if frame.opcode is not Opcode.TEXT or not frame.fin:  # a part is of no use to others
            return super().encode(frame)
        if len(frame.data) < _LEAST_BYTES:
            return frame
        bits = self.local_max_window_bits
        for known_bits, known, encoded in self._factory.kept:
            if known_bits == bits and known == frame:
                return encoded
        encoded = super().encode(frame)
        self._factory.kept = ((bits, frame, encoded), *self._factory.kept[: _KEPT - 1])
        return encoded
