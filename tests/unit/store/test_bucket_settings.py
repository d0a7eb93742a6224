"""Wrong settings of an object store are refused with the name of the key."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from easyai.domain.frame import KeyRules
from easyai.errors import SettingsError
from easyai.settings.schema import Minio
from easyai.store.minio import MinioStore

GOOD = Minio(
    endpoint="127.0.0.1:9", bucket="frames", access_key="camera", secret_key=SecretStr("topsecret")
)


def build(**changes: object) -> MinioStore:
    """A store from good settings with some changed."""
    return MinioStore(GOOD.model_copy(update=changes), KeyRules(), lambda: "we")


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        " ",
        "http://127.0.0.1:9000",
        "127.0.0.1:9000/bucket",
        "127.0.0.1:port",
        "127.0.0.1:99999",
        "store host:9000",
        "user@host:9000",
    ],
)
def test_malformed_endpoint_is_refused_with_an_example(endpoint: str) -> None:
    with pytest.raises(SettingsError, match=r"frame_extractor\.minio\.endpoint.*127.0.0.1:9000"):
        build(endpoint=endpoint)


@pytest.mark.parametrize("bucket", ["", "a", "two words", "a/b", "../x", "10.0.0.1"])
def test_malformed_bucket_name_is_refused(bucket: str) -> None:
    with pytest.raises(SettingsError, match=r"frame_extractor\.minio\.bucket"):
        build(bucket=bucket)


@pytest.mark.parametrize("half", [{"access_key": ""}, {"secret_key": SecretStr("")}])
def test_half_of_the_credentials_is_refused_without_showing_the_secret(
    half: dict[str, object],
) -> None:
    with pytest.raises(SettingsError, match=r"frame_extractor\.minio\.access_key") as caught:
        build(**half)
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9", "[::1]:9", "store.local", "用户:9000"])
def test_building_a_store_sends_no_request(endpoint: str) -> None:
    assert build(endpoint=endpoint).remote


def test_a_public_bucket_needs_no_credentials() -> None:
    store = build(access_key="", secret_key=SecretStr(""))
    assert store.url("t/cam/1.jpg", 60) == "http://127.0.0.1:9/frames/t/cam/1.jpg"
