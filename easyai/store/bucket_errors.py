"""Converts errors of an object store to reasons with a remedy, without secrets."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Final

from easyai.domain.reason import Reason, quote
from easyai.s3.client_errors import ClientError, NoAnswerError, NoTlsError, S3Error

NO_BUCKET: Final = Reason("store.no_bucket")
_CLOCKS: Final = Reason("store.clocks_differ")
_REMEDIES: Final = {
    "AccessDenied": Reason("store.access_denied"),
    "InvalidAccessKeyId": Reason("store.unknown_access_key"),
    "NoSuchBucket": NO_BUCKET,
    "RequestTimeTooSkewed": _CLOCKS,
    "SignatureDoesNotMatch": Reason("store.wrong_secret_key"),
}
_LONGEST_DETAIL = 200
_SKEW_SEC: Final = 900.0  # how much a request's time may be off, according to S3


def explain(error: ClientError) -> Reason:
    """The reason to show to the operator for an error of the S3 client."""
    if isinstance(error, S3Error):
        if error.code == "AccessDenied" and _is_skewed(error):
            return _CLOCKS
        other = Reason.of("store.s3_error", s3_code=_short(error.code), error=_short(error.message))
        return _REMEDIES.get(error.code, other)
    if isinstance(error, NoTlsError):
        return Reason.of("store.no_tls", error=_short(error))
    if isinstance(error, NoAnswerError):
        return Reason.of("store.no_answer", error=_short(error))
    return Reason.of("store.not_s3", error=_short(error))


def _is_skewed(error: S3Error) -> bool:
    """Whether the server's clock, from the header of its answer, differs too much from ours.

    The refusal of a HEAD request has no body with the error code.
    """
    try:
        server_time = parsedate_to_datetime(error.date).timestamp()
    except ValueError:
        return False
    return abs(server_time - time.time()) > _SKEW_SEC


def _short(detail: object) -> str:
    return quote(" ".join(str(detail).split())[:_LONGEST_DETAIL])
