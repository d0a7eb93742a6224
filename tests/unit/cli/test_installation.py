"""Which installation a command looks at, in whatever folder it is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from easyai.cli.main import cli
from easyai.settings import installations
from easyai.settings.installations import Installation


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has nothing of easyai, where the operator is; no variable is set."""
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)
    # Set first, so that what a command sets is undone as well.
    for name in ("CONFIG", "DATA_DIR", "DATABASE_URL", "GOOD_SETTINGS", "BROKER_URL", "HOST"):
        monkeypatch.setenv(f"EASYAI_{name}", "")
        monkeypatch.delenv(f"EASYAI_{name}")
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR", str(tmp_path / "frames"))
    monkeypatch.setenv("EASYAI_PORT", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "else where"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def _site(folder: Path, migrated_file: Path, config: str = "") -> Path:
    data = folder / "data"
    data.mkdir(parents=True)
    shutil.copyfile(migrated_file, data / "easyai.db")
    if config:
        (folder / "site.toml").write_text(config)
    return data


def _noted(data: Path, config: Path | None = None, **how: Any) -> Installation:
    url = f"sqlite:///{data}/easyai.db"
    installation = Installation(
        str(data),
        "http://127.0.0.1:1",
        str(config or ""),
        {"EASYAI_DATA_DIR": str(data)},
        {"EASYAI_DATABASE_URL": url},
        **how,
    )
    installations.note(installation)
    return installation


@pytest.fixture(scope="session")
def ended_pid() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


_IDLE = "easyai: nothing of easyai runs on this database\n"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


READING = ("services", "stats", "alerts", "alarms", "frames", "db current", "db size", "claim")


@pytest.mark.parametrize("command", READING)
def test_every_command_finds_the_running_installation_from_any_folder(
    command: str, tmp_path: Path, migrated_file: Path, elsewhere: Path
) -> None:
    data = _site(tmp_path / "a", migrated_file)
    _noted(data)
    result = _run(*command.split())
    assert "no database" not in result.stderr
    assert result.stderr.startswith(f"easyai: http://127.0.0.1:1, data {data}\n")
    assert list(elsewhere.iterdir()) == []


def test_last_installation_is_found_after_its_process_was_killed(
    tmp_path: Path, migrated_file: Path, ended_pid: int
) -> None:
    data = _site(tmp_path / "a", migrated_file)
    _noted(data, pid=ended_pid)
    result = _run("frames", "--json")
    assert result.exit_code == 1
    assert f"data {data} (its `up` does not run)" in result.stderr


@pytest.mark.parametrize("stale", ["pid", "start", "boot"])
def test_running_installation_goes_before_stopped_installations(
    tmp_path: Path, migrated_file: Path, ended_pid: int, stale: str
) -> None:
    how: dict[str, dict[str, Any]] = {
        "pid": {"pid": ended_pid},
        "start": {"start_ticks": 1},
        "boot": {"home": "before"},
    }
    _noted(_site(tmp_path / "a", migrated_file), **how[stale])
    _noted(data := _site(tmp_path / "b", migrated_file))
    assert _run("frames", "--json").stderr == f"easyai: http://127.0.0.1:1, data {data}\n{_IDLE}"


def test_operator_chooses_among_several_running_installations(
    tmp_path: Path, migrated_file: Path
) -> None:
    first, second = (_site(tmp_path / name, migrated_file) for name in ("a", "b"))
    _noted(first)
    _noted(second)
    result = _run("frames")
    assert result.exit_code == 2
    assert "several installations run on this machine" in result.stderr
    assert f"EASYAI_DATA_DIR={first}" in result.stderr
    os.environ["EASYAI_DATA_DIR"] = str(second)
    result = _run("frames", "--json")
    assert (result.exit_code, result.stderr) == (1, _IDLE), "no other is reported"


def test_settings_file_selects_among_several_installations(
    tmp_path: Path, migrated_file: Path
) -> None:
    text = "[ai_analysis]\nmax_concurrent_infer = 7\n"
    for name in ("a", "b"):
        _noted(_site(tmp_path / name, migrated_file, text), tmp_path / name / "site.toml")
    config = str(tmp_path / "b" / "site.toml")
    for arguments in (("--config", config, "stats"), ("stats", "--config", config)):
        result = _run(*arguments, "--json")
        assert (result.exit_code, result.stderr) == (0, _IDLE)
        assert '"max_concurrent_infer": 7' in result.stdout
        assert os.environ["EASYAI_DATA_DIR"] == str(tmp_path / "b" / "data")
        for variable in ("CONFIG", "DATA_DIR", "DATABASE_URL"):
            del os.environ[f"EASYAI_{variable}"]


def test_data_of_this_folder_goes_first_and_another_running_installation_is_named(
    tmp_path: Path, migrated_file: Path, elsewhere: Path
) -> None:
    _site(elsewhere, migrated_file)
    _noted(data := _site(tmp_path / "a", migrated_file))
    result = _run("db", "current")
    assert "sqlite:///" + str(elsewhere / "data" / "easyai.db") in result.stdout
    assert f"another installation runs: http://127.0.0.1:1, data {data}" in result.stderr


def test_changed_file_counts_for_commands_that_prepare_the_next_start(
    tmp_path: Path, migrated_file: Path
) -> None:
    new = tmp_path / "a" / "new.db"
    data = _site(tmp_path / "a", migrated_file, f"[easyai]\ndatabase_url = 'sqlite:///{new}'\n")
    _noted(data, tmp_path / "a" / "site.toml")
    result = _run("db", "upgrade")
    assert result.exit_code == 0, result.output
    assert new.is_file()


@pytest.mark.parametrize("noted", ["{", "[]", '{"data_dir": 1, "more": 2}'])
def test_damaged_note_counts_as_no_installation(tmp_path: Path, noted: str) -> None:
    folder = tmp_path / "state" / "easyai" / "installations"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(noted)
    assert installations.known() == []


def test_notes_are_for_their_owner_and_go_with_the_data_folder(
    tmp_path: Path, migrated_file: Path, ended_pid: int
) -> None:
    data = _site(tmp_path / "a", migrated_file)
    _noted(data, pid=ended_pid)
    (note,) = (tmp_path / "state" / "easyai" / "installations").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(data)
    assert installations.known() == []
    installations.forget_gone()
    assert not note.exists()


def test_a_user_without_a_home_has_no_notes_and_makes_no_folder(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(OSError, match="no home folder; set XDG_STATE_HOME"):
        _noted(_site(tmp_path / "a", migrated_file))
    assert installations.known() == []
    assert list(elsewhere.iterdir()) == []


class _Api(BaseHTTPRequestHandler):
    """Answers as the API does."""

    def do_GET(self) -> None:
        report = b'{"status": "degraded", "causes": []}'
        if "format=markdown" in self.path:
            report = b"# Report of the API"
        if "format=short" in self.path:
            report = b"# In short"
        body = b'{"status": "ready", "checks": {}}' if self.path == "/readyz" else report
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An API of easyai that runs under unknown settings; its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("EASYAI_PORT", str(server.server_port))
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", [*READING, "requeue", "db upgrade"])
def test_no_database_is_made_nor_proposed_while_an_api_answers(
    command: str, api: str, elsewhere: Path
) -> None:
    result = _run(*command.split())
    assert result.exit_code == 2
    assert f"easyai runs at {api}, but" in result.stderr
    assert "db upgrade" not in result.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("config", ["", "[broken"])
def test_diagnose_shows_the_report_of_the_api_without_a_database(
    config: str, api: str, elsewhere: Path
) -> None:
    if config:
        (elsewhere / "site.toml").write_text(config)
        os.environ["EASYAI_CONFIG"] = str(elsewhere / "site.toml")
    result = _run("diagnose")
    assert (result.exit_code, result.stdout) == (1, "# Report of the API")
    assert f"easyai: this is the report of the API at {api}\n" in result.stderr
    assert '"status": "degraded"' in _run("diagnose", "--json").stdout
    assert _run("diagnose", "--short").stdout == "# In short"
    assert not (elsewhere / "data").exists()
