"""An endpoint is reached, and names the bucket, as an independent client does it."""

from __future__ import annotations

import pytest
from minio.helpers import BaseURL

from easyai.s3.endpoint import Endpoint, is_bucket_name

REGION = "eu-central-1"


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("bucket", ["frames", "frames.of.a.site"])
@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:9000",
        "[2001:db8::1]:9000",
        "store.local",
        "store.local:80",
        "store.local:443",
        "s3.amazonaws.com",
        "s3.eu-west-1.amazonaws.com",
        "s3.dualstack.us-west-2.amazonaws.com",
        "s3-fips.us-east-2.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "bucket.vpce-0a1b-2c3d.s3.us-east-1.vpce.amazonaws.com",
        "balancer-1.us-east-2.elb.amazonaws.com",
        "oss-cn-hangzhou.aliyuncs.com",
    ],
)
def test_request_goes_where_an_independent_client_sends_it(
    endpoint: str, bucket: str, secure: bool
) -> None:
    ours = Endpoint.parse(endpoint, secure=secure)
    theirs = BaseURL(f"{'https' if secure else 'http'}://{endpoint}", None)
    assert ours.region == (theirs.region or "")
    region = ours.region or REGION
    for key in ("人数统计/a b.jpg", ""):
        place = ours.place(bucket, region)
        url = theirs.build(method="GET", region=region, bucket_name=bucket, object_name=key)
        # They write an IPv6 address without brackets where the port is the scheme's.
        assert (place.authority, place.path_of(key)) == (url.netloc, url.path)
    located = ours.place(bucket, region, in_path=True)
    url = theirs.build(
        method="GET", region=region, bucket_name=bucket, query_params={"location": ""}
    )
    assert (located.authority, located.path_of("")) == (url.netloc, url.path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://store", "path"),
        ("store/path", "path"),
        ("store?a", "query"),
        ("store#a", "fragment"),
        ("store:port", "port"),
        ("store:99999", "port"),
        ("user@store", "username"),
        ("user:password@store", "username"),
        ("", "host"),
        (":9000", "host"),
        ("a..b", "host"),
        ("fe80::1%eth0", "port"),
        ("[fe80::1%eth0]", "host"),
        ("s3.amazonaws.com.cn", "region"),
    ],
)
def test_text_that_is_no_endpoint_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Endpoint.parse(text, secure=False)


def test_name_of_a_host_in_another_script_is_sent_as_ascii() -> None:
    place = Endpoint.parse("用户:9000", secure=False).place("frames", REGION)
    assert place.host.startswith("xn--")
    assert place.authority.isascii()


@pytest.mark.parametrize(
    ("location", "endpoint", "region"),
    [("EU", "s3.amazonaws.com", "eu-west-1"), ("EU", "store.local", "EU"), ("", "store", "")],
)
def test_location_of_earlier_times_is_a_region_of_aws_only(
    location: str, endpoint: str, region: str
) -> None:
    assert Endpoint.parse(endpoint, secure=False).region_of(location) == region


@pytest.mark.parametrize("name", ["frames", "a.b-c", "Frames_1", "a" * 63])
def test_name_of_a_bucket_is_accepted(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize("name", ["", "ab", "a" * 64, "a..b", "a.-b", "a/b", "10.0.0.1", "a\n"])
def test_name_that_no_bucket_has_is_refused(name: str) -> None:
    assert not is_bucket_name(name)
