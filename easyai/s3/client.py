"""The requests of S3 that easyai needs, for a bucket.

Every method raises S3Error when the server refuses, and another ClientError when there is no
usable answer.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from easyai.s3.client_errors import NotS3Error, S3Error, TooLargeError
from easyai.s3.endpoint import Endpoint
from easyai.s3.kept_connections import Connections
from easyai.s3.refusals import refusal
from easyai.s3.s3_connection import Answer, Limits, Request
from easyai.s3.signature_v4 import Signer, query_of, quoted_path
from easyai.s3.xml_answers import ListingPage, etag_of, is_copied, read_listing, read_region
from easyai.version import user_agent

PAGE: Final = 1000  # objects, the most that S3 lists in an answer
_LARGEST_LISTING: Final = 16_000_000  # bytes; a key has up to 1,024, each as long as %20
_LARGEST_ANSWER: Final = 65_536  # bytes of any other answer
_GZIP: Final = ("gzip", "x-gzip")


class Found(NamedTuple):
    """An object, as the answer to HEAD describes it."""

    etag: str
    size: int
    headers: Mapping[str, str]  # by the name in lower case

    @property
    def modified_at(self) -> float | None:
        """Unix seconds; None when the server does not state it."""
        try:
            return parsedate_to_datetime(self.headers["last-modified"]).timestamp()
        except (KeyError, ValueError):
            return None


class Keys(NamedTuple):
    """The credentials; `secret_key` is in no message and in no link."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key!r})"


class S3Client:
    """A client of a bucket; safe between threads. The constructor sends no request."""

    def __init__(
        self,
        endpoint: Endpoint,
        bucket: str,
        region: str,
        keys: Keys | None,
        limits: Limits,
        *,
        in_path: bool = False,
    ) -> None:
        """Without `keys` no request is signed; `in_path`: the path of requests names the bucket."""
        self._place = endpoint.place(bucket, region, in_path=in_path)
        self._bucket = bucket
        self._origin = f"{'https' if endpoint.secure else 'http'}://{self._place.authority}"
        self._signer = Signer(keys.access_key, keys.secret_key, region) if keys else None
        self._connections = Connections(
            self._place.host, self._place.port, secure=endpoint.secure, limits=limits
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()

    def link(self, key: str, lifetime_sec: int) -> str:
        """A link that reads an object without credentials, for 7 days at most."""
        path = self._place.path_of(key)
        if self._signer is None:
            return f"{self._origin}{path}"
        query = self._signer.link_query(path, self._place.authority, lifetime_sec)
        return f"{self._origin}{path}?{query}"

    def location(self) -> str:
        """The location of the bucket; '' for the server's default."""
        return read_region(self._ask("GET", "", query={"location": ""}).body)

    def check_bucket(self) -> None:
        """Raise S3Error with the code NoSuchBucket when the bucket does not exist."""
        self._ask("HEAD", "")

    def make_bucket(self) -> None:
        """Make the bucket; a bucket that exists already stays as it is."""
        try:
            self._ask("PUT", "")
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def head(self, key: str) -> Found:
        """Describe an object."""
        headers = self._ask("HEAD", key).headers
        size = headers.get("content-length", "1")  # not known, so not known to be empty
        if not size.isdecimal():
            raise NotS3Error("an object without a length")
        return Found(etag_of(headers.get("etag", "")), int(size), headers)

    def get(self, key: str, limit: int) -> tuple[str, bytes]:
        """ETag and content of an object; raises TooLargeError above `limit` bytes."""
        answer = self._ask("GET", key, limit=limit)
        content = answer.body
        if answer.headers.get("content-encoding", "").strip().lower() in _GZIP:
            content = _decompressed(content, limit)
        return etag_of(answer.headers.get("etag", "")), content

    def put(self, key: str, content: bytes, content_type: str, *, new: bool = False) -> None:
        """Write an object, with `new` only if the key does not exist."""
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        headers = {
            "content-type": content_type,
            "content-md5": base64.b64encode(digest).decode(),  # a bucket with a lock requires it
        }
        if new:
            headers["if-none-match"] = "*"
        self._ask("PUT", key, headers, content)

    def copy(
        self,
        source: str,
        target: str,
        *,
        etag: str = "",
        new: bool = False,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        """Copy if the source has this ETag ('': any) and, with `new`, no target exists.

        `marks` are headers that replace the source's metadata.
        """
        headers = {"x-amz-copy-source": f"/{self._bucket}/{quoted_path(source)}"}
        if etag:
            headers["x-amz-copy-source-if-match"] = etag
        if new:
            headers["if-none-match"] = "*"
        if marks is not None:
            headers |= {**marks, "x-amz-metadata-directive": "REPLACE"}
        answer = self._ask("PUT", target, headers)
        if answer.status != 200 or not is_copied(answer.body):
            raise refusal(answer, "PUT", target)  # S3 may fail after it has sent status 200

    def delete(self, key: str, etag: str = "") -> None:
        """Delete an object if it has this ETag; without ETag the request is sent once only.

        If it were sent again, it would delete an object that came meanwhile.
        """
        self._ask("DELETE", key, {"if-match": f'"{etag}"'} if etag else {}, once=not etag)

    def pages(
        self, prefix: str, after: str = "", *, folders: bool = False
    ) -> Iterator[ListingPage]:
        """List the keys after `after` that begin with a prefix, page by page.

        `folders`: list a folder below the prefix by its name, without the keys in it.
        """
        query = {
            "list-type": "2",
            "encoding-type": "url",
            "max-keys": str(PAGE),
            "prefix": prefix,
            "delimiter": "/" if folders else "",
        }
        if after:
            query["start-after"] = after
        token = ""
        while True:
            page = read_listing(self._ask("GET", "", query=query, limit=_LARGEST_LISTING).body)
            yield page
            if not page.next_token:
                return
            if page.next_token == token:
                raise NotS3Error("a listing that repeats a page")
            query["continuation-token"] = token = page.next_token
            query.pop("start-after", None)

    def _ask(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        query: Mapping[str, str] | None = None,
        limit: int = _LARGEST_ANSWER,
        once: bool = False,
    ) -> Answer:
        path, encoded = self._place.path_of(key), query_of(query.items()) if query else ""
        sent = {"host": self._place.authority, **(headers or {})}
        if self._signer is not None:
            sent = self._signer.headers(method, path, encoded, sent, body)
        target = f"{path}?{encoded}" if encoded else path
        data = _message(method, target, sent, body)
        answer = self._connections.ask(Request(data, method != "HEAD", limit, once))
        if answer.status not in (200, 204, 206):
            raise refusal(answer, method, key)
        return answer


def _message(method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"user-agent: {user_agent()}"]
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):  # an ETag, which came from the server
            raise NotS3Error(f"a value that no header {name} can have")
        lines.append(f"{name}: {value}")
    if body or method == "PUT":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


def _decompressed(content: bytes, limit: int) -> bytes:
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = decoder.decompress(content, limit + 1)
    except zlib.error as error:
        raise NotS3Error(f"content in gzip: {error}") from None
    if len(plain) > limit:
        raise TooLargeError(f"the answer has more than {limit} bytes")
    if not decoder.eof:
        raise NotS3Error("content in gzip that is cut off")
    return plain
