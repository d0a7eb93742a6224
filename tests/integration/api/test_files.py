"""Signed links serve pictures of a local folder, and nothing outside of it."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from easyai.runtime import Runtime
from tests.integration.api.live import LiveApi, error_of

FILES = "/api/v1/files/"
PICTURE = b"\xff\xd8" + bytes(range(256)) * 40 + b"\xff\xd9"


def _write(folder: Path, key: str, content: bytes = PICTURE) -> None:
    place = folder / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def _target(runtime: Runtime, key: str) -> str:
    """The request target of a key's link."""
    link = runtime.store.url(key, 3600)
    return link[link.index("/api/v1/") :]


def _signed(runtime: Runtime, key: str, path: str) -> str:
    """A target with another spelling of a key, and the valid signature of the key."""
    return FILES + path + "?" + _target(runtime, key).partition("?")[2]


@pytest.mark.parametrize(
    "key",
    [
        "人数统计/门口2/20251114-164712.618.jpg",
        "t/c/a b+c&d=e?f#g%20h%2Fi;j.jpg",
        "t/c/line\nbreak\r.png",
        "t/c/😀'\".jpeg",
        "t/" + "长" * 80 + "/" + "名" * 80 + ".jpg",
    ],
    ids=["chinese", "reserved", "line break", "emoji", "long"],
)
def test_signed_link_returns_the_picture_of_any_name(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, key: str
) -> None:
    _write(folder, key)

    status, headers, body = sqlite_api.raw_get(_target(sqlite_runtime, key))

    assert (status, body) == (200, PICTURE)
    assert headers["content-length"] == str(len(PICTURE))
    assert headers["content-type"] in ("image/jpeg", "image/png")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"].startswith("private, max-age=3")


