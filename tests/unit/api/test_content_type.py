"""The content types of served files."""

from __future__ import annotations

import pytest

from easyai.api.routes.files_routes import content_type


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("人数统计/门口2/a.jpg", "image/jpeg"),
        ("t/c/a.JPEG", "image/jpeg"),
        ("t/c/a.Png", "image/png"),
        ("t/c/algo_config.json", "application/json"),
        ("t/c/other.json", "application/octet-stream"),
        ("t/c/page.html", "application/octet-stream"),
        ("t/c/picture.svg", "application/octet-stream"),
        ("t/c/jpg", "application/octet-stream"),
    ],
)
def test_only_formats_that_cameras_write_have_their_content_type(key: str, expected: str) -> None:
    assert content_type(key) == expected
