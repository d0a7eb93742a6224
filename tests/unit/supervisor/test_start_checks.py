"""The checks of `easyai up` before it starts any process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from easyai.errors import SettingsError
from easyai.supervisor.start_checks import (
    check_port,
    check_temp_dir,
    claim_data_dir,
    release_data_dir,
)
from tests.support.ports import free_port
from tests.support.small_disk import small_disk

HOLD = """
import sys
from pathlib import Path
from easyai.supervisor.start_checks import claim_data_dir
print(claim_data_dir(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def _holder(data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "False\n"
    return process


def test_a_data_folder_in_use_is_refused_with_the_process_that_uses_it(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        with pytest.raises(SettingsError, match=rf"process {holder.pid}.*--data-dir"):
            claim_data_dir(tmp_path)
        holder.kill()


def test_killed_run_is_noticed_and_needs_no_cleanup(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        holder.kill()
    assert claim_data_dir(tmp_path) is True


def test_run_that_stopped_normally_does_not_count_as_killed(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        release_data_dir(tmp_path)
        holder.kill()
    assert claim_data_dir(tmp_path) is False


def test_a_data_folder_that_is_a_file_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    with pytest.raises(SettingsError, match=r"data.* cannot be used.*--data-dir"):
        claim_data_dir(file)


def test_a_free_port_passes() -> None:
    check_port("127.0.0.1", free_port(), wait=False)


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:5066.*--host"):
        check_port("192.0.2.1", 5066, wait=False)


def test_start_waits_for_the_port_of_a_killed_run() -> None:
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    timer = threading.Timer(0.3, other.close)
    timer.start()
    check_port("127.0.0.1", other.getsockname()[1], wait=True)
    timer.join()


def test_the_lock_survives_the_exec_of_the_supervising_process(tmp_path: Path) -> None:
    code = HOLD.replace("sys.stdin.read()", "os.execv('/bin/cat', ['cat'])")
    with subprocess.Popen(
        [sys.executable, "-c", "import os\n" + code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "False\n"
        process.stdin.write("now cat\n")
        process.stdin.flush()
        assert process.stdout.readline() == "now cat\n"
        with pytest.raises(SettingsError, match="already"):
            claim_data_dir(tmp_path)
        process.stdin.close()
        assert process.wait(10) == 0


def test_full_temporary_folder_is_named_at_the_first_start(tmp_path: Path) -> None:
    full, missing = tmp_path / "full", tmp_path / "missing"
    with small_disk(full, 1):
        (full / "ballast").write_bytes(bytes(800_000))
        with pytest.raises(SettingsError, match=rf"{full} cannot be used: No space left.*TMPDIR"):
            check_temp_dir([None, str(full)])
        # A folder that is not there is passed over, as SQLite does it.
        with pytest.raises(SettingsError, match=f"{full}"):
            check_temp_dir([str(missing), str(full)])
        up = subprocess.run(
            [sys.executable, "-m", "easyai.cli.main", "up", "--port", str(free_port())],
            env={**os.environ, "TMPDIR": str(full), "EASYAI_DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (up.returncode, "TMPDIR" in up.stderr) == (2, True), up.stderr
    assert "database" not in up.stderr
    check_temp_dir([str(tmp_path)])
