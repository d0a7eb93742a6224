"""Why a request to an S3 server has no usable answer."""

from __future__ import annotations

from typing import Final

#: Codes of S3Error.
NO_SUCH_KEY: Final = "NoSuchKey"
NO_SUCH_BUCKET: Final = "NoSuchBucket"
REFUSED_CONDITION: Final = "PreconditionFailed"


class ClientError(Exception):
    """A request to an S3 server failed; the message holds no secret."""


class NoAnswerError(ClientError):
    """The server was not reached, or sent no complete answer in time."""


class NoTlsError(ClientError):
    """There is no secure connection to the server."""


class NotS3Error(ClientError):
    """The answer is not an answer of an S3 server."""


class TooLargeError(ClientError):
    """The answer has more bytes than the request allows."""


class S3Error(ClientError):
    """The server refused the request."""

    def __init__(self, code: str, message: str = "", date: str = "") -> None:
        """`date` is the server's time, as its answer states it; '' when it does not."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.date = date
