"""Other objects in buckets beside frames, and buckets that are reached in other ways."""

from __future__ import annotations

import math
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import urllib3
from minio import Minio as Client
from minio.datatypes import Part

from easyai.errors import StoreUnavailableError
from easyai.store.frame_store import Carried
from tests.integration.store.places import BucketPlace, jpeg, listed, look, started, walked
from tests.support.needs import program
from tests.support.seaweed_server import SeaweedServer

KEY, TARGET = "t/cam/1.jpg", "alerts/t/cam/1.jpg"
_NAMES = ("a+b", "100%", "%2F", "two  spaces", " led by one", "~!*'()", ";=,", "a?b#c", "😀", "é")


@pytest.mark.parametrize(
    "key",
    [
        *(f"t/cam/{name}.jpg" for name in _NAMES),
        unicodedata.normalize("NFD", "t/ガム é/é.jpg"),
        "t/cam/" + ("d" * 240 + "/") * 3 + "n" * 240 + ".jpg",
        "t/cam/" + "长" * 81 + ".jpg",
    ],
)
def test_odd_name_leads_only_to_its_own_picture(bucket: BucketPlace, key: str) -> None:
    store = bucket.store()
    bucket.put(key, jpeg(key))
    assert walked(store) == {key}
    picture = look(store, key)
    assert picture is not None
    assert requests.get(store.url(key, 60), timeout=5).content == jpeg(key)
    assert store.move(key, f"alerts/{key}", picture.version) is Carried.DONE
    assert bucket.content(f"alerts/{key}") == jpeg(key)
    assert walked(store) == set()


def test_impossible_frame_names_break_no_listing(bucket: BucketPlace) -> None:
    store = bucket.store()
    frames = {f"t/cam{number}/1.jpg" for number in range(3)}
    for key in [*frames, "t/cam1//double.jpg", "double//x.jpg", "t/cam1/folder.jpg/", "t/cam1/"]:
        bucket.put(key, jpeg(key))
    watch = store.watch()
    keys = {key for key in listed(watch) if store.rules.parse(key)}
    # This server merges two slashes.
    assert keys - {"t/cam1/double.jpg"} == frames
    assert {picture.key for picture in watch.whole_pictures(sorted(keys), 2.0, set())} == keys


def test_an_upload_in_parts_is_a_picture_once_it_is_complete(bucket: BucketPlace) -> None:
    store, client = bucket.store(), bucket.client
    content = b"\xff\xd8" + b"x" * 50_000_000 + b"\xff\xd9"
    upload = client._create_multipart_upload(bucket.bucket, KEY, {})
    half = len(content) // 2
    parts = [
        Part(number, client._upload_part(bucket.bucket, KEY, part, None, upload, number))
        for number, part in ((1, content[:half]), (2, content[half:]))
    ]
    assert walked(store) == set()
    assert look(store, KEY) is None
    client._complete_multipart_upload(bucket.bucket, KEY, upload, parts)
    (listing,) = (watch := store.watch()).listings(math.inf)
    (picture,) = watch.whole_pictures(listing.keys, 2.0, set())
    assert picture.version == store.version(KEY), "its ETag is no digest, and the same everywhere"
    assert store.move(KEY, TARGET, picture.version) is Carried.DONE
    assert bucket.content(TARGET) == content
    assert bucket.content(KEY) is None


def test_picture_deleted_between_listing_and_check_is_missing_without_error(
    bucket: BucketPlace,
) -> None:
    store = bucket.store()
    bucket.put(KEY, jpeg("1"))
    version = store.version(KEY) or ""
    watch = store.watch()
    assert listed(watch) == {KEY}
    bucket.remove(KEY)
    assert look(watch, KEY, wary=True) is None
    assert store.read(KEY, 100) is None
    assert store.hold(KEY, 1, version).carried is Carried.MISSING
    assert store.move(KEY, TARGET, version) is Carried.MISSING
    assert store.delete(KEY, version) is Carried.MISSING


def test_a_bucket_may_have_dots_in_its_name(bucket: BucketPlace) -> None:
    bucket.bucket += ".north.gate"
    bucket.client.make_bucket(bucket.bucket)
    bucket.put(KEY, jpeg("1"))
    store = bucket.store()
    assert walked(store) == {KEY}
    assert requests.get(store.url(KEY, 60), timeout=5).content == jpeg("1")


class SecureServer(SeaweedServer):
    """SeaweedFS over TLS on IPv6's loopback, its certificate signed by an authority of its own."""

    def __init__(self) -> None:
        super().__init__("-s3.ip.bind=::1")
        _make_certificate(self.folder)
        self._options += (
            f"-s3.cert.file={self.folder}/server.pem",
            f"-s3.key.file={self.folder}/server.key",
        )

    @property
    def endpoint(self) -> str:
        """As an operator writes an address of IPv6."""
        return f"[::1]:{self.port}"

    def client(self) -> Client:
        """A client that knows the authority."""
        pool = urllib3.PoolManager(ca_certs=str(self.folder / "ca.pem"), retries=False, timeout=5)
        return Client(self.endpoint, *self.owner, region=self.region, http_client=pool)


def _make_certificate(folder: Path) -> None:
    (folder / "names").write_text("subjectAltName=IP:::1")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=own",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9"
        " -extfile names -out server.pem",
    ):
        arguments = [program("openssl", "openssl"), *command.split()]
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def secure_server() -> Iterator[SecureServer]:
    """It runs for the tests of this file."""
    yield from started(SecureServer())


@pytest.mark.parametrize("known", [True, False])
def test_a_server_of_a_private_authority_on_ipv6_is_used_if_its_authority_is_known(
    secure_server: SecureServer, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    place = BucketPlace(secure_server)
    place.put(KEY, jpeg("1"))
    authority = str(secure_server.folder / "ca.pem")
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", authority)
    settings = secure_server.settings(place.bucket).model_copy(update={"use_ssl": True})
    store = place.store(settings=settings)
    if not known:
        with pytest.raises(StoreUnavailableError, match=r"no secure connection: .*certificate"):
            store.check()
        return
    store.check()
    assert walked(store) == {KEY}
    link = store.url(KEY, 60)
    assert link.startswith(f"https://[::1]:{secure_server.port}/")
    assert requests.get(link, timeout=5, verify=authority).content == jpeg("1")
