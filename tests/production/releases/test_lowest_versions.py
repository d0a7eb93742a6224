"""The oldest libraries that pyproject.toml allows work: an upgrade of easyai keeps libraries.

pip replaces no installed library that fits the bounds. With a bound that is too low, easyai checked
registrations only in part (pydantic 2.11) and notified nobody (apprise 1.9), and no test knew.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

from tests.production.releases.built import ROOT, run

# What uses libraries whose interfaces change: the API, notifications, calls, commands, JSON.
_TRIED = (
    "tests/unit/api",
    "tests/unit/cli",
    "tests/unit/domain/test_json_text.py",
    "tests/unit/publish",
    "tests/unit/settings",
    "tests/integration/publish/test_apprise_urls.py",
    "tests/integration/service_http",
    "tests/integration/registry/test_misbehaving.py",
    "tests/integration/api/test_gates.py",
    "tests/integration/api/test_metrics.py",
    "tests/integration/api/test_registry.py",
)


def test_the_lowest_allowed_versions_pass_the_tests_of_what_uses_them(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {Requirement(line).name for line in project["dependencies"]}
    extras = (Requirement(line) for line in project["optional-dependencies"]["dev"])
    tools = {need.name for need in extras} - own - {project["name"]}
    present = [f"{name}=={version(name)}" for name in sorted(tools)]  # tools as they are here
    folder = tmp_path / "venv"
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "uv", "-q", "venv", "--python", sys.executable, folder, cwd=ROOT)
    uv = (sys.executable, "-m", "uv", "-q", "pip", "install", "--python", python)
    run(*uv, "--resolution", "lowest-direct", *project["dependencies"], *present, cwd=tmp_path)
    # The sources of this checkout: nothing is built.
    pytest = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    outcome = run(*pytest, "-k", "not nightly_commands", *_TRIED, cwd=ROOT)  # they need a script
    assert " passed" in outcome.splitlines()[-1]
