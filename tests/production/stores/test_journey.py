"""A frame's journey through a bucket of SeaweedFS, and what an operator is told when it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from tests.faults.fake_clock import FakeClock
from tests.integration.store.places import BucketPlace
from tests.production.stores.buckets import TYPE, running
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口 2/20261124-101500.000.jpg"


def diagnosed(easyai: EasyaiProcess, english: str, chinese: str) -> None:
    """Wait until the diagnosis has these words, in both languages."""

    def told() -> bool:
        return english in easyai.run("diagnose").stdout

    wait_until(told, 60, f"the diagnosis says: {english}", every=1.0)
    assert chinese in easyai.run("diagnose", "--lang", "zh").stdout


def test_a_frame_becomes_an_alert_whose_picture_is_read_by_a_signed_link_only(
    tmp_path: Path, bucket: BucketPlace
) -> None:
    picture = jpeg(7)
    settings = bucket.server.settings(bucket.bucket)
    with running(tmp_path, settings) as (easyai, site, stub):
        bucket.put(KEY, picture)
        site.wait_for_alerts(TYPE, 1, 40)
        (received,) = stub.received
        assert received.picture == picture
        (alert,) = site.alerts(TYPE)
        assert alert["image_path"] == f"alerts/{KEY}"
        assert bucket.content(alert["image_path"]) == picture
        wait_until(lambda: bucket.content(KEY) is None, 20, "the frame is gone")
        for link in (received.frame["image_url"], alert["image_url"]):
            assert settings.secret_key.get_secret_value() not in link
        link = alert["image_url"]
        assert requests.get(link, timeout=5).content == picture
        forged = re.sub(r"(X-Amz-Signature=)(.)", lambda m: m[1] + "01"[m[2] == "0"], link)
        assert requests.get(forged, timeout=5).status_code == 403
        assert requests.get(link.partition("?")[0], timeout=5).status_code == 403
        easyai.stop()


def test_a_bucket_that_is_missing_is_named_and_used_once_it_is_made(
    tmp_path: Path, bucket: BucketPlace
) -> None:
    bucket.client.remove_bucket(bucket.bucket)
    settings = bucket.server.settings(bucket.bucket)
    with running(tmp_path, settings) as (easyai, site, _):
        diagnosed(easyai, "the bucket is not there; create it", "存储桶不存在；请创建")
        bucket.client.make_bucket(bucket.bucket)
        bucket.put(KEY, jpeg(7))
        site.wait_for_alerts(TYPE, 1, 60)


def test_wrong_keys_are_named_and_the_right_ones_taken_without_a_restart(
    tmp_path: Path, bucket: BucketPlace
) -> None:
    settings = bucket.server.settings(bucket.bucket, secret_key="wrongsecret")
    with running(tmp_path, settings) as (easyai, site, _):
        diagnosed(easyai, "the secret key is not the right one", "secret key 不正确")
        assert "wrongsecret" not in easyai.log + easyai.run("diagnose").stdout
        easyai.configure(easyai.config.read_text().replace("wrongsecret", "easyaisecret"))
        bucket.put(KEY, jpeg(7))
        site.wait_for_alerts(TYPE, 1, 60)


@pytest.mark.parametrize("off_sec", [-1200, 1200])
def test_a_clock_that_is_off_is_named_and_inference_goes_on_once_it_is_right(
    tmp_path: Path, bucket: BucketPlace, off_sec: int
) -> None:
    clock = FakeClock(tmp_path)
    clock.set(off_sec)
    settings = bucket.server.settings(bucket.bucket)
    with running(tmp_path, settings, clock.environment) as (easyai, site, _):
        bucket.put(KEY, jpeg(7))
        diagnosed(
            easyai,
            "the clocks of this machine and of the store differ; set both by NTP",
            "本机与存储的时钟不一致；请都用 NTP 校时",
        )
        clock.set(0)
        site.wait_for_alerts(TYPE, 1, 90)
