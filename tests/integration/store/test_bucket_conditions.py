"""An object store is trusted with a condition only where it was seen to keep to it."""

from __future__ import annotations

import logging
import math
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from easyai.domain.frame import KeyRules
from easyai.errors import StoreUnavailableError
from easyai.s3.client import S3Client
from easyai.s3.client_errors import REFUSED_CONDITION, S3Error
from easyai.store import bucket_conditions, bucket_moves
from easyai.store.bucket_conditions import Kept
from easyai.store.condition_names import COPY, DELETE, PUT
from easyai.store.condition_names import TARGET as TARGET_CONDITION
from easyai.store.frame_store import Carried
from easyai.store.minio import MinioStore
from easyai.system.side_by_side import SideBySide
from tests.integration.store.fake_s3 import Answer, FakeS3, failure
from tests.integration.store.places import BucketPlace, jpeg

KEY, TARGET = "人数统计/门口1/1.jpg", "alerts/人数统计/门口1/1.jpg"
_FOUND = (("ETag", '"e1"'), ("Last-Modified", "Fri, 27 Nov 2026 10:00:00 GMT"))
_COPIED = Answer(200, '<CopyObjectResult><ETag>"e1"</ETag></CopyObjectResult>')


class Server:
    """A fake that answers as servers do that keep to conditions, refuse all, or know none.

    Each call is made first with a condition that does not hold, then with a true condition; to
    write the object, the other way round.
    """

    def __init__(self, puts: list[Answer], copies: list[Answer], deletes: list[Answer]) -> None:
        self._puts, self._copies, self._deletes = iter(puts), iter(copies), iter(deletes)

    def __call__(self, method: str, path: str) -> Answer:
        """The answer."""
        copy = urlsplit(path).path.endswith("-copy")
        if method == "PUT":
            return next(self._copies if copy else self._puts)
        if method == "DELETE" and not copy:
            return next(self._deletes, Answer(204))
        if "location" in path:
            return Answer(200, "<LocationConstraint></LocationConstraint>")
        return Answer(200, headers=_FOUND) if method == "HEAD" else Answer(204)


_NO = failure(412, "PreconditionFailed")
_UNKNOWN = failure(501, "NotImplemented")
_PUT = Answer(200, headers=_FOUND)
_KEEPS_ALL = Kept(copy=True, delete=True, target=True, put=True)


