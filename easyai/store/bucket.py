"""The connection to a bucket of an S3 store: time limits, region, which answers are failures."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio as Client
from minio.error import MinioException, S3Error
from minio.helpers import check_bucket_name
from urllib3.exceptions import HTTPError

from easyai.domain.reason import NO_REASON, Reason, quoted
from easyai.errors import SettingsError, StoreUnavailableError
from easyai.masking import HIDDEN
from easyai.settings.faults import of_key
from easyai.settings.schema import Minio
from easyai.store.bucket_errors import NO_BUCKET, explain

_CONNECT_SEC, _READ_SEC = 3.0, 10.0  # a call takes 20 s at most, even if the store hangs
_CONNECTIONS = 64  # kept open; further threads open short-lived connections
_TRUST_SEC = 5.0
_DEFAULT_REGION = "us-east-1"  # MinIO's default
_REGION_HIDDEN = ("AccessDenied", "MethodNotAllowed", "NotImplemented")
_EXPECTED_REGION = re.compile(r"expecting '([\w-]+)'")  # in the message of a refusal
_REGION_IN_DOUBT = ("AuthorizationHeaderMalformed", "BadRequest", "NoSuchBucket")
_ANSWERS = ("NoSuchKey", "PreconditionFailed")


class Bucket:
    """A bucket and its client, which is safe between threads; the constructor sends no request.

    Raises SettingsError, which names the key, when the settings cannot belong to a bucket.
    """

    def __init__(self, settings: Minio) -> None:
        self.name = settings.bucket
        self._settings = settings
        self.where = f"object store {settings.endpoint}, bucket {settings.bucket}"
        _check(settings)
        self._offline_client = _new_client(settings, _DEFAULT_REGION)
        self._client: Client | None = None
        self._seen_at = -math.inf

    @property
    def signing_client(self) -> Client:
        """The client for links, which need no request; knows the region after the first request."""
        return self._client or self._offline_client

    @contextmanager
    def asking(self) -> Iterator[Client]:
        """A client whose failures raise StoreUnavailableError, with a reason that helps.

        The S3Errors NoSuchKey and PreconditionFailed are answers, not failures, and are raised
        unchanged; NoSuchKey only when the bucket really exists.
        """
        try:
            yield self._connected()
        except S3Error as error:
            if error.code in _REGION_IN_DOUBT:
                self._client = None
            if error.code not in _ANSWERS:
                raise self._unavailable(explain(error)) from None
            if error.code == "NoSuchKey":
                self._make_sure_it_is_there()
            raise
        except (MinioException, HTTPError, ParseError, ValueError) as error:
            raise self._unavailable(explain(error)) from None
        self._seen_at = time.monotonic()

    def check(self) -> None:
        """Raise StoreUnavailableError when the bucket cannot be reached or is not there."""
        with self.asking() as client:
            exists = client.bucket_exists(self.name)
        if not exists:
            self._seen_at = -math.inf
            raise self._unavailable(NO_BUCKET)

    def _make_sure_it_is_there(self) -> None:
        # An answer to HEAD has no body: "no such key" may mean that the bucket is not mounted. If
        # that counted as a missing picture, every frame would be settled.
        if time.monotonic() - self._seen_at > _TRUST_SEC:
            self.check()

    def _connected(self) -> Client:
        client = self._client
        if client is None:
            client = self._client = self._look_up_region()
        return client

    def _look_up_region(self) -> Client:
        client = _new_client(self._settings, None)
        try:
            # To sign a link the client requests the region, and caches it.
            client.presigned_get_object(self.name, "any")
        except S3Error as error:
            region = _EXPECTED_REGION.search(error.message or "")
            if region is None and error.code not in _REGION_HIDDEN:
                raise
            client = _new_client(self._settings, region[1] if region else _DEFAULT_REGION)
        return client

    def _unavailable(self, why: Reason) -> StoreUnavailableError:
        endpoint = self._settings.endpoint
        return StoreUnavailableError(
            Reason.of("store.bucket", endpoint=endpoint, bucket=self.name, why=why)
        )


def _check(settings: Minio) -> None:
    secret = settings.secret_key.get_secret_value()
    if bool(settings.access_key) != bool(secret):
        raise _wrong("access_key", Reason("minio.goes_with_secret_key"))
    try:
        check_bucket_name(settings.bucket)
    except ValueError:
        no_name = Reason.of("minio.no_bucket_name", name=repr(settings.bucket))
        raise _wrong("bucket", no_name) from None
    endpoint = settings.endpoint
    problem = NO_REASON if endpoint.split() == [endpoint] else Reason("minio.no_host")
    try:
        _new_client(settings, None)
    except ValueError as error:
        problem = quoted(str(error))
    if problem:
        shown = HIDDEN if "@" in endpoint else endpoint  # it may hold a password
        no_endpoint = Reason.of("minio.no_endpoint", problem=problem, endpoint=repr(shown))
        raise _wrong("endpoint", no_endpoint)


def _wrong(key: str, fault: Reason) -> SettingsError:
    return SettingsError(of_key(f"frame_extractor.minio.{key}", fault))


def _new_client(settings: Minio, region: str | None) -> Client:
    # Each client has its own pool, because a client clears its pool when it is deleted.
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=_CONNECT_SEC, read=_READ_SEC),
        maxsize=_CONNECTIONS,
        retries=urllib3.Retry(
            total=2,
            connect=1,
            read=1,
            backoff_factor=0.1,
            status_forcelist=(500, 502, 503, 504),
            respect_retry_after_header=False,  # the next scan is soon enough
        ),
    )
    return Client(
        settings.endpoint,
        access_key=settings.access_key or None,
        secret_key=settings.secret_key.get_secret_value() or None,
        secure=settings.use_ssl,
        region=region,
        http_client=pool,
    )
