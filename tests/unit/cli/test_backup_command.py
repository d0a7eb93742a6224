"""``easyai backup`` and ``easyai restore`` as an operator calls them."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from easyai.db import processes
from easyai.store.local import LocalStore
from tests.support.guide import ROOT
from tests.support.installation import Installation


@pytest.fixture
def site(installation: Installation) -> Installation:
    """An installation with a service, an alert, and a settings file."""
    installation.service("yolo")
    installation.alert()
    config = installation.folder / "config.toml"
    config.write_text('[ai_analysis]\nmq_type = "none"\n', encoding="utf-8")
    installation.monkeypatch.setenv("EASYAI_CONFIG", str(config))
    return installation


def test_backup_restores_on_a_new_machine(
    site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site.run("backup", str(tmp_path / "site.tar"))
    assert made.exit_code == 0, made.output
    assert "no pictures" not in made.output
    shown = site.run("restore", str(tmp_path / "site.tar"), "--check", "--json")
    assert json.loads(shown.stdout)["rows"]["alerts"] == 1

    new = tmp_path / "new"
    new.mkdir()
    for name, value in {
        "EASYAI_CONFIG": "",
        "EASYAI_DATA_DIR": str(new / "data"),
        "EASYAI_DATABASE_URL": f"sqlite:///{new / 'data' / 'easyai.db'}",
        "EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR": str(new / "snapshots"),
    }.items():
        monkeypatch.setenv(name, value)
    arguments = ("restore", str(tmp_path / "site.tar"), "--settings", str(new / "config.toml"))
    restored = site.run(*arguments, "--next-alert-id", "5000")
    assert restored.exit_code == 0, restored.output
    assert "the next alert has the id 5000" in restored.output
    assert (new / "config.toml").read_text() == (site.folder / "config.toml").read_text()
    listed = site.run("alerts", "--json")
    assert len(json.loads(listed.stdout)["items"]) == 1
    assert "yolo" in site.run("services", "--all").stdout
    again = site.run(*arguments)
    assert again.exit_code == 2
    assert "is there already" in again.output


def test_a_running_installation_is_not_restored_into(site: Installation, tmp_path: Path) -> None:
    assert site.run("backup", str(tmp_path / "site.tar")).exit_code == 0
    with site.db.write() as conn:
        processes.beat(conn, "worker", "box", 4242, site.now, site.now)
    refused = site.run("restore", str(tmp_path / "site.tar"), "--replace")
    assert refused.exit_code == 2
    assert "easyai is running" in refused.output
    assert "worker@box:4242" in refused.output


def test_a_damaged_database_is_replaced_and_kept(site: Installation, tmp_path: Path) -> None:
    assert site.run("backup", str(tmp_path / "site.tar")).exit_code == 0
    site.close()
    for path in site.folder.glob("easyai.db*"):
        path.unlink()
    (site.folder / "easyai.db").write_bytes(b"damaged" * 1000)
    restored = site.run("restore", str(tmp_path / "site.tar"), "--replace")
    assert restored.exit_code == 0, restored.output
    (kept,) = site.folder.glob("easyai.db.before-restore-*")
    assert kept.read_bytes() == b"damaged" * 1000
    assert "yolo" in site.run("services", "--all").stdout


def test_file_that_is_no_backup_is_refused_on_a_single_line(
    site: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "notes.tar"
    path.write_text("not a tar file at all\n" * 100)
    refused = site.run("restore", str(path))
    assert refused.exit_code == 2
    assert refused.output.count("\n") == 1
    assert "not a whole backup" in refused.output
    assert "No such file" in site.run("restore", str(tmp_path / "none.tar")).output


def test_backup_counts_pictures_that_are_missing(site: Installation, tmp_path: Path) -> None:
    site.alert(image_path="alerts/人数统计/门口/1.jpg")
    made = site.run("backup", str(tmp_path / "site.tar"))
    assert made.exit_code == 1
    assert "1 picture that a row names was nowhere" in made.stderr
    assert (tmp_path / "site.tar").exists()


@pytest.fixture
def bad_names(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A seam: opening a file or folder of this name fails so, though root runs the tests."""
    numbers: dict[str, int] = {}
    real_open, real_listdir = os.open, os.listdir

    def fail(path: Any) -> None:
        number = numbers.get(Path(path).name)
        if number:
            raise OSError(number, os.strerror(number))

    def opened(path: Any, *arguments: Any, **options: Any) -> int:
        fail(path)
        return real_open(path, *arguments, **options)

    def listed(path: Any) -> list[str]:
        fail(path)
        return real_listdir(path)

    monkeypatch.setattr("easyai.store.local.os.open", opened)
    monkeypatch.setattr("easyai.store.local.os.listdir", listed)
    return numbers


def _pictures(site: Installation) -> None:
    for name in ("1", "2", "3"):
        key = f"alerts/人数统计/门口/{name}.jpg"
        path = site.folder / "snapshots" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
        site.alert(image_path=key)
    config = site.folder / "snapshots" / "人数统计" / "门口" / "algo_config.json"
    config.parent.mkdir(parents=True)
    config.write_bytes(b"{}")


