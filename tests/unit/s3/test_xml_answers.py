"""Listings are read exactly, and no document of a hostile server does harm."""

from __future__ import annotations

from urllib.parse import quote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.s3.client_errors import NotS3Error
from easyai.s3.xml_answers import read_listing, read_refusal, read_region

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
# What a document can hold: no control characters, and no \r, which a parser reads as \n.
texts = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="￾￿"),
    min_size=1,
    max_size=30,
)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


def listing(rows: str, more: str = "") -> bytes:
    """A listing with these rows."""
    return f"{_HEAD}<ListBucketResult {_SPACE}>{more}{rows}</ListBucketResult>".encode()


def contents(key: str) -> str:
    """The row of a key as its text stands in the document."""
    return (
        f"<Contents><Key>{key}</Key><LastModified>2026-11-27T10:00:01.500Z</LastModified>"
        "<ETag>&#34;e1&#34;</ETag><Size>7</Size><Owner><ID>1</ID></Owner></Contents>"
    )


@given(keys=st.lists(texts, max_size=5), encoded=st.booleans())
def test_keys_of_a_listing_are_those_that_a_parser_finds(keys: list[str], encoded: bool) -> None:
    written = [escape(quote_plus(key, safe="/") if encoded else key) for key in keys]
    more = "<EncodingType>url</EncodingType>" if encoded else ""
    body = listing("\n  ".join(map(contents, written)), more)
    assert [entry.key for entry in read_listing(body).objects] == keys
    if not encoded:
        root = ElementTree.fromstring(body)
        names = root.iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key")
        assert [element.text for element in names] == keys


def test_listing_is_read_with_all_its_fields() -> None:
    folders = "<CommonPrefixes><Prefix>a%2Fb+c/</Prefix></CommonPrefixes>"
    more = (
        "<Prefix>a/</Prefix><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>t&amp;1</NextContinuationToken>"
    )
    for body in (listing(contents("a/1.jpg") + folders, more), listing(folders, more)):
        page = read_listing(body)
        assert (page.folders, page.next_token) == (["a/b c/"], "t&1")
    page = read_listing(listing(contents("a/1.jpg") + folders + more))
    assert page.objects == [("a/1.jpg", "e1", 7, 1795773601.5)]
    assert page.next_token == "t&1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"words",
        b"<html>log in here</html>",
        listing(contents("1.jpg"))[:-5],
        BOMB.encode() + listing(contents("&c;")),
        _HEAD.encode() + BOMB.encode() + listing(contents("1.jpg"))[len(_HEAD) :],
        listing(contents("<![CDATA[1.jpg]]>")),
        listing(f"<!--{contents('1.jpg')}-->"),
        listing("<Contents><Size>1</Size></Contents>"),
        listing("<Contents><Key>1.jpg</Key><Size>many</Size></Contents>"),
        listing("<Contents><Key>1.jpg</Key><LastModified>now</LastModified></Contents>"),
        listing('<Contents x="1"><Key>1.jpg</Key></Contents>'),
        listing("<CommonPrefixes><Other/><Prefix>a/</Prefix></CommonPrefixes>"),
        listing("", "<IsTruncated>true</IsTruncated>"),
    ],
)
def test_document_that_is_no_plain_whole_listing_is_refused(body: bytes) -> None:
    with pytest.raises(NotS3Error):
        read_listing(body)


def test_refusal_is_read_with_its_escapes() -> None:
    body = b"<Error><Code>SlowDown</Code><Message>a &lt;b&gt; &amp;amp; &#20154;&#x6570;</Message>"
    assert read_refusal(body + b"<Resource/></Error>") == ("SlowDown", "a <b> &amp; 人数")
    assert read_refusal(BOMB.encode() + body + b"</Error>") is None
    assert read_refusal(b"<html>") is None


@pytest.mark.parametrize(
    ("body", "region"),
    [
        (f"<LocationConstraint {_SPACE}>eu-west-3</LocationConstraint>", "eu-west-3"),
        ("<LocationConstraint></LocationConstraint>", ""),
        ("<LocationConstraint/>", ""),
        (f"{_HEAD}<LocationConstraint {_SPACE} />", ""),
        (
            "<CreateBucketConfiguration><LocationConstraint>r</LocationConstraint>"
            "</CreateBucketConfiguration>",
            "r",
        ),
    ],
)
def test_location_is_read_as_servers_write_it(body: str, region: str) -> None:
    assert read_region(body.encode()) == region


@pytest.mark.parametrize("name", ["a.evil.example/", "a b", "a\r\nx: y", "r" * 64])
def test_location_that_is_no_region_is_refused(name: str) -> None:
    with pytest.raises(NotS3Error):
        read_region(f"<LocationConstraint>{name}</LocationConstraint>".encode())
