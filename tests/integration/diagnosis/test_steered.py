"""Folder names cannot steer a terminal or add a line to a copied command."""

from __future__ import annotations

import subprocess

import pytest

from easyai.diagnosis.contents import diagnose
from easyai.diagnosis.report.as_markdown import markdown
from easyai.settings.commands import shell_words
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

NAMES = [
    *("人数统计", "a b", "it's", "\x1b[2J", "a\nrm -rf x"),
    *("\\n'\x07", "\u202e", "$(id)`id`\r", ""),
]


@pytest.mark.parametrize("name", NAMES)
def test_quoted_shell_words_are_read_unchanged_and_stay_on_a_single_line(name: str) -> None:
    line = shell_words("printf", "[%s]", name)
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode() == f"[{name}]"


@pytest.mark.sqlite_only
@pytest.mark.parametrize("ending", ["\x1b", "\n", "\u202e"])
def test_report_commands_contain_no_control_characters_of_a_folder_name(
    site: Installation, algorithm: AlgorithmStub, ending: str
) -> None:
    site.register(algorithm)
    site.put(f"{TYPE}{ending}/门口1/1.jpg")
    site.scan()
    text = markdown(diagnose(site.runtime))
    assert "discard --task-type" in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert f"--task-type {shell_words(TYPE + ending)} --dry-run" in text
