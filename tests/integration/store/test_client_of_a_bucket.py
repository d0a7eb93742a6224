"""Requests of the S3 client, as a real object store understands them."""

from __future__ import annotations

import pytest
import requests

from easyai.s3.client import Keys, S3Client
from easyai.s3.client_errors import NO_SUCH_BUCKET, NO_SUCH_KEY, REFUSED_CONDITION, S3Error
from easyai.s3.endpoint import Endpoint
from easyai.s3.s3_connection import Limits
from tests.integration.store.places import BucketPlace

LIMITS = Limits(connect_sec=3.0, read_sec=10.0, total_sec=20.0)
NAMES = (
    "a b",
    " led by a space",
    "two  spaces ",
    "a+b",
    "100%",
    "%2F%20",
    "~!*'();:@&=$,?#[]",
    "人数统计",
    "é 😀",
    '"<&>',
)


def client_of(place: BucketPlace, bucket: str = "", secret_key: str = "") -> S3Client:
    """A client of a place, as easyai's user."""
    server = place.server
    keys = Keys(server.access_key, secret_key or server.secret_key)
    endpoint = Endpoint.parse(server.endpoint, secure=False)
    return S3Client(endpoint, bucket or place.bucket, server.region, keys, LIMITS)


def code_of(error: pytest.ExceptionInfo[S3Error]) -> str:
    """The code of a refusal."""
    return error.value.code


@pytest.mark.parametrize("name", NAMES)
def test_object_of_any_name_is_written_described_copied_listed_and_deleted(
    bucket: BucketPlace, name: str
) -> None:
    client, key, copy = client_of(bucket), f"t {name}/{name}.jpg", f"copies/{name}/{name}"
    client.put(key, b"content", "image/jpeg")
    assert bucket.content(key) == b"content"
    found = client.head(key)
    assert (found.size, found.headers["content-type"]) == (7, "image/jpeg")
    assert client.get(key, 7) == (found.etag, b"content")
    client.copy(key, copy, etag=found.etag, marks={"x-amz-meta-easyai-a": "b"})
    assert client.head(copy).headers["x-amz-meta-easyai-a"] == "b"
    assert requests.get(client.link(copy, 60), timeout=5).content == b"content"
    listed = [entry for page in client.pages(f"t {name}/") for entry in page.objects]
    assert [(entry.key, entry.etag, entry.size) for entry in listed] == [(key, found.etag, 7)]
    assert [page.folders for page in client.pages("t", folders=True)] == [[f"t {name}/"]]
    assert listed[0].modified_at == pytest.approx(found.modified_at, abs=1.0)
    client.delete(key)
    assert bucket.content(key) is None


def test_keys_after_a_key_are_listed_in_their_order(bucket: BucketPlace) -> None:
    client = client_of(bucket)
    keys = [f"t/cam {number:02}+.jpg" for number in range(20)]
    for key in keys:
        bucket.put(key, b"1")
    assert [entry.key for page in client.pages("t/") for entry in page.objects] == keys
    after = [entry.key for page in client.pages("t/", keys[8]) for entry in page.objects]
    assert after == keys[9:]


def test_refusals_have_their_codes(bucket: BucketPlace) -> None:
    client = client_of(bucket)
    client.put("k", b"1", "text/plain")
    with pytest.raises(S3Error) as refused:
        client.put("k", b"2", "text/plain", new=True)
    assert code_of(refused) == REFUSED_CONDITION
    with pytest.raises(S3Error) as refused:
        client.copy("k", "copy", etag="0" * 32)
    assert code_of(refused) == REFUSED_CONDITION
    for ask in (client.head, lambda key: client.get(key, 9), lambda key: client.copy(key, "c")):
        with pytest.raises(S3Error) as refused:
            ask("none")
        assert code_of(refused) == NO_SUCH_KEY
    with pytest.raises(S3Error) as refused:
        client_of(bucket, "frames-none").check_bucket()
    assert code_of(refused) == NO_SUCH_BUCKET
    with pytest.raises(S3Error) as refused:
        client_of(bucket, secret_key="wrong").get("k", 9)
    assert code_of(refused) == "SignatureDoesNotMatch"
    assert bucket.content("k") == b"1"


def test_bucket_is_made_once_and_stays_as_it_is(bucket: BucketPlace) -> None:
    server = bucket.server
    keys = Keys(*(server.owner or (server.access_key, server.secret_key)))
    endpoint = Endpoint.parse(server.endpoint, secure=False)
    client = S3Client(endpoint, "made-by-us", server.region, keys, LIMITS, in_path=True)
    client.make_bucket()
    client.put("1.jpg", b"1", "image/jpeg")
    client.make_bucket()
    assert client.head("1.jpg").size == 1
    client.close()