def test_pictures_that_cannot_be_read_are_counted_and_everything_else_is_in_the_backup(
    site: Installation, tmp_path: Path, bad_names: dict[str, int]
) -> None:
    _pictures(site)
    bad_names.update({"1.jpg": errno.EACCES, "3.jpg": errno.EIO, "algo_config.json": errno.EACCES})
    made = site.run("backup", str(tmp_path / "site.tar"))
    assert made.exit_code == 1, made.output
    assert "1 alert" in made.stdout
    assert "3 pictures could not be read" in made.stderr
    assert "alerts/人数统计/门口/1.jpg: " in made.stderr
    assert "Permission denied" in made.stderr
    assert site.run("restore", str(tmp_path / "site.tar"), "--check").exit_code == 0
    made = site.run("backup", str(tmp_path / "again.tar"), "--json")
    assert made.exit_code == 1
    report = json.loads(made.stdout)
    assert (report["unreadable"], report["lost"], report["pictures"]["alert"]) == (3, 0, 1)
    assert report["unreadable_example"].startswith("alerts/人数统计/门口/1.jpg: ")
    assert report["unreadable_example_code"] == "backup.unreadable"
    assert report["unreadable_example_args"]["path"] == "alerts/人数统计/门口/1.jpg"


def test_example_in_json_is_null_when_every_picture_can_be_read(
    site: Installation, tmp_path: Path
) -> None:
    report = json.loads(site.run("backup", str(tmp_path / "site.tar"), "--json").stdout)
    example = ("unreadable_example", "unreadable_example_code", "unreadable_example_args")
    assert [report[key] for key in example] == [None] * 3


def test_a_frame_folder_that_cannot_be_read_makes_no_backup(
    site: Installation, tmp_path: Path, bad_names: dict[str, int]
) -> None:
    _pictures(site)
    bad_names["snapshots"] = errno.EIO
    made = site.run("backup", str(tmp_path / "site.tar"))
    assert made.exit_code == 2
    assert "frame folder" in made.stderr
    assert not (tmp_path / "site.tar").exists()


def test_a_bad_sector_in_a_picture_is_counted(
    site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens, and fails while it is read: as /proc/self/mem, whose first page is no memory."""
    _pictures(site)
    real_open = LocalStore.open

    def opened(store: LocalStore, key: str) -> BinaryIO:
        return Path("/proc/self/mem").open("rb") if key.endswith("2.jpg") else real_open(store, key)

    monkeypatch.setattr(LocalStore, "open", opened)
    made = site.run("backup", str(tmp_path / "site.tar"))
    assert made.exit_code == 1
    assert "1 picture could not be read" in made.stderr
    assert "2.jpg: " in made.stderr
    assert "Input/output error" in made.stderr
    assert "2 alert" in made.stdout


def test_backup_leaves_pictures_in_their_bucket(
    site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.alert(image_path="alerts/人数统计/门口/1.jpg")
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__STORE", "minio")
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__MINIO__ENDPOINT", "127.0.0.1:1")
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__MINIO__BUCKET", "frames")
    made = site.run("backup", str(tmp_path / "site.tar"))
    assert made.exit_code == 0, made.output
    assert "they stay in the bucket" in made.output
    site.monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__STORE", "local")
    refused = site.run("restore", str(tmp_path / "site.tar"), "--replace")
    assert 'frame_extractor.store: "local" here, "minio" in the backup' in refused.output


@pytest.fixture
def nightly(tmp_path: Path) -> Callable[[Path], int]:
    """Runs the nightly commands of docs/recovery.md, with the `easyai` of a folder; the code."""
    text = (ROOT / "docs" / "recovery.md").read_text(encoding="utf-8")
    (block,) = (
        sample for sample in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "-delete" in sample
    )
    backups = tmp_path / "backups"
    backups.mkdir()
    for name, days in {"easyai-box-old.tar": 20, "easyai-box-young.tar": 5, "notes": 20}.items():
        (backups / name).write_bytes(b"")
        os.utime(backups / name, times=(time.time() - days * 86_400,) * 2)

    def run(folder: Path) -> int:
        path = f"{folder}:{os.environ['PATH']}"
        script = block.replace("/backups", str(backups))
        return subprocess.run(["sh", "-c", script], env={**os.environ, "PATH": path}).returncode

    return run


def test_the_nightly_commands_delete_old_backups_though_a_picture_is_lost_for_good(
    site: Installation, tmp_path: Path, nightly: Callable[[Path], int]
) -> None:
    site.alert(image_path="alerts/人数统计/门口/1.jpg")
    assert nightly(Path(sys.executable).parent) == 1
    names = {path.name for path in (tmp_path / "backups").iterdir()}
    assert "easyai-box-old.tar" not in names
    assert names > {"easyai-box-young.tar", "notes"}
    assert len(names) == 3


@pytest.mark.parametrize("code", [1, 2])  # 1: a program that crashed has it, too
def test_the_nightly_commands_delete_nothing_while_no_backup_is_made(
    tmp_path: Path, nightly: Callable[[Path], int], code: int
) -> None:
    (tmp_path / "easyai").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "easyai").chmod(0o755)
    assert nightly(tmp_path) == code
    assert len(list((tmp_path / "backups").iterdir())) == 3
