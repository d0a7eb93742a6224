"""The wheels: their content, and that they work in an environment without the sources."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from packaging.metadata import Metadata

from easyai.db.revision import newest
from tests.production.releases.built import (
    ROOT,
    SDK,
    SERVER,
    STRAY,
    VERSION,
    Built,
    Environment,
    clean_environment,
    locked,
    run,
)
from tests.support.ports import free_port
from tests.support.waiting import wait_until

TYPE = "人数统计"
# The packages of locks/dev.txt with which scripts/setup-venv installs easyai itself.
_EDITABLE_TOOLS = (
    *("editables", "hatch-vcs", "hatchling", "packaging", "pathspec", "pluggy"),
    *("setuptools", "setuptools-scm", "tomlkit", "trove-classifiers", "vcs-versioning"),
)
_DETECTOR = """
import sys
from easyai.sdk import Detection, serve
serve(lambda picture: [Detection((10, 20, 60, 110), "person", 0.9)], service_id="people",
      task_types=["人数统计"], server=sys.argv[1], host="127.0.0.1", port=int(sys.argv[2]))
"""


def _sources(folder: str) -> set[str]:
    """Our files below a folder that are to be installed."""
    listed = run("git", "ls-files", "-z", "-c", "-o", "--exclude-standard", folder, cwd=ROOT)
    left_out = {"easyai/sdk/pyproject.toml", "easyai/sdk/LICENSE", "easyai/sdk/README.md"}
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()} - left_out


def test_server_wheel_holds_exactly_the_sources_of_the_server(built: Built) -> None:
    found = {name for name in built.in_wheel(SERVER) if ".dist-info/" not in name}
    wanted = _sources("easyai") | {f"easyai/{name}" for name in _sources("migrations")}
    assert found == wanted | {"easyai/sdk/README.md"}
    assert f"easyai/migrations/versions/{_newest_migration()}" in found
    assert "easyai/sdk/py.typed" in found


def _newest_migration() -> str:
    (found,) = (ROOT / "migrations" / "versions").glob(f"*_{newest()}_*.py")
    return found.name


def test_the_wheel_of_the_sdk_has_the_sdk_alone(built: Built) -> None:
    found = {name for name in built.in_wheel(SDK) if ".dist-info/" not in name}
    assert found == _sources("easyai/sdk")


@pytest.mark.parametrize("name", [SERVER, SDK])
def test_metadata_of_the_distribution_is_complete(built: Built, name: str) -> None:
    metadata = Metadata.from_email(built.metadata(name), validate=True)
    assert metadata.name == name.replace("_", "-")
    assert str(metadata.version) == VERSION
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description
    assert metadata.summary
    assert str(metadata.requires_python) == ">=3.11"
    # No upload by mistake: `easyai` on PyPI belongs to another project.
    assert metadata.classifiers == ["Private :: Do Not Upload"]
    assert f"{name}-{VERSION}.dist-info/licenses/LICENSE" in built.in_wheel(name)


@pytest.mark.parametrize("name", [SERVER, SDK])
def test_stray_files_of_the_checkout_are_not_packed(built: Built, name: str) -> None:
    packed = built.in_wheel(name) | built.in_sdist(name)
    for stray in STRAY:
        assert not any(name.endswith(stray.removeprefix("easyai/sdk/")) for name in packed), stray
    assert not any(name.startswith(("tests/", "docker/", ".ci/", ".git/")) for name in packed)


@pytest.mark.parametrize("name", [SERVER, SDK])
def test_the_sources_build_the_same_wheel(built: Built, tmp_path: Path, name: str) -> None:
    run("tar", "xzf", built.sdist(name), cwd=tmp_path)
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    run(*command, cwd=tmp_path / f"{name}-{VERSION}")  # without git and without a variable
    assert Built(tmp_path).in_wheel(name) == built.in_wheel(name)


def test_installed_programs_run_and_print_the_version(
    server: Environment, author: Environment
) -> None:
    assert "Run everything here" in server.run("easyai", "--help")
    assert server.run("easyai", "--version") == f"easyai, version {VERSION}\n"
    code = "import easyai.sdk; print(easyai.sdk.__version__, easyai.sdk.__file__)"
    for environment in (server, author):
        version, _, file = environment.run("python", "-c", code).partition(" ")
        assert version == VERSION
        assert file.startswith(str(environment.folder))
        environment.pip("check")
    assert "usage" in author.run("easyai-check", "--help").lower()


def test_migrations_of_the_wheel_create_the_database(server: Environment, tmp_path: Path) -> None:
    database = {"EASYAI_DATABASE_URL": f"sqlite:///{tmp_path / 'easyai.db'}"}
    for command in ("upgrade", "current"):
        assert f"revision {newest()}" in server.run("easyai", "db", command, **database)


def test_detector_with_the_sdk_alone_infers_a_frame(
    server: Environment, author: Environment, tmp_path: Path
) -> None:
    port, service_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    script = tmp_path / "detector.py"
    script.write_text(_DETECTOR, encoding="utf-8")
    up = (server.program("easyai"), "up", "--port", str(port))
    detector = (author.program("python"), script, url, str(service_port))
    with _running(tmp_path, *up), _running(tmp_path, *detector):
        wait_until(
            lambda: _total(f"{url}/api/v1/ai_analysis/services"), 60, "the service registers"
        )
        camera = tmp_path / "snapshots" / TYPE / "门口"
        camera.mkdir(parents=True)
        picture = (ROOT / "examples" / "street.jpg").read_bytes()
        (camera / ".1").write_bytes(picture)
        (camera / ".1").rename(camera / "1.jpg")
        wait_until(lambda: _total(f"{url}/api/v1/alerts"), 30, "an alert")
        assert requests.get(f"{url}/openapi.json", timeout=5).json()["info"]["version"] == VERSION


@contextmanager
def _running(folder: Path, *command: str | Path) -> Iterator[None]:
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=clean_environment(XDG_STATE_HOME=str(folder / "state")),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    except BaseException:
        print(log.read_text(errors="replace")[-5000:])
        raise
    finally:
        process.terminate()
        process.wait(60)


def _total(url: str) -> int:
    try:
        return int(requests.get(url, timeout=5).json()["total"])
    except requests.ConnectionError:
        return 0


def test_an_editable_installation_works_without_git(
    server: Environment, checkout: Path, tmp_path: Path
) -> None:
    lock = locked(_EDITABLE_TOOLS, "dev.txt")
    environment = Environment.made(tmp_path / "venv", lock)
    # It shares the dependencies of the server's environment, so they are not installed twice.
    (site,) = environment.folder.glob("lib/python*/site-packages")
    (theirs,) = server.folder.glob("lib/python*/site-packages")
    (site / "server.pth").write_text(str(theirs), encoding="utf-8")
    environment.pip("install", "--no-deps", "--no-build-isolation", "--editable", checkout)
    output = environment.run("easyai", "--version")
    assert output.startswith("easyai, version 0.0.0+unknown (built without git")
    code = "import easyai; print(easyai.__file__)"
    assert environment.run("python", "-c", code) == f"{checkout / 'easyai' / '__init__.py'}\n"
