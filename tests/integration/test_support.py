"""The real parts that other tests rely on do what they say."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests

from easyai.db import migrate
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.fork_server import fork_server
from tests.support.part_process import clean_environment, easyai_command
from tests.support.server_process import ServerProcess
from tests.support.services import PostgresServer
from tests.support.site_fixtures import empty
from tests.support.waiting import wait_until


@pytest.mark.parametrize("name", ["redis_server", "postgres_server", "rabbitmq_server"])
def test_a_server_works_again_after_stop_kill_and_pause(
    name: str, request: pytest.FixtureRequest
) -> None:
    server: ServerProcess = request.getfixturevalue(name)
    assert server.answers()
    server.stop()
    assert not server.answers()
    with socket.socket() as grabber, pytest.raises(OSError, match="in use"):
        grabber.bind(("127.0.0.1", server.port))
    server.start()
    server.kill()
    assert not server.answers()
    server.start()
    server.pause()
    assert not server.answers()
    server.resume()
    wait_until(server.answers, 30, f"{name} answers after the pause")


class _Silent(ServerProcess):
    """Runs, but never works."""

    name = "silent"
    start_limit_sec = 0.2

    def command(self) -> list[str]:
        return ["sleep", "60"]

    def answers(self) -> bool:
        return False


def test_server_that_never_works_leaves_no_process_and_no_port() -> None:
    server = _Silent()
    with pytest.raises(AssertionError, match="silent answers"), server:
        pytest.fail("it has started")
    assert not server.running
    assert not server.folder.exists()
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.port))


def test_each_test_gets_an_empty_database(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    assert first != second
    with psycopg.connect(second.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert rows == []
    for url in (first, second):
        postgres_server.drop_database(url)


def _kept(url: str) -> tuple[str, list[tuple[object, ...]]]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        own = connection.execute("SELECT installation_id FROM installation WHERE pk = 1").fetchone()
        numbers = connection.execute("SELECT name, number FROM generations ORDER BY name")
        assert own
        return own[0], numbers.fetchall()


def test_emptied_database_has_a_new_id_and_the_generations_of_a_migrated_database(
    postgres_server: PostgresServer, migrated_database: str
) -> None:
    new = postgres_server.create_database()
    migrate.upgrade(new)
    with psycopg.connect(migrated_database.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE generations SET number = 7")
        connection.execute("INSERT INTO generations VALUES ('another', 7)")
        connection.execute("UPDATE installation SET installation_id = 'of a test'")
    empty(migrated_database)
    own, numbers = _kept(migrated_database)
    assert numbers == _kept(new)[1]
    assert re.fullmatch("[0-9a-f]{32}", own)
    postgres_server.drop_database(new)


def test_emptying_fails_while_a_session_of_another_test_holds_a_table(
    migrated_database: str,
) -> None:
    with psycopg.connect(migrated_database.replace("+psycopg", "")) as left_open:
        left_open.execute("INSERT INTO task_types (name, first_seen, seen_at) VALUES ('x', 0, 0)")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            empty(migrated_database, lock_limit_sec=0.1)
        left_open.rollback()


def _send(stub: AlgorithmStub, number: int = 1) -> requests.Response:
    frame: Frame = {"image_path": f"人数统计/门口/{number}.jpg"}
    return requests.post(stub.endpoint, json=frame, timeout=10)


def test_stub_counts_concurrent_calls(algorithm: AlgorithmStub) -> None:
    algorithm.delay = 0.5
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: _send(algorithm, number), range(8)))
    assert [answer.json()["success"] for answer in answers] == [True] * 8
    assert algorithm.max_running == 8
    assert algorithm.running == 0
    assert sorted(algorithm.image_paths) == [f"人数统计/门口/{number}.jpg" for number in range(8)]


def test_stub_answers_as_scripted(algorithm: AlgorithmStub) -> None:
    algorithm.answer = lambda frame: (503, {"error": "busy"})
    assert _send(algorithm).status_code == 503
    algorithm.answer = lambda frame: (200, b"no JSON")
    assert _send(algorithm).content == b"no JSON"
    algorithm.answer = lambda frame: None
    with pytest.raises(requests.ConnectionError):
        _send(algorithm)
    algorithm.answer = lambda frame: detections(3)
    assert _send(algorithm).json()["result"]["total_count"] == 3


def test_stub_restarts_on_the_same_port(algorithm: AlgorithmStub) -> None:
    assert _send(algorithm).ok
    algorithm.stop()
    with pytest.raises(requests.ConnectionError):
        _send(algorithm)
    algorithm.start()
    assert _send(algorithm).ok
    assert algorithm.count == 2


@pytest.mark.parametrize(("options", "code"), [(["config", "check"], 0), (["config", "x"], 2)])
def test_forked_program_has_a_folder_variables_output_and_an_exit_code_of_its_own(
    tmp_path: Path, options: list[str], code: int
) -> None:
    log = tmp_path / "log"
    folder, state = tmp_path / "folder", tmp_path / "state"
    folder.mkdir()
    own = clean_environment({"EASYAI_PORT": "5067", "XDG_STATE_HOME": str(state)})
    process = fork_server().start(easyai_command(*options), own, folder, log)
    assert process.wait(30) == code
    assert process.poll() == code
    assert ("5067" in log.read_text()) == (code == 0)
    assert (f"{folder}/data" in log.read_text()) == (code == 0), "its folder has the data"


def test_ended_fork_keeps_its_process_id_until_its_exit_code_is_read(tmp_path: Path) -> None:
    own = clean_environment({"XDG_STATE_HOME": str(tmp_path)})
    command = easyai_command("config", "check")
    process = fork_server().start(command, own, tmp_path, tmp_path / "log")
    wait_until(lambda: not _is_alive(process.pid), 30, "the fork has ended")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(1) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


_KILLED = """
import os, pathlib, signal, sys
from tests.support.easyai_process import EasyaiProcess
easyai = EasyaiProcess(pathlib.Path(sys.argv[1]), forked=True).start()
print(*easyai.processes(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_forked_process_outlives_tests_that_are_killed(tmp_path: Path) -> None:
    tests = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        env=clean_environment({}),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert tests.returncode == -signal.SIGKILL, tests.stderr
    forks = [int(pid) for pid in tests.stdout.split()]
    assert len(forks) > 1
    wait_until(lambda: not any(map(_is_alive, forks)), 30, "every fork has ended")


def _is_alive(pid: int) -> bool:
    """Whether a process runs; its command line is empty from its end on."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def test_prefix_of_a_forked_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="prefix"):
        EasyaiProcess(tmp_path, prefix=["nice"], forked=True)


def test_killed_fork_and_its_children_carry_their_mark_until_they_end(tmp_path: Path) -> None:
    with EasyaiProcess(tmp_path, forked=True) as easyai:
        easyai.start()
        assert easyai.pid in easyai.processes()
        assert easyai.child("worker") in easyai.processes()
        easyai.kill_everything()
        assert not easyai.processes()
