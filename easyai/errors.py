"""The tree of errors: each knows its HTTP status and whether a retry makes sense."""

from __future__ import annotations

from typing import ClassVar

from easyai.domain.reason import Reason, quoted
from easyai.messages.catalogue import text


class EasyaiError(Exception):
    """Something went wrong inside easyai; see the log for details."""

    http_status = 500
    retryable = False
    #: The reason for an error that is raised without a reason; '': the docstring is the message.
    code: ClassVar[str] = ""

    def __init__(self, why: str | Reason | None = None) -> None:
        """`why`: a reason, whose English text becomes the message; or the message itself."""
        if why is None:
            why = Reason(self.code) if self.code else (self.__doc__ or type(self).__name__).strip()
        self.reason = why if isinstance(why, Reason) else quoted(why)
        super().__init__(text(why) if isinstance(why, Reason) else why)


class SettingsError(EasyaiError):
    """The configuration is not valid; the message names the key and the remedy."""


class DatabaseForbiddenError(SettingsError):
    """This user may not use the database's file; the message names it and the remedy."""


class BadRequestError(EasyaiError):
    """The request is not valid; the message names the field and the remedy."""

    http_status = 400


class BackupError(EasyaiError):
    """The backup or its restoration cannot be done; the message says why and what to do."""


class BodyTooLargeError(EasyaiError):
    """The request body is larger than this server accepts."""

    http_status = 413


class ServiceNotFoundError(EasyaiError):
    """service not found"""

    # 400, not 404: field clients of the contract (section 2) look for it.
    http_status = 400


class AlertNotFoundError(EasyaiError):
    """alert not found"""

    http_status = 404


class PictureNotFoundError(EasyaiError):
    """The picture is not in the store."""

    http_status = 404


class SignatureError(EasyaiError):
    """The link is not valid or has expired; ask for a new one."""

    http_status = 403


class ForbiddenError(EasyaiError):
    """From another machine this needs a token."""

    http_status = 403

    def __init__(self, what: str, token: str = "operator") -> None:  # noqa: S107 - a name
        """`token`: the name of the token that is needed; the message explains how to send it."""
        super().__init__(
            f"{what}: from another machine this needs the {token}'s token; send the header "
            f"'Authorization: Bearer TOKEN' with the text of the file {token}.token in the data "
            f"folder of this server, or of easyai.{token}_token; on the server itself none is "
            "needed"
        )


class TooManyRequestsError(EasyaiError):
    """Too many requests of one kind; try again later."""

    code = "error.too_many_requests"
    http_status = 429
    retryable = True


class UnknownTokenError(EasyaiError):
    """The token is not known: it is the text of operator.token in the data folder of the server."""

    http_status = 403


class CsrfError(EasyaiError):
    """X-CSRF-Token is missing or is not of this session: load the page again."""

    http_status = 403


class InvalidKeyError(EasyaiError):
    """A store key points outside the store or holds characters that no key has."""

    http_status = 400


class StoreUnavailableError(EasyaiError):
    """The frame store does not answer; frames wait until it does."""

    code = "error.store_unavailable"
    http_status = 503
    retryable = True


class StorageFullError(StoreUnavailableError):
    """The disk with the frames is full: nothing was written. Make room, then send it again."""

    code = ""
    http_status = 507


class PictureExistsError(EasyaiError):
    """Another picture has this name: nothing was written. Send it under a name of its own."""

    http_status = 409


class BusyError(EasyaiError):
    """Too many requests of this kind wait already; ask again in some seconds."""

    http_status = 503
    retryable = True


class StoreClaimedError(EasyaiError):
    """The frame store is used by another installation; the command `claim` shows which."""

    code = "error.store_claimed"
    http_status = 503
    retryable = True  # the other installation may hand the store over while we wait


class BrokerUnavailableError(EasyaiError):
    """The broker does not answer; frames wait until it does."""

    code = "error.broker_unavailable"
    http_status = 503
    retryable = True


class BusUnavailableError(EasyaiError):
    """The message bus does not take alerts; they wait in the table until it does."""

    code = "error.bus_unavailable"
    http_status = 503
    retryable = True


class NotifyError(EasyaiError):
    """A message did not reach all people of notify_urls; see the log for details."""

    http_status = 502
    retryable = True


class DatabaseUnavailableError(EasyaiError):
    """The database does not answer; work goes on when it does."""

    code = "error.database_unavailable"
    http_status = 503
    retryable = True


class DatabaseDamagedError(DatabaseUnavailableError):
    """The database file is damaged; docs/recovery.md shows how to save its contents."""

    code = "error.database_damaged"
    retryable = False


class SchemaMissingError(DatabaseUnavailableError):
    """The database does not have the tables of this version; run: easyai db upgrade"""

    code = "error.schema_missing"


class DatabaseMissingError(DatabaseUnavailableError):
    """The database file is missing: put it back, or make a new database: easyai db upgrade"""

    code = "error.database_missing"


class ConflictError(DatabaseUnavailableError):
    """Another worker changed the same rows meanwhile; the transaction is to be run again."""

    code = "error.transaction_conflict"
