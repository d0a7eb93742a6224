"""Links to pictures of a local folder: signed, expiring, without credentials."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason
from easyai.errors import SettingsError, SignatureError
from easyai.s3.signature_v4 import quoted_path
from easyai.settings.faults import of_key
from easyai.system.modes import make_folder
from easyai.system.secret_file import load_or_create

FILES_PATH = "/api/v1/files"
# Links made within this time are the same, so clients may cache. A list of alerts that is refreshed
# shows links that are valid for a day; a service gets a link for an hour.
_SAME_SEC: Final = 60
_SAME_OF_A_DAY_SEC: Final = 3600
_DAY_SEC: Final = 86_400


class LinkSigner:
    """Signs and checks links with HMAC-SHA256 over key and expiry."""

    def __init__(
        self, secret: bytes, public_url: str, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` returns Unix seconds; all processes that share the secret use the same clock."""
        self._secret = secret
        self._clock = clock
        self._prefix = public_url.rstrip("/") + FILES_PATH + "/"

    def url(self, key: str, ttl_sec: float, now: float | None = None) -> str:
        """A link to a key that is valid for `ttl_sec`, and at most a minute longer.

        From a day on, the link is valid for at most an hour longer.
        """
        moment = self._clock() if now is None else now
        same_sec = _SAME_SEC if ttl_sec < _DAY_SEC else _SAME_OF_A_DAY_SEC
        expires = (int(moment + ttl_sec) // same_sec + 1) * same_sec
        signature = self._sign(key, expires)
        return f"{self._prefix}{quoted_path(key)}?expires={expires}&signature={signature}"

    def check(self, key: str, expires: str, signature: str, now: float | None = None) -> None:
        """Raise SignatureError unless the signature is ours and the link has not expired."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            raise SignatureError
        expected = self._sign(key, int(expires))
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise SignatureError
        if self.left_sec(int(expires), now) < 0:
            raise SignatureError

    def left_sec(self, expires: int, now: float | None = None) -> float:
        """Seconds until a link with this expiry expires; below 0 when it has expired."""
        return expires - (self._clock() if now is None else now)

    def _sign(self, key: str, expires: int) -> str:
        message = f"{expires}\n{key}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, message, "sha256").hex()[:40]


def load_secret(configured: str, data_dir: Path) -> bytes:
    """The configured secret, else a secret generated once in ``data_dir``, for its owner only."""
    if configured:
        return configured.encode()
    path = data_dir / "secret.key"
    try:
        make_folder(data_dir)
        return load_or_create(path)
    except OSError as error:
        not_kept = Reason.of("settings.not_kept", name=path.name, error=str(error))
        raise SettingsError(of_key("easyai.data_dir", not_kept)) from error
