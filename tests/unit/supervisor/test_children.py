"""How the processes of `easyai up` are kept running."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from easyai.supervisor.children import MAX_BACKOFF_SEC, program_sections
from easyai.supervisor.plan import Plan


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Our configuration as parsed by supervisor: program name to its settings."""
    monkeypatch.setattr(sys, "executable", "/opt/my 100% venv/bin/python")
    config = tmp_path / "supervisord.conf"
    config.write_text(program_sections(5066, "@easyai-test"))
    options = ServerOptions()
    options.realize(["-c", str(config)], doc="")
    return {group.name: group.process_configs[0] for group in options.process_group_configs}


def test_supervisor_configuration_restarts_all_four_children_for_ever(
    programs: dict[str, object],
) -> None:
    # The order of the start; they stop in the opposite order.
    assert list(programs) == ["api", "worker", "beat", "watchdog"]
    for program in programs.values():
        assert program.autorestart  # type: ignore[attr-defined]
        assert program.startretries > MAX_BACKOFF_SEC  # type: ignore[attr-defined]


def test_an_interpreter_path_with_spaces_and_percent_signs_works(
    programs: dict[str, object],
) -> None:
    command = programs["worker"].command  # type: ignore[attr-defined]
    assert command.startswith("'/opt/my 100% venv/bin/python' -m celery ")
    assert " worker-5066@%h " in command


def test_a_plan_crosses_the_exec_unchanged() -> None:
    plan = Plan(Path("./my data"), "::1", 5066, "easyai is ready · now", 30.0)
    assert Plan.parse(plan.command()[3:]) == plan
