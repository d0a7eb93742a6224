"""The command line that `ps` shows follows the program that a process runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_CODE = """
import json, os, sys
from pathlib import Path
from easyai.system.process_title import show_command
before = Path("/proc/self/environ").read_bytes()
shown = show_command(json.loads(sys.argv[1]))
command = Path("/proc/self/cmdline").read_bytes().decode("utf-8", "replace")
print(json.dumps([shown, command, Path("/proc/self/environ").read_bytes() == before]))
"""


@pytest.mark.parametrize(
    "words", [["python", "-m", "celery", "a b"], ["摄像头"], ["x" * 5000, "y"]]
)
def test_ps_shows_the_given_words_up_to_the_length_of_the_old_command(words: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", _CODE, json.dumps(words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown, command, environment_kept = json.loads(result.stdout)
    assert shown
    assert environment_kept
    begins = command.rstrip("\0").split("\0")
    assert begins == words or (len(words[0]) == 5000 and set(command) == {"x", "\0"})
