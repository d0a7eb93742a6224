"""``easyai up`` in a GBK or C locale, on IPv6 and without a terminal.

Further environments: ``make environments``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.locales import C_LOCALE, gbk_locale
from tests.support.outside import Outside
from tests.support.part_process import celery_command, easyai_command, run_to_end
from tests.support.waiting import wait_until

# In GBK the bytes of the first are other characters, the bytes of the second are invalid.
TYPES = ("人数统计", "中a")
_CLOSED = ("sh", "-c", 'exec "$@" >&- 2>&-', "sh")


@pytest.fixture(scope="module")
def gbk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a GBK locale."""
    return gbk_locale(tmp_path_factory.mktemp("locales"))


@pytest.fixture(scope="module")
def abroad(
    tmp_path_factory: pytest.TempPathFactory, gbk: dict[str, str]
) -> Iterator[EasyaiProcess]:
    """``easyai up --host ::`` in a GBK locale, its folder named by bytes that are no GBK."""
    folder = tmp_path_factory.mktemp("abroad") / "数据é"
    folder.mkdir()
    with EasyaiProcess(folder, environment={**gbk, "EASYAI_HOST": "::"}) as process:
        yield process.start(timeout=60)
        process.stop()


def test_pictures_in_folders_named_in_utf8_are_inferred_in_a_gbk_locale(
    abroad: EasyaiProcess,
) -> None:
    site = Outside(abroad.url, abroad.frames)
    with AlgorithmStub("gbk", TYPES, answer=lambda _: detections(1), download=True) as stub:
        stub.register(site.url)
        for task_type in TYPES:
            site.assert_one_alert_each(site.put_many(2, task_type, "门口é"), timeout=40)
        pictures = {request.frame["image_path"]: request.picture for request in stub.received}
        assert pictures == {
            f"{task_type}/门口é/{number:05d}.jpg": jpeg(number, 64, 48)
            for task_type in TYPES
            for number in range(2)
        }


def test_api_listens_on_every_address_of_ipv4_and_ipv6(abroad: EasyaiProcess) -> None:
    assert f"http://127.0.0.1:{abroad.port} (docs" in abroad.log
    for host in ("127.0.0.1", "[::1]"):
        answer = requests.get(f"http://{host}:{abroad.port}/readyz", timeout=10)
        assert answer.json()["status"] == "ready"


def test_commands_write_text_in_gbk_for_a_gbk_terminal_and_json_in_utf8(
    abroad: EasyaiProcess, gbk: dict[str, str], tmp_path: Path
) -> None:
    own = abroad.installation | gbk
    kept = tmp_path / "alerts"
    for options, encoding in (((), "gbk"), (("--json",), "utf-8")):
        line = 'exec "$@" > alerts'
        command = ["sh", "-c", line, "sh", *easyai_command("alerts", *options)]
        assert run_to_end(command, own, tmp_path).returncode == 0
        assert TYPES[0] in kept.read_bytes().decode(encoding)


def test_celery_processes_refuse_a_gbk_locale_and_name_the_variable_to_set(
    gbk: dict[str, str], tmp_path: Path
) -> None:
    refused = run_to_end(celery_command("worker"), gbk, tmp_path)
    assert refused.returncode != 0
    (line,) = refused.stderr.splitlines()
    assert "PYTHONUTF8=1" in line


def test_up_runs_in_the_c_locale_and_with_closed_output(tmp_path: Path) -> None:
    with EasyaiProcess(tmp_path, environment=C_LOCALE, prefix=_CLOSED) as easyai:
        easyai.start(wait=False)
        log = easyai.data / "logs" / "easyai.log"
        ready = f"easyai is ready: http://127.0.0.1:{easyai.port} (docs /docs) · frames"
        wait_until(lambda: log.exists() and ready in log.read_text("utf-8"), 60, "ready")
        assert easyai.log == ""
        easyai.stop()


def _alone(folder: Path) -> dict[str, str]:
    """Where no other installation is known."""
    return C_LOCALE | {"XDG_STATE_HOME": str(folder / "state")}


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_commands_succeed_with_closed_output_streams(streams: str, tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    command = ["sh", "-c", f'exec "$@" {streams}', "sh", *easyai_command("config", "check")]
    ended = run_to_end(command, _alone(tmp_path), tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_early_closed_pipe_causes_no_traceback(tmp_path: Path) -> None:
    command = ["sh", "-c", '"$@" | head -n 1', "sh", *easyai_command("config", "check")]
    ended = run_to_end(command, _alone(tmp_path), tmp_path)
    assert ended.stdout.startswith("KEY")
    assert ended.stderr == ""


def test_json_output_is_valid_in_the_c_locale(tmp_path: Path) -> None:
    command = easyai_command("config", "check", "--json")
    folder = tmp_path / "数据"
    folder.mkdir()
    ended = run_to_end(command, C_LOCALE | {"EASYAI_DATA_DIR": str(folder)}, tmp_path)
    values = {entry["key"]: entry["value"] for entry in json.loads(ended.stdout)["values"]}
    assert values["easyai.data_dir"] == str(folder)
