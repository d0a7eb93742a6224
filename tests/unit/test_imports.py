"""The contract of imports: they point down, and a few things stay in one place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import easyai

ROOT = Path(easyai.__file__).parent

# A room may import from its own row and from those below.
ROWS = (
    ("tasks", "celery", "api", "dashboard", "cli"),
    ("backup",),
    ("pipeline", "registry", "health"),
    ("runtime",),
    ("store", "publish", "db", "tracing"),
    ("domain", "settings"),
    ("settings_in_part",),
    ("settings_variables", "installations"),
    ("settings_words", "settings_file", "settings_addresses"),
    ("settings_tables", "supervised", "addresses", "process", "secret_file"),
    ("settings_predecessor", "settings_left_behind", "server_tls"),
    ("server_url",),
    ("errors", "names", "version"),
)
LEVEL = {room: len(ROWS) - number for number, row in enumerate(ROWS) for room in row}
# They read or set variables for the processes they start, or ask who started them.
ENVIRONMENT = {
    "settings.py",
    "settings_file.py",
    "settings_in_part.py",
    "supervised.py",
    "installations.py",
    "cli/installation.py",
    "process/encoding.py",
    "cli/main.py",
    "cli/up.py",
    "cli/api.py",
    "cli/config.py",
    "celery.py",  # hands Flower its defaults
    "tracing/variables.py",  # OpenTelemetry's own
}
CELERY = ("celery", "kombu", "billiard", "vine", "flower")


def _modules() -> list[str]:
    found = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py"))
    return [name for name in found if name != "__init__.py"]


def _room(name: str) -> str:
    return name.partition("/")[0].removesuffix(".py")


def _tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Every module named in an import, inside functions and type checking blocks too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _rooms_imported(name: str) -> set[str]:
    own = [module.split(".") for module in _imported(_tree(name)) if module.startswith("easyai.")]
    return {parts[1] for parts in own if parts[1] != "__version__"}


@pytest.mark.parametrize("name", [name for name in _modules() if _room(name) != "sdk"])
def test_imports_point_down(name: str) -> None:
    room = _room(name)
    assert room in LEVEL, f"{room} has no row in the contract of imports"
    wrong = {other for other in _rooms_imported(name) if LEVEL.get(other, 99) > LEVEL[room]}
    assert not wrong, f"{name} imports {sorted(wrong)} from above"


@pytest.mark.parametrize("name", [name for name in _modules() if _room(name) == "sdk"])
def test_the_sdk_needs_nothing_but_itself_and_requests(name: str) -> None:
    assert _rooms_imported(name) <= {"sdk"}
    tree = _tree(name)
    # Inside a function an import may fail and say which extra is missing.
    at_import = {module for node in tree.body for module in _imported(_only_top(node))}
    foreign = {module.split(".")[0] for module in at_import} - {"easyai", "requests", "urllib3"}
    assert foreign <= sys.stdlib_module_names


def _only_top(node: ast.stmt) -> ast.AST:
    return node if isinstance(node, ast.Import | ast.ImportFrom) else ast.Module([], [])


@pytest.mark.parametrize("name", [name for name in _modules() if _room(name) == "domain"])
def test_the_rules_do_no_io(name: str) -> None:
    modules = {module.split(".")[0] for module in _imported(_tree(name))}
    assert not modules & {"sqlalchemy", "aiohttp", "requests", "os", "socket", "pathlib", "time"}
    assert _rooms_imported(name) <= {"domain", "errors", "names"}


@pytest.mark.parametrize("name", _modules())
def test_only_the_tasks_know_that_celery_exists(name: str) -> None:
    if _room(name) in ("tasks", "celery") or name == "cli/celery_requeue.py":
        return
    assert not [module for module in _imported(_tree(name)) if module.split(".")[0] in CELERY]


@pytest.mark.parametrize("name", [name for name in _modules() if _room(name) != "sdk"])
def test_only_the_settings_read_the_environment(name: str) -> None:
    if name in ENVIRONMENT:
        return
    used = {
        node.attr
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert not used & {"environ", "environb", "getenv", "putenv"}
    assert not any(
        module.startswith(("os.environ", "os.getenv")) for module in _imported(_tree(name))
    )


@pytest.mark.parametrize("name", _modules())
def test_nothing_is_built_while_a_module_is_imported(name: str) -> None:
    # No connections, threads or files at import: they come after the fork, and from the runtime.
    if name in ("celery.py", "tasks/defaults.py"):
        return
    started = {"create_engine", "Database", "open_runtime", "SettingsSource", "Thread", "Runtime"}
    for node in _tree(name).body:
        if isinstance(node, ast.Assign | ast.Expr | ast.AnnAssign):
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
            names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
            assert not names & started
