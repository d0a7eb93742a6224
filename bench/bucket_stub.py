"""An S3 server with its objects in memory, which keeps every condition and checks no signature.

``python -m bench.bucket_stub`` listens on a free loopback port and prints it. It has a single
bucket, and supports as much of S3 as easyai's store uses.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from bisect import bisect_right, insort
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from bench.stub import complete_length
from easyai.process.supervisor_link import die_with_parent

COUNT_PATH: Final = "/requests"  # answers with the number of requests so far, in its body
_PAGE: Final = 1000
_KEPT_HEADERS: Final = ("content-type", "x-amz-meta-")
_CODES: Final = {404: "NoSuchKey", 412: "PreconditionFailed"}
_REASONS: Final = {200: "OK", 204: "No Content", 404: "Not Found", 412: "Precondition Failed"}


@dataclass(frozen=True, slots=True)
class _Object:
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    written_at: float = 0.0


class Bucket:
    """The objects."""

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}
        self._keys: list[str] = []
        self.requests = 0

    def answer(self, request: bytes) -> bytes:
        """The whole answer to a whole request."""
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        named = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in named}
        path, _, query = target.partition("?")
        if path == COUNT_PATH:
            return _answer(200, str(self.requests).encode())
        self.requests += 1
        key = unquote(path).lstrip("/").partition("/")[2]
        if method == "GET" and not key:
            return self._list(parse_qs(query, keep_blank_values=True))
        if method == "PUT":
            return self._put(key, headers, body)
        found = self._objects.get(key)
        if not key:  # HEAD of the bucket
            return _answer(200, head_only=True)
        if method == "DELETE":
            return self._delete(key, found, headers.get("if-match", ""))
        if found is None:
            return _answer(404, head_only=method == "HEAD")
        return _answer(200, found.content, _shown(found), head_only=method == "HEAD")

    def _put(self, key: str, headers: dict[str, str], body: bytes) -> bytes:
        if "if-none-match" in headers and key in self._objects:
            return _answer(412)
        kept = {name: value for name, value in headers.items() if name.startswith(_KEPT_HEADERS)}
        source = headers.get("x-amz-copy-source")
        if source is not None:
            found = self._objects.get(unquote(source).lstrip("/").partition("/")[2])
            if found is None:
                return _answer(404)
            wanted = headers.get("x-amz-copy-source-if-match", found.etag).strip('"')
            if wanted != found.etag:
                return _answer(412)
            body = found.content
        if key not in self._objects:
            insort(self._keys, key)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self._objects[key] = made = _Object(body, kept, etag, time.time())
        if source is None:
            return _answer(200, headers=_shown(made))
        return _answer(200, f'<CopyObjectResult><ETag>"{etag}"</ETag></CopyObjectResult>'.encode())

    def _delete(self, key: str, found: _Object | None, etag: str) -> bytes:
        if etag and (found is None or found.etag != etag.strip('"')):
            return _answer(412 if found else 404)
        if self._objects.pop(key, None) is not None:
            del self._keys[bisect_right(self._keys, key) - 1]
        return _answer(204)

    def _list(self, query: dict[str, list[str]]) -> bytes:
        if "location" in query:
            return _answer(200, b"<LocationConstraint></LocationConstraint>")
        one = {name: values[0] for name, values in query.items()}
        prefix, delimiter = one.get("prefix", ""), one.get("delimiter", "")
        after = one.get("continuation-token") or one.get("start-after", "")
        contents: list[str] = []
        folders: list[str] = []
        start = max(after, prefix[:-1])
        while len(contents) + len(folders) < _PAGE:
            at = bisect_right(self._keys, start)
            if at == len(self._keys) or (key := self._keys[at])[: len(prefix)] > prefix:
                start = ""
                break
            start = key
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folder = prefix + rest.partition(delimiter)[0] + delimiter
                folders.append(
                    f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
                )
                start = folder + "\U0010ffff"
            else:
                contents.append(_content(key, self._objects[key]))
        truncated = f"<IsTruncated>{str(bool(start)).lower()}</IsTruncated>" + (
            f"<NextContinuationToken>{escape(start)}</NextContinuationToken>" if start else ""
        )
        whole = f"<Name>frames</Name>{truncated}{''.join(contents)}{''.join(folders)}"
        namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        text = f'<?xml version="1.0"?>\n<ListBucketResult {namespace}>{whole}</ListBucketResult>'
        return _answer(200, text.encode())


def _content(key: str, found: _Object) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(found.written_at))
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{at}</LastModified>"
        f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{len(found.content)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _shown(found: _Object) -> dict[str, str]:
    written = formatdate(found.written_at, usegmt=True)
    return {"ETag": f'"{found.etag}"', "Last-Modified": written, **found.headers}


def _answer(
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    head_only: bool = False,
) -> bytes:
    if code := _CODES.get(status):
        body = f"<Error><Code>{code}</Code><Message>words</Message></Error>".encode()
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Date: {formatdate(usegmt=True)}",
        "Server: stub",
        "x-amz-request-id: 0000000000000001",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    if body and "content-type" not in (headers or {}):
        lines.append("Content-Type: application/xml")
    if status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if head_only else body)


class _Connection(asyncio.Protocol):
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (length := complete_length(self._received)) is not None:
            request, self._received = self._received[:length], self._received[length:]
            assert self._transport is not None
            self._transport.write(self._bucket.answer(request))


async def _serve() -> None:
    bucket = Bucket()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(bucket), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(_serve())