def test_encoded_slashes_in_a_picture_link_are_slashes(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/a.jpg")

    status, _, body = sqlite_api.raw_get(_signed(sqlite_runtime, "t/c/a.jpg", "t%2Fc%2fa.jpg"))

    assert (status, body) == (200, PICTURE)


def test_head_request_returns_the_size_without_the_picture(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/a.jpg")

    status, headers, body = sqlite_api.raw_get(_target(sqlite_runtime, "t/c/a.jpg"), "HEAD")

    assert (status, body) == (200, b"")
    assert headers["content-length"] == str(len(PICTURE))
    assert headers["content-type"] == "image/jpeg"


def test_algo_config_is_served_as_uncached_json(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/algo_config.json", '{"区域": []}'.encode())

    _, headers, body = sqlite_api.raw_get(_target(sqlite_runtime, "t/c/algo_config.json"))

    assert body.decode() == '{"区域": []}'
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"


def test_large_picture_is_streamed_completely(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    large = hashlib.sha256(b"large").digest() * 300_000
    _write(folder, "t/c/large.png", large)

    status, headers, body = sqlite_api.raw_get(_target(sqlite_runtime, "t/c/large.png"))

    assert status == 200
    assert headers["content-length"] == str(len(large))
    assert hashlib.sha256(body).digest() == hashlib.sha256(large).digest()


def _asked(api: LiveApi, target: str, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(api.url + target, headers=named, timeout=15)


def test_picture_that_the_client_has_is_not_sent_again(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/algo_config.json", b"{}")
    target = _target(sqlite_runtime, "t/c/algo_config.json")
    tag = _asked(sqlite_api, target).headers["etag"]

    same = _asked(sqlite_api, target, if_none_match=tag)
    _write(folder, "t/c/algo_config.json", b"[]")
    changed = _asked(sqlite_api, target, if_none_match=tag)

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert same.headers["cache-control"] == "no-store"
    assert (changed.status_code, changed.content) == (200, b"[]")
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("size", [len(PICTURE), 5_000_000], ids=["small", "streamed"])
def test_range_of_a_picture_is_sent_alone(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, size: int
) -> None:
    content = hashlib.shake_128(b"picture").digest(size)
    _write(folder, "t/c/a.jpg", content)
    target = _target(sqlite_runtime, "t/c/a.jpg")

    part = _asked(sqlite_api, target, range=f"bytes=10-{size - 3}")
    whole = _asked(sqlite_api, target, range="bytes=10-19", if_range='"another"')
    beyond = _asked(sqlite_api, target, range=f"bytes={size}-")

    assert (part.status_code, part.content) == (206, content[10 : size - 2])
    assert part.headers["content-range"] == f"bytes 10-{size - 3}/{size}"
    assert part.headers["content-type"] == "image/jpeg"
    assert (whole.status_code, whole.content) == (200, content)
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert error_of(beyond.content)


def test_empty_picture_is_served_as_empty(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/empty.jpg", b"")

    assert sqlite_api.raw_get(_target(sqlite_runtime, "t/c/empty.jpg"))[::2] == (200, b"")


def test_invalid_signature_is_refused_alike_for_existing_and_missing_pictures(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/a.jpg")
    valid = _target(sqlite_runtime, "t/c/a.jpg")
    path, _, query = valid.partition("?")
    expires = int(query.partition("expires=")[2].partition("&")[0])
    other = _target(sqlite_runtime, "t/c/b.jpg").partition("?")[2]

    refused = [
        path,
        f"{path}?expires={expires}",
        f"{path}?expires={expires + 60}&{query.partition('&')[2]}",
        f"{path}?expires=&signature=",
        f"{path}?expires={expires}&signature=%FF%00",
        f"{path}?expires=١٢٣&signature=x".replace("١٢٣", quote("١٢٣")),
        f"{path}?{other}",
        valid[:-1],
        valid + "0",
        FILES + "t/c/missing.jpg?" + query,
        FILES,
    ]
    answers = {sqlite_api.raw_get(target)[0] for target in refused}
    bodies = {sqlite_api.raw_get(target)[2] for target in refused}

    assert answers == {403}
    assert len(bodies) == 1
    assert "not valid or has expired" in error_of(bodies.pop())


def test_expired_picture_link_is_refused(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    _write(folder, "t/c/a.jpg")
    old = sqlite_runtime.signer.url("t/c/a.jpg", 60, now=time.time() - 7200)

    assert sqlite_api.raw_get(old[old.index("/api/v1/") :])[0] == 403


def test_signed_link_of_a_missing_picture_is_404(
    sqlite_api: LiveApi, sqlite_runtime: Runtime
) -> None:
    status, _, body = sqlite_api.raw_get(_target(sqlite_runtime, "t/c/gone.jpg"))

    assert status == 404
    assert error_of(body)


# Each with a valid signature: not even a link that this server never makes leads outside.
WAYS_OUT = {
    "dots": ("../secret.jpg", "../secret.jpg"),
    "dots below": ("t/../../secret.jpg", "t/../../secret.jpg"),
    "encoded dots": ("../secret.jpg", "%2e%2e/secret.jpg"),
    "encoded all": ("../secret.jpg", "%2e%2e%2fsecret.jpg"),
    "encoded twice": ("%2e%2e/secret.jpg", "%252e%252e/secret.jpg"),
    "encoded twice, all": ("..%2fsecret.jpg", "..%252fsecret.jpg"),
    "backslashes": ("..\\secret.jpg", "..%5csecret.jpg"),
    "one dot": ("./t/c/a.jpg", "./t/c/a.jpg"),
    "absolute": ("/etc/hostname", "/etc/hostname"),
    "absolute encoded": ("/etc/hostname", "%2Fetc%2Fhostname"),
    "empty part": ("t//c/a.jpg", "t//c/a.jpg"),
    "nul": ("t/c/a.jpg\0.png", "t/c/a.jpg%00.png"),
    "folder": ("t/c", "t/c"),
    "root": ("", ""),
    "link to a file": ("t/c/link.jpg", "t/c/link.jpg"),
    "link to a folder": ("t/linked/secret.jpg", "t/linked/secret.jpg"),
    "overlong utf-8": ("..\ufffd\ufffdsecret.jpg", "..%c0%afsecret.jpg"),
    "too long": ("t/" + "x" * 300 + ".jpg", "t/" + "x" * 300 + ".jpg"),
}


def test_no_spelling_of_a_picture_path_leaves_the_folder(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path, tmp_path: Path
) -> None:
    _write(folder, "t/c/a.jpg")
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    (folder / "t/c/link.jpg").symlink_to(secret)
    (folder / "t/linked").symlink_to(tmp_path, target_is_directory=True)

    for name, (key, path) in WAYS_OUT.items():
        status, _, body = sqlite_api.raw_get(_signed(sqlite_runtime, key, path))
        assert status in (400, 404), f"{name}: {status} {body[:80]!r}"
        assert error_of(body), name


def test_signatures_are_never_logged(
    sqlite_api: LiveApi,
    sqlite_runtime: Runtime,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _write(folder, "t/c/a.jpg")
    target = _target(sqlite_runtime, "t/c/a.jpg")
    signature = target.partition("signature=")[2]

    def fail(key: str) -> None:
        raise RuntimeError("disk on fire")

    with caplog.at_level(logging.DEBUG):
        sqlite_api.raw_get(target)
        sqlite_api.raw_get(target + "0")
        monkeypatch.setattr(sqlite_runtime.store, "open", fail)
        status, _, body = sqlite_api.raw_get(target)

    assert status == 500
    assert b"disk on fire" not in body
    assert "disk on fire" in caplog.text
    assert signature not in caplog.text
