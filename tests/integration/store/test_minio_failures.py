"""An object store that is down, hangs, refuses or is none: the error helps, no picture is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from easyai.domain.frame import KeyRules
from easyai.errors import StoreUnavailableError
from easyai.settings.schema import Minio
from easyai.store import bucket as bucket_module
from easyai.store import bucket_errors
from easyai.store.frame_store import Store
from easyai.store.minio import MinioStore
from tests.integration.store.fake_s3 import EMPTY_LISTING, Answer, FakeS3, failure
from tests.integration.store.places import BucketPlace, jpeg, look, walked
from tests.support.object_server import ObjectServer
from tests.support.waiting import wait_until

KEY, TARGET = "人数统计/门口2/a b.jpg", "alerts/人数统计/门口2/a b.jpg"
CALLS: dict[str, Callable[[Store], object]] = {
    "walk": walked,
    "ready": lambda store: look(store, KEY, 2.0),
    "exists": lambda store: store.exists(KEY),
    "version": lambda store: store.version(KEY),
    "read": lambda store: store.read(KEY, 10),
    "move": lambda store: store.move(KEY, TARGET, "1-2"),
    "move any": lambda store: store.move(KEY, TARGET, ""),
    "delete": lambda store: store.delete(KEY, "1-2"),
    "delete any": lambda store: store.delete(KEY, ""),
    "check": lambda store: store.check(),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def refusal(store: Store, call: Callable[[Store], object]) -> str:
    """The error of a call, which must fail."""
    with pytest.raises(StoreUnavailableError) as caught:
        call(store)
    return str(caught.value)


def store_of(settings: Minio) -> MinioStore:
    """A store with the usual rules."""
    return MinioStore(settings, KeyRules(), lambda: "we")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits short enough for a test."""
    monkeypatch.setattr(bucket_module, "_READ_SEC", 0.3)


@every_call
def test_a_bucket_that_is_not_there_is_an_error_with_a_remedy_not_a_missing_picture(
    object_server: ObjectServer, call: Callable[[Store], object]
) -> None:
    object_server.start()
    message = refusal(store_of(object_server.settings("frames-none")), call)
    assert "bucket frames-none: the bucket is not there; create it" in message
    assert "frame_extractor.minio.bucket" in message


def test_a_bucket_that_vanishes_is_noticed_within_seconds(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bucket.store()
    assert store.exists(KEY) is False
    bucket.client.remove_bucket(bucket.bucket)
    monkeypatch.setattr(bucket_module, "_TRUST_SEC", 0.0)
    assert "the bucket is not there" in refusal(store, CALLS["exists"])
    bucket.client.make_bucket(bucket.bucket)
    assert store.exists(KEY) is False


@every_call
@pytest.mark.parametrize("wrong", ["secret_key", "access_key"])
def test_wrong_credentials_are_an_error_that_names_the_key_and_no_secret(
    bucket: BucketPlace, call: Callable[[Store], object], wrong: str
) -> None:
    settings = bucket.server.settings(bucket.bucket, **{wrong: "wrongsecret"})
    message = refusal(store_of(settings), call)
    assert "frame_extractor.minio.access_key and secret_key" in message
    assert settings.secret_key.get_secret_value() not in message


@every_call
def test_missing_rights_are_an_error_that_names_the_needed_rights(
    bucket: BucketPlace, call: Callable[[Store], object]
) -> None:
    bucket.put(KEY, jpeg("1"))
    settings = bucket.server.settings(
        bucket.bucket,
        access_key=bucket.server.viewer_access_key,
        secret_key=bucket.server.viewer_secret_key,
    )
    message = refusal(store_of(settings), call)
    assert "access denied; allow the user of frame_extractor.minio.access_key" in message
    assert bucket.content(KEY) == jpeg("1")


def test_store_that_is_down_at_the_start_is_used_once_it_runs(object_server: ObjectServer) -> None:
    object_server.start()
    place = BucketPlace(object_server)
    place.put(KEY, jpeg("1"))
    object_server.kill()
    store = place.store()
    for call in CALLS.values():
        message = refusal(store, call)
        assert f"object store 127.0.0.1:{object_server.port}" in message
        assert "Connection refused" in message
        assert object_server.secret_key not in message
    assert store.url(KEY, 60)
    object_server.start()
    assert walked(store) == {KEY}
    object_server.restart()
    assert store.exists(KEY)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("known_before", [False, True])
def test_hanging_store_blocks_calls_for_a_bounded_time(
    bucket: BucketPlace, known_before: bool
) -> None:
    store = bucket.store()
    if known_before:
        wait_until(lambda: _answers(store), 20, "it works")
    bucket.server.pause()
    try:
        for name in ("walk", "version", "check"):
            started = time.monotonic()
            assert "does not answer" in refusal(store, CALLS[name])
            assert time.monotonic() - started < 5
    finally:
        bucket.server.resume()
    wait_until(lambda: _answers(store), 20, "it works again")


def _answers(store: Store) -> bool:
    """Whether it works now: the machine may be slower than the time that is left to it here."""
    try:
        store.check()
        return walked(store) == set()
    except StoreUnavailableError:
        return False


@every_call
def test_failing_store_is_requested_three_times_at_most(
    call: Callable[[Store], object],
) -> None:
    busy = Answer(503, "", (("Retry-After", "3600"),))
    with FakeS3(lambda method, path: busy) as fake:
        assert "503" in refusal(store_of(fake.settings()), call)
        assert len(fake.requests) == 3


def test_passing_failure_is_retried_without_an_error() -> None:
    answers = iter([Answer(500), EMPTY_LISTING])
    location = Answer(200, "<LocationConstraint/>")

    def answer(method: str, path: str) -> Answer:
        return location if "location" in path else next(answers)

    with FakeS3(answer) as fake:
        assert walked(store_of(fake.settings())) == set()


def test_user_without_the_right_to_read_the_region_can_use_the_store() -> None:
    def answer(method: str, path: str) -> Answer:
        return failure(403, "AccessDenied") if "location" in path else EMPTY_LISTING

    with FakeS3(answer) as fake:
        store = store_of(fake.settings())
        assert walked(store) == set()
        assert walked(store) == set()
        assert sum("location" in path for _, path in fake.requests) == 1


@every_call
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "no XML", (("Content-Type", "application/xml"),)),
        Answer(404, "not found", (("Content-Type", "text/plain"),)),
        Answer(400, "<html>", (("Content-Type", "text/html"),)),
    ],
    ids=["no XML", "text", "bad request"],
)
def test_server_that_is_no_object_store_is_an_error_that_names_the_endpoint(
    call: Callable[[Store], object], answer: Answer
) -> None:
    with FakeS3(lambda method, path: answer) as fake:
        assert "frame_extractor.minio.endpoint and use_ssl" in refusal(
            store_of(fake.settings()), call
        )


