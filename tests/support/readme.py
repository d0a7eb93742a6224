"""The commands of README.md, to be run as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.easyai_process import EasyaiProcess
from tests.support.needs import program
from tests.support.part_process import clean_environment, easyai_command

_README = Path(__file__).parents[2] / "README.md"
_SERVER = "127.0.0.1:5066"
_SERVICE = "127.0.0.1:7901"


def commands(word: str) -> str:
    """The only block of shell commands that holds ``word``."""
    blocks = re.findall(r"```sh\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if word in block)
    return str(found)


def run(script: str, easyai: EasyaiProcess, service_port: int) -> str:
    """Run commands of the README on an installation; their output. Every command must succeed.

    Only what differs between a reader's machine and a test's is replaced: the ports, and where
    the ``easyai`` program lies.
    """
    for old, new in (
        (_SERVER, f"127.0.0.1:{easyai.port}"),
        (_SERVICE, f"127.0.0.1:{service_port}"),
        # In this order: the command of easyai names the interpreter, whatever its folder is called.
        (".venv/bin/python", sys.executable),
        (".venv/bin/easyai", shlex.join(easyai_command())),
    ):
        script = script.replace(old, new)
    if re.search(r"\bcurl\b", script):
        program("curl", "curl")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=easyai.folder,
        env=clean_environment(easyai.installation),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout
