"""Signatures are those of AWS's published examples, and of an independent client."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from minio.credentials.credentials import Credentials
from minio.helpers import BaseURL, sha256_hash
from minio.signer import presign_v4, sign_v4_s3

from easyai.s3.endpoint import Endpoint
from easyai.s3.signature_v4 import Signer, query_of

KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = "examplebucket.s3.amazonaws.com"
MOMENT = datetime(2013, 5, 24, tzinfo=UTC)
odd_keys = st.text(min_size=1, max_size=40).filter(
    lambda key: key.strip() and not {".", ".."} & set(key.split("/")) and _is_text(key)
)
odd_words = st.text(max_size=20).filter(lambda word: _is_text(word))


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def test_signature_of_a_request_is_the_one_that_aws_publishes() -> None:
    signer = Signer(*KEYS, "us-east-1")
    headers = {"host": HOST, "range": "bytes=0-9"}
    signed = signer.headers("GET", "/test.txt", "", headers, b"", MOMENT.timestamp())
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_signature_of_a_link_is_the_one_that_aws_publishes() -> None:
    signer = Signer(*KEYS, "us-east-1")
    query = signer.link_query("/test.txt", HOST, 86_400, MOMENT.timestamp())
    assert query.endswith(
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@given(
    key=odd_keys,
    words=st.dictionaries(st.sampled_from(["prefix", "prefix-x", "a", "list-type"]), odd_words),
    body=st.binary(max_size=20),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    day=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_request_for_any_key_is_signed_as_an_independent_client_signs_it(
    key: str, words: dict[str, str], body: bytes, value: str, day: datetime
) -> None:
    place = Endpoint.parse("store.local:9000", secure=False).place("frames", "eu-west-3")
    headers = {"host": "store.local:9000", "x-amz-meta-mark": value}
    signed = Signer(*KEYS, "eu-west-3").headers(
        "PUT", place.path_of(key), query_of(words.items()), headers, body, day.timestamp()
    )
    url = _built("http://store.local:9000", key, words)
    assert (place.path_of(key), query_of(words.items())) == (url.path, url.query)
    theirs = sign_v4_s3(
        method="PUT",
        url=url,
        region="eu-west-3",
        headers={name: text for name, text in signed.items() if name != "authorization"},
        credentials=Credentials(*KEYS),
        content_sha256=sha256_hash(body),
        date=day,
    )
    assert signed["authorization"] == theirs["Authorization"]
    assert signed["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()


@given(key=odd_keys, lifetime_sec=st.integers(1, 604_800), access_key=st.sampled_from(["a:b", "k"]))
def test_link_to_any_key_is_signed_as_an_independent_client_signs_it(
    key: str, lifetime_sec: int, access_key: str
) -> None:
    place = Endpoint.parse("store.local", secure=True).place("frames", "r")
    query = Signer(access_key, "secret", "r").link_query(
        place.path_of(key), place.authority, lifetime_sec, MOMENT.timestamp()
    )
    theirs = presign_v4(
        method="GET",
        url=_built("https://store.local", key, {}),
        region="r",
        credentials=Credentials(access_key, "secret"),
        date=MOMENT,
        expires=lifetime_sec,
    )
    ours = urlsplit(f"https://{place.authority}{place.path_of(key)}?{query}")
    assert ours == theirs


def test_key_of_a_day_is_not_used_on_another_day() -> None:
    def signed(signer: Signer, day: int) -> dict[str, str]:
        return signer.headers("GET", "/", "", {"host": "h"}, b"", MOMENT.timestamp() + 86_400 * day)

    signer = Signer(*KEYS, "r")
    for day in (0, 1, 0):
        assert signed(signer, day) == signed(Signer(*KEYS, "r"), day)


def _built(endpoint: str, key: str, query: dict[str, str]) -> SplitResult:
    return BaseURL(endpoint, None).build(
        method="GET",
        region="r",
        bucket_name="frames",
        object_name=key,
        query_params=dict(query),
    )
