"""What went wrong with an object store, in words that say what to do; never with a secret."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Final

from minio.error import S3Error
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

NO_BUCKET = (
    "the bucket is not there; create it, or correct frame_extractor.minio.bucket and endpoint"
)
_CORRECT_ADDRESS = "correct frame_extractor.minio.endpoint and use_ssl"
_CORRECT_CREDENTIALS = "correct frame_extractor.minio.access_key and secret_key"
_CLOCKS = "the clocks of this machine and of the store differ; set both by NTP"
_REMEDIES = {
    "AccessDenied": (
        "access denied; allow the user of frame_extractor.minio.access_key to list, read, write "
        "and delete in the bucket"
    ),
    "InvalidAccessKeyId": f"the access key is not known; {_CORRECT_CREDENTIALS}",
    "NoSuchBucket": NO_BUCKET,
    "RequestTimeTooSkewed": _CLOCKS,
    "SignatureDoesNotMatch": f"the secret key is not the right one; {_CORRECT_CREDENTIALS}",
}
_LONGEST_DETAIL = 200
_SKEW_SEC: Final = 900.0  # by which a request's time may be off, as S3 has it


def explain(error: Exception) -> str:
    """What to tell the operator about an error of the S3 client."""
    if isinstance(error, S3Error):
        if error.code == "AccessDenied" and _is_skewed(error):
            return _CLOCKS
        return _REMEDIES.get(error.code or "", f"{error.code}: {_short(error.message)}")
    if isinstance(error, MaxRetryError):
        error = error.reason or error
    if isinstance(error, SSLError):
        return f"no secure connection: {_short(error)}; {_CORRECT_ADDRESS}, or the certificate"
    if isinstance(error, HTTPError):
        return f"does not answer: {_short(error)}"
    return f"answers, but not as an S3 store does: {_short(error)}; {_CORRECT_ADDRESS}"


def _is_skewed(error: S3Error) -> bool:
    """Whether the server's clock, as it stands in its answer, is too far from ours.

    The refusal of a HEAD has no body that says so.
    """
    try:
        told = parsedate_to_datetime(error.response.headers["Date"]).timestamp()
    except (AttributeError, KeyError, ValueError):
        return False
    return abs(told - time.time()) > _SKEW_SEC


def _short(detail: object) -> str:
    return " ".join(str(detail or "").split())[:_LONGEST_DETAIL]
