"""A frame's journey through a bucket of SeaweedFS, and the reports when it is interrupted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.faults.fake_clock import FakeClock
from tests.integration.store.places import BucketPlace
from tests.production.stores.buckets import TYPE, running
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside
from tests.support.part_process import easyai_command, run_to_end
from tests.support.seaweed_server import SeaweedServer
from tests.support.waiting import wait_until

_PICTURE = jpeg(7)


@dataclass(frozen=True)
class Site:
    """An installation on a bucket, which all tests of this file use in sequence."""

    easyai: EasyaiProcess
    outside: Outside
    stub: AlgorithmStub
    bucket: BucketPlace
    clock: FakeClock

    def put(self, name: str) -> str:
        """Write a frame as a camera does; its key."""
        key = f"{TYPE}/门口 2/{name}.jpg"
        self.bucket.put(key, _PICTURE)
        return key

    def alert_of(self, key: str) -> dict[str, Any]:
        """Wait for the alert of a frame."""

        def found() -> dict[str, Any] | None:
            alerts = self.outside.alerts(TYPE)
            return next((alert for alert in alerts if alert["image_path"] == f"alerts/{key}"), None)

        return wait_until(found, 60, f"an alert of {key}", every=0.2)

    def diagnosed(self, english: str, chinese: str) -> None:
        """Wait until the diagnosis has these words, in both languages."""

        def shown() -> bool:
            return english in self.diagnosis()

        wait_until(shown, 60, f"the diagnosis has: {english}", every=0.5)
        assert chinese in self.diagnosis("--lang", "zh")

    def diagnosis(self, *options: str) -> str:
        """The output of `easyai diagnose` on this machine, by its clock."""
        own = self.easyai.installation | self.clock.environment
        command = easyai_command("diagnose", *options)
        return run_to_end(command, own, self.easyai.folder).stdout


@pytest.fixture(scope="module")
def site(object_server: SeaweedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running installation, at a service that downloads each picture by its link."""
    object_server.start()
    bucket, folder = BucketPlace(object_server), tmp_path_factory.mktemp("journey")
    clock = FakeClock(folder)
    settings = object_server.settings(bucket.bucket)
    with running(folder, settings, clock.environment) as (easyai, outside, stub):
        yield Site(easyai, outside, stub, bucket, clock)


def test_a_frame_becomes_an_alert_whose_picture_is_read_by_a_signed_link_only(site: Site) -> None:
    key = site.put("1")
    alert = site.alert_of(key)
    (received,) = site.stub.received
    assert received.picture == _PICTURE
    assert site.bucket.content(alert["image_path"]) == _PICTURE
    wait_until(lambda: site.bucket.content(key) is None, 20, "the frame is gone")
    link = alert["image_url"]
    assert requests.get(link, timeout=5).content == _PICTURE
    for url in (received.frame["image_url"], link):
        assert site.bucket.server.secret_key not in url
    forged = re.sub(r"(X-Amz-Signature=)(.)", lambda found: found[1] + "01"[found[2] == "0"], link)
    assert requests.get(forged, timeout=5).status_code == 403
    assert requests.get(link.partition("?")[0], timeout=5).status_code == 403


def test_wrong_keys_are_named_and_correct_keys_take_effect_without_a_restart(site: Site) -> None:
    right = site.easyai.config.read_text()
    site.easyai.configure(right.replace(site.bucket.server.secret_key, "wrongsecret"))
    site.diagnosed("the secret key is wrong", "secret key 不正确")
    assert "wrongsecret" not in site.easyai.log + site.diagnosis()
    site.easyai.configure(right)
    site.alert_of(site.put("2"))


def test_wrong_clock_is_named_and_inference_goes_on_once_it_is_corrected(site: Site) -> None:
    site.clock.set(1200)
    try:
        site.diagnosed(
            "the clocks of this machine and of the store differ; set both by NTP",
            "本机与存储的时钟不一致；请都用 NTP 校时",
        )
    finally:
        site.clock.set(0)
    site.alert_of(site.put("clock"))


def test_missing_bucket_is_named_and_used_once_it_is_created(site: Site) -> None:
    name = site.bucket.bucket
    site.bucket.client.remove_bucket(name)
    site.diagnosed("the bucket is not there; create it", "存储桶不存在；请创建")
    site.bucket.client.make_bucket(name)
    site.alert_of(site.put("3"))
