"""The tokens of this installation, which give other machines their rights."""

from __future__ import annotations

import hmac
import logging
from typing import Final

from easyai.domain.actor import FRAMES, OPERATOR, VIEWER
from easyai.runtime import Runtime
from easyai.system.log_throttle import LogThrottle
from easyai.system.secret_file import load_or_create

log = logging.getLogger(__name__)

_NAMES: Final = (OPERATOR, VIEWER, FRAMES)


class Tokens:
    """The tokens of this installation; a part of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._kept: dict[str, str] = {}
        self._throttle = LogThrottle()  # anybody on the network can cause it
        self.prepare()

    def prepare(self) -> None:
        """Make the tokens in force, unless the settings set them or an earlier call made them."""
        for name in (OPERATOR, VIEWER):
            self.in_force(name)

    def name_of(self, sent: str, address: str) -> str:
        """The name of the token; '' for an unknown token, which is logged."""
        for name in _NAMES:
            token = self.in_force(name)
            if token and hmac.compare_digest(token.encode(), sent.encode()):
                return name
        self._throttle.warning(log, "a token that is not known was sent: client=%s", address or "-")
        return ""

    def in_force(self, name: str) -> str:
        """The token with a name; '': there is none, or it cannot be read."""
        own = self._runtime.settings.easyai
        if name == VIEWER and own.viewers == "open":
            return ""
        if name == FRAMES:
            return own.frames_token.get_secret_value()
        configured = own.viewer_token if name == VIEWER else own.operator_token
        return configured.get_secret_value() or self._made_once(name)

    def _made_once(self, name: str) -> str:
        if name not in self._kept:
            path = self._runtime.settings.easyai.data_dir / f"{name}.token"
            try:
                self._kept[name] = load_or_create(path).decode("ascii", "replace")
            except OSError as error:
                # Tried again when the token is needed next: a full disk may have space by then.
                self._throttle.warning(
                    log,
                    "no %s token for other machines: %s cannot be kept: %s; set easyai.%s_token",
                    *(name, path, error, name),
                    kind=name,
                )
        return self._kept.get(name, "")
