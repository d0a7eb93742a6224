"""What was taken from npm is what VENDOR.txt names, and lies in a wheel with the whole page."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from easyai.dashboard.static_files import STATIC

ROOT = Path(__file__).parents[3]
VENDOR = STATIC / "vendor"
_HASH = re.compile(r"^([0-9a-f]{64})  (\S+)$", re.MULTILINE)


def test_every_vendored_file_has_the_hash_of_vendor_txt() -> None:
    hashes = {
        name: known for known, name in _HASH.findall((VENDOR / "VENDOR.txt").read_text("utf-8"))
    }
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "VENDOR.txt"
    }
    assert found == hashes
    assert {"preact-htm.js", "uPlot.iife.min.js", "LICENSE.htm", "LICENSE.uplot"} <= set(found)


def test_script_checks_the_files_without_the_network() -> None:
    subprocess.run([ROOT / "scripts" / "vendor", "--check"], check=True, timeout=30)


def test_no_file_of_the_page_asks_for_another_site() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".html", ".css") or (path.suffix == ".js" and path.parent != VENDOR):
            urls = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*", path.read_text("utf-8"))
            assert not [url for url in urls if "www.w3.org" not in url], path


def test_wheel_has_every_file_of_the_page(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("easyai_frames-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = {str(path.relative_to(ROOT)) for path in STATIC.rglob("*") if path.is_file()}
    assert "easyai/dashboard/static/index.html" in files
    assert files <= packed