def test_html_page_in_place_of_a_listing_is_an_error_not_an_empty_store() -> None:
    page = Answer(200, "<html>log in here</html>", (("Content-Type", "text/html"),))
    with FakeS3(lambda method, path: page) as fake:
        assert "not as an S3 store does" in refusal(store_of(fake.settings()), CALLS["walk"])


@every_call
def test_clocks_that_differ_are_named(call: Callable[[Store], object]) -> None:
    with FakeS3(lambda method, path: failure(403, "RequestTimeTooSkewed")) as fake:
        assert "clocks" in refusal(store_of(fake.settings()), call)


@pytest.mark.parametrize("off_sec", [-1000.0, 1000.0])
def test_clocks_that_differ_are_named_although_the_refusal_has_no_code(
    monkeypatch: pytest.MonkeyPatch, off_sec: float
) -> None:
    with FakeS3(lambda method, path: Answer(403)) as fake:
        store = store_of(fake.settings())
        store._bucket._client = store._bucket._offline_client  # its region is known
        assert "access denied" in refusal(store, CALLS["check"])
        ours = SimpleNamespace(time=lambda: time.time() + off_sec)
        monkeypatch.setattr(bucket_errors, "time", ours)
        assert "the clocks of this machine and of the store differ" in refusal(
            store, CALLS["check"]
        )


def test_tls_to_a_store_without_it_is_an_error_that_names_use_ssl() -> None:
    with FakeS3(lambda method, path: EMPTY_LISTING) as fake:
        assert "use_ssl" in refusal(store_of(fake.settings(use_ssl=True)), CALLS["walk"])


def test_error_of_a_full_store_quotes_its_message() -> None:
    full = failure(507, "XMinioStorageFull")
    with FakeS3(lambda method, path: full) as fake:
        assert "XMinioStorageFull: words" in refusal(store_of(fake.settings()), CALLS["check"])


def test_broken_off_listing_is_an_error_not_an_end() -> None:
    first = Answer(
        200,
        "<ListBucketResult><Name>frames</Name><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>2</NextContinuationToken>"
        "<Contents><Key>t/cam/1.jpg</Key><ETag>1</ETag></Contents></ListBucketResult>",
    )

    def answer(method: str, path: str) -> Answer:
        if "location" in path:
            return Answer(200, "<LocationConstraint/>")
        return failure(400, "Broken") if "continuation-token=2" in path else first

    with FakeS3(answer) as fake:
        store = MinioStore(fake.settings(), KeyRules("", ()), lambda: "we")
        assert "Broken: words" in refusal(store, CALLS["walk"])


def test_interrupted_download_is_an_error_not_half_a_file() -> None:
    def answer(method: str, path: str) -> Answer:
        if "location" in path:
            return Answer(200, "<LocationConstraint/>")
        return Answer(200, "half", (("Content-Length", "8"),))

    with FakeS3(answer) as fake:
        assert "Connection broken" in refusal(store_of(fake.settings()), CALLS["read"])
