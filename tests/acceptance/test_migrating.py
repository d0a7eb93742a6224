"""The commands of docs/migrating.md, run as they stand there, and the same in Chinese."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from easyai.store.keys import held_key
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside

_DOCS = Path(__file__).parents[2] / "docs"
_BOX = "/opt/easydarwin/snapshots"
_SERVER = "127.0.0.1:5067"


def _blocks(page: str, language: str) -> list[str]:
    text = (_DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _commands(word: str) -> str:
    (found,) = (block for block in _blocks("migrating.md", "sh") if word in block)
    return found


def _run(script: str, folder: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_both_languages_have_the_same_commands_and_settings() -> None:
    assert _blocks("migrating.md", "sh") == _blocks("migrating.zh-CN.md", "sh")
    settings = _blocks("migrating.md", "toml"), _blocks("migrating.zh-CN.md", "toml")
    english, chinese = ([re.sub("#.*", "", block) for block in blocks] for blocks in settings)
    assert english == chinese


def test_the_services_of_the_old_server_are_registered(
    running: EasyaiProcess, site: Outside, tmp_path: Path
) -> None:
    stubs = [AlgorithmStub(f"yolo_{number}", ("迁移计数",)) for number in range(2)]
    # The list of the predecessor, as in section 3 of the contract.
    listed = [
        {
            "service_id": stub.service_id,
            "name": "检测器",
            "endpoint": stub.endpoint,
            "version": "1.0",
            "task_types": list(stub.task_types),
            "call_count": 7,
            "last_heartbeat": 1763000000,
            "register_at": 1762000000,
        }
        for stub in stubs
    ]
    text = json.dumps({"services": listed, "total": len(listed)}, ensure_ascii=False)
    (tmp_path / "services.json").write_text(text, encoding="utf-8")
    script = _commands("register").replace(_SERVER, f"127.0.0.1:{running.port}")
    assert [line.split()[-1] for line in _run(script, tmp_path).splitlines()] == ["200", "200"]
    assert {stub.service_id for stub in stubs} <= site.in_use()


@pytest.mark.parametrize("name", ["20251114-164712.618.jpg", "with space - and-dash.jpg", "中.png"])
def test_going_back_to_the_predecessor_restores_the_names_of_held_pictures(
    name: str, tmp_path: Path
) -> None:
    key = f"人数统计/门口 2/{name}"
    held = tmp_path / "snapshots" / held_key(key, 1234567, "17630-99")
    held.parent.mkdir(parents=True)
    held.write_bytes(b"picture")
    failed = tmp_path / "snapshots" / "failed" / "人数统计" / "门口2" / "x.jpg"
    failed.parent.mkdir(parents=True)
    failed.touch()
    (tmp_path / "snapshots" / ".easyai-installation.json").touch()
    _run(_commands(_BOX).replace(_BOX, str(tmp_path / "snapshots")), tmp_path)
    assert (tmp_path / "snapshots" / key).read_bytes() == b"picture"
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(map(str, files)) == sorted(
        [f"snapshots/{key}", "failed-of-easyai/人数统计/门口2/x.jpg"]
    )
