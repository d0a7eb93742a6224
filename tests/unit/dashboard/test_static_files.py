"""The shelf hands out files of its folder, and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from easyai.dashboard.static_files import Shelf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    (static / "js").mkdir(parents=True)
    (static / "js" / "app.js").write_text("const a = 1;\n" * 200)
    (static / ".hidden.js").write_text("1")
    (static / "notes.py").write_text("1")
    (tmp_path / "secret.js").write_text("1")
    return static


def test_file_is_taken_plain_and_compressed(folder: Path) -> None:
    found = Shelf(folder).take("js/app.js")
    assert found is not None
    assert found.media_type == "text/javascript; charset=utf-8"
    assert found.plain == (folder / "js" / "app.js").read_bytes()
    assert gzip.decompress(found.packed) == found.plain


@pytest.mark.parametrize(
    "name",
    [
        "",
        "js",
        "js/",
        "missing.js",
        "../secret.js",
        "js/../../secret.js",
        "/../secret.js",
        ".hidden.js",
        "notes.py",
        "js/app.js\0",
        "js\\..\\..\\secret.js",
        "//etc/hosts.txt",
        "/js/app.js",
        "js//app.js",
        "js/./app.js",
    ],
)
def test_name_outside_the_folder_or_of_another_kind_is_not_taken(folder: Path, name: str) -> None:
    assert Shelf(folder).take(name) is None


def test_changed_file_is_read_again_and_has_another_tag(folder: Path) -> None:
    shelf = Shelf(folder)
    before = shelf.take("js/app.js")
    (folder / "js" / "app.js").write_text("const b = 22;\n")
    after = shelf.take("js/app.js")
    assert before is not None
    assert after is not None
    assert (after.plain, after.packed) == (b"const b = 22;\n", b"")
    assert before.tag != after.tag