@pytest.mark.parametrize(
    ("puts", "copies", "deletes", "kept"),
    [
        ([_PUT, _NO], [_NO, _COPIED, _NO], [_NO, Answer(204)], _KEEPS_ALL),
        ([_PUT] * 3, [_COPIED] * 4, [Answer(204)], Kept(copy=False, delete=False)),
        ([_NO, _PUT], [_NO] * 4, [_NO, _NO], Kept(copy=False, delete=False)),
        (
            [_UNKNOWN, _UNKNOWN, _PUT],
            [*[_UNKNOWN] * 3, _NO, _COPIED],
            [_UNKNOWN],
            Kept(copy=True, delete=False),
        ),
    ],
    ids=["keeps all", "ignores all", "refuses all", "knows a single condition"],
)
def test_condition_is_trusted_only_where_its_trial_succeeded(
    puts: list[Answer],
    copies: list[Answer],
    deletes: list[Answer],
    kept: Kept,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with FakeS3(Server(puts, copies, deletes)) as fake:
        store = MinioStore(fake.settings(), KeyRules("cams/", ()), lambda: "we")
        assert store.ignores == ()
        store.check()
        assert store._conditions.known == kept
        assert store.ignores == kept.ignored
        tried = {unquote(path) for method, path in fake.requests if method in ("PUT", "DELETE")}
        assert all(path.startswith("/frames/cams/.easyai/try-") for path in tried)
        asked = len(fake.requests)
        store.check()
        assert len(fake.requests) == asked + 1, "once in a process"
    assert (f"{fake.settings().endpoint}" in caplog.text) == bool(kept.ignored)
    for name in (COPY, DELETE, TARGET_CONDITION, PUT):
        assert (name in caplog.text) == (name in kept.ignored)


def test_refused_trial_gives_no_verdict_and_is_repeated() -> None:
    puts = [_PUT, _NO]
    copies = [failure(403, "AccessDenied"), _NO, _COPIED, _NO]
    tidied_up = Answer(204)
    with FakeS3(Server([*puts, *puts], copies, [tidied_up, _NO, Answer(204)])) as fake:
        store = MinioStore(fake.settings(), KeyRules(), lambda: "we")
        with pytest.raises(StoreUnavailableError):
            store.check()
        store.check()
        assert store._conditions.known == _KEEPS_ALL


def test_object_that_vanishes_during_its_trial_is_an_error_of_the_store() -> None:
    def answer(method: str, path: str) -> Answer:
        if "location" in path:
            return Answer(200, "<LocationConstraint></LocationConstraint>")
        gone = method == "HEAD" and (".easyai" in path or "alerts" in path)
        return Answer(404) if gone else Answer(200)

    with FakeS3(answer) as fake:
        store = MinioStore(fake.settings(), KeyRules(), lambda: "we")
        for call in (store.check, lambda: store.keep(KEY, TARGET, "e1")):
            with pytest.raises(StoreUnavailableError):
                call()


@pytest.mark.parametrize("why", ["outage", "hour"])
def test_conditions_are_tried_again_after_an_outage_and_after_an_hour(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = False
    server = Server([_PUT, _NO] + [_PUT] * 3, [_NO] + [_COPIED] * 9, [_NO, Answer(204)])

    def answer(method: str, path: str) -> Answer:
        return Answer(418, "no S3") if away else server(method, path)

    monkeypatch.setattr(bucket_conditions, "_TRUST_SEC", 0.0 if why == "hour" else 60.0)
    with FakeS3(answer) as fake:
        store = MinioStore(fake.settings(), KeyRules(), lambda: "we")
        store.check()
        assert DELETE not in store.ignores
        if why == "outage":
            away = True
            with pytest.raises(StoreUnavailableError):
                store.exists(KEY)
            away = False
        assert store._conditions.trusted is None
        store.check()
        assert store._conditions.known == Kept(copy=False, delete=False)


class Together:
    """A client of a server that ignores the condition on the source beside another header."""

    def __init__(self, ignores_with: str) -> None:
        self.ignores_with = ignores_with
        self.objects: dict[str, bytes] = {}

    def copy(
        self, _client: S3Client, source: str, target: str, *, etag: str = "", **more: Any
    ) -> None:
        """Copy."""
        obeys = not more.get(self.ignores_with)
        if (etag == "0" * 32 and obeys) or (more.get("new") and target in self.objects):
            raise S3Error(REFUSED_CONDITION)
        self.objects[target] = b""

    def delete(self, _client: S3Client, key: str, etag: str = "", **_: Any) -> None:
        """Delete."""
        self.objects.pop(key, None)


@pytest.mark.parametrize("header", ["new", "marks"])
def test_condition_is_tried_in_the_request_that_a_move_sends(
    header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Together(header)
    for name in ("copy", "delete"):
        called = getattr(server, name)
        monkeypatch.setattr(S3Client, name, lambda *to, called=called, **more: called(*to, **more))
    with FakeS3(Server([_PUT, _NO], [], [])) as fake:
        store = MinioStore(fake.settings(), KeyRules(), lambda: "we")
        store.check()
        assert store._conditions.known == Kept(copy=False, delete=False, target=True, put=True)
    assert server.objects == {}


def test_trials_on_a_real_store_find_its_conditions_and_leave_no_objects(
    bucket: BucketPlace, caplog: pytest.LogCaptureFixture
) -> None:
    store = bucket.store()
    with caplog.at_level(logging.WARNING):
        store.check()
    assert store.ignores == bucket.server.ignores
    for name in store.ignores:
        assert name in caplog.text
    assert not list(bucket.client.list_objects(bucket.bucket, recursive=True))


def test_a_copy_of_another_picture_is_undone_where_the_store_ignores_the_condition(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bucket.store()
    store._conditions.known = Kept(copy=False, delete=False)
    copy = S3Client.copy

    def ignore_the_condition(*to: Any, etag: str, **more: Any) -> None:
        copy(*to, **more)

    monkeypatch.setattr(S3Client, "copy", ignore_the_condition)
    bucket.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    assert store.keep(KEY, TARGET, version) is Carried.DONE
    assert bucket.content(TARGET) == jpeg("1")
    bucket.remove(TARGET)
    bucket.put(KEY, jpeg("2"))
    assert store.keep(KEY, TARGET, version) is Carried.REPLACED
    assert bucket.content(TARGET) is None
    assert bucket.content(KEY) == jpeg("2")


def test_newer_picture_after_the_check_is_kept_by_a_store_with_conditions() -> None:
    def answer(method: str, path: str) -> Answer:
        if "location" in path:
            return Answer(200, "<LocationConstraint></LocationConstraint>")
        if method == "DELETE":  # another picture is there by now
            return _NO if fake.if_match == '"e1"' else Answer(204)
        return Answer(200, headers=_FOUND)

    with FakeS3(answer) as fake:
        store = MinioStore(fake.settings(), KeyRules(), lambda: "we")
        store._conditions.known = Kept(copy=True, delete=True)
        assert store.delete(KEY, "e1") is Carried.REPLACED


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        (_KEEPS_ALL, ["PUT", "DELETE"]),
        (Kept(copy=True, delete=False), ["HEAD", "PUT", "HEAD", "DELETE"]),
        (Kept(copy=False, delete=False), ["HEAD", "PUT", "HEAD", "HEAD", "DELETE"]),
    ],
    ids=["keeps all", "keeps copies only", "ignores all"],
)
def test_alert_costs_a_head_for_each_condition_that_the_store_ignores(
    kept: Kept, asked: list[str]
) -> None:
    def answer(method: str, path: str) -> Answer:
        if method == "PUT":
            return _COPIED
        there = method == "DELETE" or "alerts" not in path
        return Answer(200, headers=_FOUND) if there else Answer(404)

    with FakeS3(answer) as fake:
        store = store_that_knows(fake, kept)
        assert store.keep(KEY, TARGET, "e1") is Carried.DONE
        assert store.delete(KEY, "e1") is Carried.DONE
        assert [method for method, _ in fake.requests] == asked


@pytest.mark.parametrize("owner", ["we", "another site"])
def test_copy_whose_answer_was_lost_is_known_by_its_mark(owner: str) -> None:
    marks: list[tuple[str, str]] = []

    def answer(method: str, path: str) -> Answer:
        if method == "HEAD":
            return Answer(200, headers=(*_FOUND, *marks))
        marks.append(("x-amz-meta-easyai-moved-from", bucket_moves._mark(KEY, "e1")))
        marks.append(("x-amz-meta-easyai-installation", owner))
        return Answer(503) if len(marks) == 2 else _NO

    with FakeS3(answer) as fake:
        store = store_that_knows(fake, _KEEPS_ALL)
        kept = Carried.DONE if owner == "we" else Carried.TAKEN
        assert store.keep(KEY, TARGET, "e1") is kept


def test_deletion_begins_with_a_head_while_the_conditions_are_not_known() -> None:
    with FakeS3(lambda method, path: Answer(404)) as fake:
        store = store_that_knows(fake, None)
        assert store.delete(KEY, "e1") is Carried.MISSING
        assert [method for method, _ in fake.requests] == ["HEAD"]


def test_change_without_a_head_has_its_condition_although_trials_have_begun_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conditions: list[str] = []

    def answer(method: str, path: str) -> Answer:
        conditions.append(fake.if_match or fake.if_none_match)
        return _COPIED if method == "PUT" else Answer(204)

    with FakeS3(answer) as fake:
        store = store_that_knows(fake, _KEEPS_ALL)
        # Another thread met an outage meanwhile, and found another server.
        monkeypatch.setattr(store._conditions, "kept", lambda: Kept(copy=False, delete=False))
        assert store.keep(KEY, TARGET, "e1") is Carried.DONE
        assert store.delete(KEY, "e1") is Carried.DONE
    assert conditions == ["*", '"e1"']


def test_conditions_are_tried_once_for_changes_side_by_side() -> None:
    tried: list[str] = []

    def answer(method: str, path: str) -> Answer:
        if "/.easyai/try-" in path:
            tried.append(path)
        if method == "HEAD":
            return Answer(404) if "alerts" in path else Answer(200, headers=_FOUND)
        return _COPIED if method == "PUT" else Answer(204)

    with FakeS3(answer) as fake:
        store = store_that_knows(fake, None)
        copied = SideBySide(8).map(lambda n: store.keep(KEY, f"{TARGET}{n}", "e1"), range(8))
        assert copied == [Carried.DONE] * 8
    assert len({path.removesuffix("-copy") for path in tried}) == 1


def store_that_knows(fake: FakeS3, kept: Kept | None) -> MinioStore:
    """A store of a fake, which has found out its region and these conditions."""
    store = MinioStore(fake.settings(), KeyRules(), lambda: "we")
    store._bucket._client = store._bucket.signing_client
    store._bucket._seen_at = math.inf  # no request to see that the bucket is there
    store._conditions.known = kept
    return store
