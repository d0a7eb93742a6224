"""Links to pictures of a local folder: signed, expiring, without credentials."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from easyai.domain.reason import Reason
from easyai.errors import SettingsError, SignatureError
from easyai.settings.faults import of_key
from easyai.system.modes import make_folder
from easyai.system.secret_file import load_or_create

FILES_PATH = "/api/v1/files"
_GRANULARITY_SEC = 60  # links made within a minute are the same, so clients may cache


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
        """A link to a key that is valid for `ttl_sec` to `ttl_sec` + 60 s."""
        moment = self._clock() if now is None else now
        expires = (int(moment + ttl_sec) // _GRANULARITY_SEC + 1) * _GRANULARITY_SEC
        signature = self._sign(key, expires)
        return f"{self._prefix}{quote(key)}?expires={expires}&signature={signature}"

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
