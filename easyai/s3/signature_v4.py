"""Signature Version 4: signs requests in their headers, and links in their query.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_SPACES: Final = re.compile(" +")
_UNCHANGED: Final = re.compile(r"[A-Za-z0-9_.~-]*")  # a name that `quote` leaves as it is


def quoted_path(key: str) -> str:
    """A key as the path of a request has it, and its signature: only the slashes stay."""
    folder, slash, name = key.rpartition("/")
    last = name if _UNCHANGED.fullmatch(name) else quote(name)
    return f"{_quoted_folder(folder)}{slash}{last}"


# With more cameras than places, which take turns, each look would miss.
@lru_cache(maxsize=16_384)
def _quoted_folder(folder: str) -> str:
    """A folder, quoted once for its pictures."""
    return quote(folder)


def query_of(values: Iterable[tuple[str, str]]) -> str:
    """A query in the order in which it is signed."""
    encoded = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in values)
    return "&".join(f"{name}={value}" for name, value in encoded)


class _Day(NamedTuple):
    """What is the same for all signatures of a day."""

    day: str
    hmac: hmac.HMAC  # with the key of the day; each signature begins with a copy
    scope: str
    credential: str  # encoded for a query


class Signer:
    """Signs with an access key for a region; safe between threads."""

    def __init__(self, access_key: str, secret_key: str, region: str) -> None:
        self._access_key = access_key
        self._secret = f"AWS4{secret_key}".encode()
        self._region = region
        self._day: _Day | None = None

    def headers(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        now: float | None = None,
    ) -> dict[str, str]:
        """The headers with those of the signature; all of them are signed.

        `path` and `query` are encoded; the names of `headers` are in lower case, `host` among them.
        `now` is in Unix seconds.
        """
        moment = _moment(now)
        digest = hashlib.sha256(body).hexdigest() if body else _EMPTY
        signed = {**headers, "x-amz-content-sha256": digest, "x-amz-date": moment}
        names = sorted(signed)
        lines = "".join([f"{name}:{_plain(signed[name])}\n" for name in names])
        listed = ";".join(names)
        signature = self._sign(f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{digest}", moment)
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={self._access_key}/{self._of_day(moment).scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def link_query(self, path: str, host: str, lifetime_sec: int, now: float | None = None) -> str:
        """The query of a link that reads an object; `path` is encoded, `now` in Unix seconds."""
        moment = _moment(now)
        query = (
            f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={self._of_day(moment).credential}"
            f"&X-Amz-Date={moment}&X-Amz-Expires={lifetime_sec}&X-Amz-SignedHeaders=host"
        )
        signature = self._sign(
            f"GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", moment
        )
        return f"{query}&X-Amz-Signature={signature}"

    def _sign(self, request: str, moment: str) -> str:
        today = self._of_day(moment)
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{moment}\n{today.scope}\n{digest}"
        signature = today.hmac.copy()
        signature.update(text.encode())
        return signature.hexdigest()

    def _of_day(self, moment: str) -> _Day:
        """The values of a day, kept until another day: its key takes four digests."""
        day, kept = moment[:8], self._day
        if kept is not None and kept.day == day:
            return kept
        key = self._secret
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        scope = f"{day}/{self._region}/s3/aws4_request"
        credential = quote(f"{self._access_key}/{scope}", safe="")
        self._day = made = _Day(day, hmac.new(key, digestmod="sha256"), scope, credential)
        return made


def _plain(value: str) -> str:
    """The value of a header as it is signed."""
    return _SPACES.sub(" ", value).strip() if " " in value else value


def _moment(now: float | None) -> str:
    return _second(int(time.time() if now is None else now))


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
