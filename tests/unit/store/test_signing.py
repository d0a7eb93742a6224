"""Links to pictures: any change makes a link invalid, and its life is limited."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.alert import IMAGE_URL_TTL_SEC
from easyai.errors import SignatureError
from easyai.store.signing import FILES_PATH, LinkSigner

NOW = 1_700_000_000.0
KEY = "人数统计/门口2/a b%2F?.jpg"
SIGNER = LinkSigner(b"secret", "http://10.0.0.1:5066/")


def taken_apart(url: str) -> tuple[str, str, str]:
    """Key, expiry and signature as the server gets them."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    key = unquote(parts.path.removeprefix(FILES_PATH + "/"))
    return key, query["expires"][0], query["signature"][0]


def test_a_link_leads_to_its_key_and_is_valid() -> None:
    url = SIGNER.url(KEY, 3600, NOW)
    assert url.startswith(f"http://10.0.0.1:5066{FILES_PATH}/")
    key, expires, signature = taken_apart(url)
    assert key == KEY
    SIGNER.check(key, expires, signature, NOW)


@pytest.mark.parametrize(
    ("shortest_sec", "longest_sec", "same_sec"), [(1, 86_399, 60), (86_400, 200_000, 3600)]
)
@given(data=st.data(), now=st.floats(0, 4e9))
def test_link_lives_for_the_requested_time_and_not_much_longer(
    data: st.DataObject, shortest_sec: int, longest_sec: int, same_sec: int, now: float
) -> None:
    ttl_sec = data.draw(st.floats(shortest_sec, longest_sec))
    key, expires, signature = taken_apart(SIGNER.url(KEY, ttl_sec, now))
    SIGNER.check(key, expires, signature, now + ttl_sec - 0.01)
    with pytest.raises(SignatureError):
        SIGNER.check(key, expires, signature, now + ttl_sec + same_sec + 2)


@pytest.mark.parametrize(("ttl_sec", "same_sec"), [(3600, 60), (IMAGE_URL_TTL_SEC, 3600)])
def test_links_stay_the_same_for_a_minute_and_links_of_viewers_for_an_hour(
    ttl_sec: float, same_sec: int
) -> None:
    start = NOW - NOW % same_sec
    assert len({SIGNER.url(KEY, ttl_sec, start + second) for second in range(same_sec)}) == 1


@given(st.lists(st.text(), max_size=4).map("/".join))
def test_a_link_has_its_key_quoted_as_the_standard_library_does(key: str) -> None:
    url = SIGNER.url(key, 3600, NOW)
    assert url.startswith(f"http://10.0.0.1:5066{FILES_PATH}/{quote(key)}?expires=")


def test_links_given_out_by_earlier_releases_stay_valid() -> None:
    SIGNER.check(KEY, "1700003640", "67aee33492ed0ffc0143f0a9e5865754595339fd", NOW)


@given(st.text())
def test_a_tampered_key_is_refused(other: str) -> None:
    key, expires, signature = taken_apart(SIGNER.url(KEY, 3600, NOW))
    if other != key:
        with pytest.raises(SignatureError):
            SIGNER.check(other, expires, signature, NOW)


@given(st.text() | st.integers().map(str))
def test_a_tampered_expiry_is_refused(other: str) -> None:
    key, expires, signature = taken_apart(SIGNER.url(KEY, 3600, NOW))
    if other != expires:
        with pytest.raises(SignatureError):
            SIGNER.check(key, other, signature, NOW)


@given(st.text() | st.sampled_from(["", "é", "\ud800", "0" * 40]))
def test_a_tampered_signature_is_refused(other: str) -> None:
    key, expires, signature = taken_apart(SIGNER.url(KEY, 3600, NOW))
    if other != signature:
        with pytest.raises(SignatureError):
            SIGNER.check(key, expires, other, NOW)


@pytest.mark.parametrize("expires", ["", "-1", "1e9", " 1", "٣", "9" * 13, "0x10", "1_0"])
def test_an_expiry_that_is_no_plain_number_is_refused(expires: str) -> None:
    with pytest.raises(SignatureError):
        SIGNER.check(KEY, expires, "0" * 40, NOW)


def test_key_with_a_line_break_cannot_forge_the_expiry() -> None:
    _, expires, signature = taken_apart(SIGNER.url("1\nt/cam/1.jpg", 3600, NOW))
    with pytest.raises(SignatureError):
        SIGNER.check("t/cam/1.jpg", expires, signature, NOW)


def test_a_link_signed_with_another_secret_is_refused() -> None:
    other = LinkSigner(b"another secret", "http://10.0.0.1:5066")
    key, expires, signature = taken_apart(other.url(KEY, 3600, NOW))
    with pytest.raises(SignatureError):
        SIGNER.check(key, expires, signature, NOW)


def test_refusal_of_a_link_shows_neither_secret_nor_signature() -> None:
    key, expires, signature = taken_apart(SIGNER.url(KEY, 3600, NOW))
    with pytest.raises(SignatureError) as caught:
        SIGNER.check(key, expires, "0" * 40, NOW)
    assert signature not in str(caught.value)
    assert "secret" not in str(caught.value)
