"""The secret that signs links: made once, kept, the same for every process."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import easyai
from easyai.errors import SettingsError
from easyai.store.signing import load_secret

PRINT_SECRET = """
import sys
from pathlib import Path
from easyai.store.signing import load_secret
sys.stdin.readline()
print(load_secret("", Path(sys.argv[1])).decode())
"""


def test_a_configured_secret_is_used_and_no_file_is_made(tmp_path: Path) -> None:
    assert load_secret("configured", tmp_path / "data") == b"configured"
    assert not (tmp_path / "data").exists()


def test_the_secret_stays_the_same_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    secret = load_secret("", tmp_path / "data")
    assert len(secret) == 64
    assert load_secret("", tmp_path / "data") == secret
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert load_secret("", tmp_path / "a") != load_secret("", tmp_path / "b")


def test_processes_that_start_at_once_agree_on_a_secret(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PRINT_SECRET, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(easyai.__file__).parents[1],
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    secrets = {process.communicate(timeout=30)[0].strip() for process in processes}
    assert len(secrets) == 1
    assert secrets != {""}


@pytest.mark.parametrize("torn", [False, True])
def test_threads_that_start_at_once_always_agree_on_a_secret(tmp_path: Path, torn: bool) -> None:
    barrier = threading.Barrier(4, timeout=10)

    def load(data_dir: Path) -> bytes:
        barrier.wait()
        return load_secret("", data_dir)

    with ThreadPoolExecutor(4) as pool:
        for number in range(100):
            data_dir = tmp_path / str(number)
            if torn:
                data_dir.mkdir()
                (data_dir / "secret.key").write_bytes(b"")
            assert len(set(pool.map(load, [data_dir] * 4))) == 1


@pytest.mark.parametrize("torn", [b"", b"\n"])
def test_a_secret_file_left_empty_by_a_power_loss_is_made_anew(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(torn)
    secret = load_secret("", tmp_path)
    assert len(secret) == 64
    assert load_secret("", tmp_path) == secret


def test_a_data_dir_that_cannot_be_made_is_an_error_naming_the_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"easyai\.data_dir"):
        load_secret("", tmp_path / "file" / "data")
