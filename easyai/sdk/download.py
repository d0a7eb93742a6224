"""Fetches a frame from the URL in a request, within limits of time and size."""

import logging
import time
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Self
from urllib.parse import urlsplit

import requests
import urllib3

from easyai.sdk.service_errors import PictureError, UnavailableError

_CHUNK_BYTES = 64 * 1024


def without_query(url: str) -> str:
    """Return scheme, host and path of a URL: its query may be a signature, a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unreadable URL"
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


class Downloader:
    """A pool of connections to the picture store; safe to use from many threads."""

    def __init__(self, timeout_sec: float, max_bytes: int, connections: int) -> None:
        """Limit a download to `timeout_sec` seconds in all and to `max_bytes` bytes."""
        self._timeout_sec = timeout_sec
        self._max_bytes = max_bytes
        # At DEBUG urllib3 logs every path with its query, which is a signature here.
        if logging.getLogger("urllib3").getEffectiveLevel() < logging.INFO:
            logging.getLogger("urllib3").setLevel(logging.INFO)
        self._session = requests.Session()
        # Frames come from the local network: a proxy for the web would only be in the way, and
        # secrets of .netrc must not leak to it.
        self._session.trust_env = False
        # The cookie jar is the only part of a session that threads would write to.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def fetch(self, url: str) -> bytes:
        """Return the picture's bytes.

        Raises PictureError when the store does not have the picture, refuses it, or it is too
        large. Raises UnavailableError when the store is silent, too slow or failing: another
        attempt may help.
        """
        deadline = time.monotonic() + self._timeout_sec
        try:
            try:
                return self._get(url, deadline)
            except requests.ConnectionError:
                # The store may have closed a kept-alive connection: a new connection works.
                return self._get(url, deadline)
        except requests.exceptions.InvalidURL:
            raise PictureError(f"image_url is no URL: {without_query(url)}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # `from None`, because the text of the cause holds the signed URL.
            reason = type(error).__name__
            raise UnavailableError(f"cannot download {without_query(url)}: {reason}") from None

    def close(self) -> None:
        """Close all pooled connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, url: str, deadline: float) -> bytes:
        left_sec = max(0.1, deadline - time.monotonic())
        with self._session.get(url, stream=True, timeout=left_sec) as response:
            self._refuse_error(response.status_code, url)
            return self._read(response, deadline, url)

    def _refuse_error(self, status: int, url: str) -> None:
        if status == HTTPStatus.OK:
            return
        message = f"cannot download {without_query(url)}: status {status}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise UnavailableError(message)
        raise PictureError(message)

    def _read(self, response: requests.Response, deadline: float, url: str) -> bytes:
        content = bytearray()
        # Not iter_content: it waits until a chunk is full, so a slow store could hold it for any
        # time. read1 returns the bytes that have arrived.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > self._max_bytes:
                limit = f"larger than {self._max_bytes} bytes (max_picture_bytes)"
                raise PictureError(f"{without_query(url)} is {limit}")
            if time.monotonic() > deadline:
                limit = f"not within {self._timeout_sec:g} s (download_timeout_sec)"
                raise UnavailableError(f"download of {without_query(url)} {limit}")
        return bytes(content)
