"""The connection to a bucket of an S3 store: time limits, region, which answers are failures."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from easyai.domain.reason import Reason, quoted
from easyai.errors import SettingsError, StoreUnavailableError
from easyai.masking import HIDDEN
from easyai.s3.client import Keys, S3Client
from easyai.s3.client_errors import (
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    REFUSED_CONDITION,
    ClientError,
    S3Error,
)
from easyai.s3.endpoint import Endpoint, is_bucket_name
from easyai.s3.s3_connection import Limits
from easyai.settings.faults import of_key
from easyai.settings.schema import Minio
from easyai.store.bucket_errors import explain

_CONNECT_SEC, _READ_SEC = 3.0, 10.0
_TOTAL_SEC = 20.0  # a request with every further attempt, even if the store hangs
_TRUST_SEC = 5.0
_DEFAULT_REGION = "us-east-1"  # MinIO's default
_REGION_HIDDEN = ("AccessDenied", "MethodNotAllowed", "NotImplemented")
_EXPECTED_REGION = re.compile(r"expecting '([\w-]+)'")  # in the message of a refusal
_REGION_IN_DOUBT = (
    "AuthorizationHeaderMalformed",
    "BadRequest",
    NO_SUCH_BUCKET,
    "PermanentRedirect",
)
_ANSWERS = (NO_SUCH_KEY, REFUSED_CONDITION)


class Bucket:
    """A bucket and its client, which is safe between threads; the constructor sends no request.

    Raises SettingsError, which names the key, when the settings cannot belong to a bucket.
    """

    def __init__(self, settings: Minio) -> None:
        self.name = settings.bucket
        self._settings = settings
        self.where = f"object store {settings.endpoint}, bucket {settings.bucket}"
        self._endpoint = _checked(settings)
        self._offline_client = self._new_client(self._endpoint.region or _DEFAULT_REGION)
        self._client: S3Client | None = None
        self._seen_at = -math.inf
        #: How often there was no usable answer: another server may answer afterwards.
        self.outages = 0

    @property
    def signing_client(self) -> S3Client:
        """The client for links, which need no request; knows the region after the first request."""
        return self._client or self._offline_client

    @contextmanager
    def asking(self) -> Iterator[S3Client]:
        """A client whose failures raise StoreUnavailableError, with a reason that helps.

        The S3Errors NoSuchKey and PreconditionFailed are answers, not failures, and are raised
        unchanged; NoSuchKey only when the bucket really exists.
        """
        try:
            yield self._connected()
        except S3Error as error:
            if error.code in _REGION_IN_DOUBT:
                self._client = None
            if error.code == NO_SUCH_BUCKET:
                self._seen_at = -math.inf
            if error.code not in _ANSWERS:
                raise self.unavailable(error) from None
            if error.code == NO_SUCH_KEY:
                self._make_sure_it_is_there()
            raise
        except ClientError as error:
            self.outages += 1
            raise self.unavailable(error) from None
        self._seen_at = time.monotonic()

    def make(self) -> None:
        """Make the bucket unless it exists, as the installation in docker/ does at its start."""
        client = self._new_client(self._endpoint.region or _DEFAULT_REGION, in_path=True)
        try:
            client.make_bucket()
        finally:
            client.close()

    def check(self) -> None:
        """Raise StoreUnavailableError when the bucket cannot be reached or is not there."""
        with self.asking() as client:
            client.check_bucket()

    def _make_sure_it_is_there(self) -> None:
        # An answer to HEAD has no body: "no such key" may mean that the bucket is not mounted. If
        # that counted as a missing picture, every frame would be settled.
        if time.monotonic() - self._seen_at > _TRUST_SEC:
            self.check()

    def _connected(self) -> S3Client:
        client = self._client
        if client is None:
            region = self._endpoint.region or self._look_up_region()
            client = self._client = self._new_client(region)
        return client

    def _look_up_region(self) -> str:
        if not self._settings.access_key:
            return _DEFAULT_REGION  # nothing is signed
        client = self._new_client(_DEFAULT_REGION, in_path=True)
        try:
            return self._endpoint.region_of(client.location()) or _DEFAULT_REGION
        except S3Error as error:
            expected = _EXPECTED_REGION.search(error.message)
            if expected is None and error.code not in _REGION_HIDDEN:
                raise
            return expected[1] if expected else _DEFAULT_REGION
        finally:
            client.close()

    def _new_client(self, region: str, *, in_path: bool = False) -> S3Client:
        access_key = self._settings.access_key
        keys = Keys(access_key, self._settings.secret_key.get_secret_value())
        limits = Limits(_CONNECT_SEC, _READ_SEC, _TOTAL_SEC)
        return S3Client(
            self._endpoint, self.name, region, keys if access_key else None, limits, in_path=in_path
        )

    def unavailable(self, error: ClientError) -> StoreUnavailableError:
        """The error with a remedy for an error of the client."""
        endpoint, why = self._settings.endpoint, explain(error)
        return StoreUnavailableError(
            Reason.of("store.bucket", endpoint=endpoint, bucket=self.name, why=why)
        )


def _checked(settings: Minio) -> Endpoint:
    """The endpoint of settings that can belong to a bucket."""
    secret = settings.secret_key.get_secret_value()
    if bool(settings.access_key) != bool(secret):
        raise _wrong("access_key", Reason("minio.goes_with_secret_key"))
    if not is_bucket_name(settings.bucket):
        no_name = Reason.of("minio.no_bucket_name", name=repr(settings.bucket))
        raise _wrong("bucket", no_name)
    endpoint = settings.endpoint
    problem = Reason("minio.no_host")
    if endpoint.split() == [endpoint]:
        try:
            return Endpoint.parse(endpoint, secure=settings.use_ssl)
        except ValueError as error:
            problem = quoted(str(error))
    shown = HIDDEN if "@" in endpoint else endpoint  # it may hold a password
    no_endpoint = Reason.of("minio.no_endpoint", problem=problem, endpoint=repr(shown))
    raise _wrong("endpoint", no_endpoint)


def _wrong(key: str, fault: Reason) -> SettingsError:
    return SettingsError(of_key(f"frame_extractor.minio.{key}", fault))
