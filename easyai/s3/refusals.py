"""Converts an answer without success to an error; the answer to HEAD has no body with a code."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from easyai.s3.client_errors import NO_SUCH_BUCKET, NO_SUCH_KEY, ClientError, NotS3Error, S3Error
from easyai.s3.s3_connection import Answer
from easyai.s3.xml_answers import read_refusal

_CODES: Final = {
    301: ("PermanentRedirect", "the bucket is elsewhere"),
    307: ("TemporaryRedirect", "the bucket is elsewhere"),
    400: ("BadRequest", "Bad request"),
    403: ("AccessDenied", "Access denied"),
    405: ("MethodNotAllowed", "The specified method is not allowed against this resource"),
    409: (NO_SUCH_BUCKET, "Bucket does not exist"),
    501: ("MethodNotAllowed", "The specified method is not allowed against this resource"),
}
_NO_KEY: Final = (NO_SUCH_KEY, "Object does not exist")
_NO_BUCKET: Final = (NO_SUCH_BUCKET, "Bucket does not exist")
_SHOWN: Final = 200  # bytes of the body of an answer that is not S3's
_REDIRECTS: Final = range(300, 400)


def refusal(answer: Answer, method: str, key: str) -> ClientError:
    """The error of an answer to a request for a key ('': the bucket)."""
    status, headers = answer.status, answer.headers
    if method != "HEAD":
        found = read_refusal(answer.body)
    elif status == 404:
        found = _NO_KEY if key else _NO_BUCKET
    else:
        found = _CODES.get(status)
    if found is None and status in _REDIRECTS:
        found = ("Redirect", "the bucket is elsewhere")
    if found is None or not found[0]:
        kind = headers.get("content-type", "no content type")
        body = answer.body[:_SHOWN].decode("utf-8", "replace")
        return NotS3Error(f"status {status}, {kind}: {body}")
    code, message = found
    return S3Error(code, message + _elsewhere(status, headers), headers.get("date", ""))


def _elsewhere(status: int, headers: dict[str, str]) -> str:
    """Where a redirect leads; easyai does not follow it, as its signature is for the endpoint."""
    if status not in (*_REDIRECTS, 400):
        return ""
    host = urlsplit(headers.get("location", "")).netloc.rpartition("@")[2]
    region = headers.get("x-amz-bucket-region", "")
    places = (f"host {host}" if host else "", f"region {region}" if region else "")
    named = ", ".join(place for place in places if place)
    return f" ({named})" if named else ""
