"""The contract of imports: they point down, never in a circle; a few things have a single place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import easyai
from tests.structure import (
    circles,
    imported,
    layers,
    lines_of_packages,
    module_graph,
    modules,
    names_alike,
    package_graph,
    package_of,
)

ROOT = Path(easyai.__file__).parent

# A package may import from its own row and from the rows below.
ROWS = (
    ("celery", "cli", "dashboard"),
    ("api", "alarms"),
    ("diagnosis", "tasks", "backup"),
    ("health", "registry", "pipeline", "supervisor"),
    ("process", "publish", "runtime"),
    ("db", "store", "broker", "service_http"),
    ("settings",),
    ("errors", "tracing"),
    ("messages", "system", "s3"),
    ("domain", "masking", "version"),
)
LARGEST_SHARE = 0.14  # of all lines, in a single package
LEVEL = {package: len(ROWS) - number for number, row in enumerate(ROWS) for package in row}
# These read or set variables for the processes they start, or ask who started them.
ENVIRONMENT = {
    "settings/source.py",
    "settings/file.py",
    "settings/partial.py",
    "settings/installations.py",
    "process/supervisor_link.py",
    "supervisor/forked_child.py",
    "settings/utf8_mode.py",
    "settings/find_installation.py",
    "cli/main.py",
    "cli/up_command.py",
    "cli/api_command.py",
    "cli/config_command.py",
    "celery.py",  # hands Flower its defaults
    "tracing/variables.py",  # OpenTelemetry's own
}
CELERY = {"celery", "kombu", "billiard", "vine", "flower"}
# Values that live as long as the process, and why no runtime can own them.
OF_THE_PROCESS = {
    "celery.py: app",  # Celery looks for it by this name
    "dashboard/decoding.py: _one_large",  # the memory is that of the process
    "db/clock.py: _offsets",  # by engine, and gone with it
    "db/guard.py: _guards",  # guards that a child closes after a fork
    "db/statistics.py: _values",  # a function
    "tasks/single_run.py: _of_database",  # by database, and gone with it
    "supervisor/forked_child.py: no_fork",  # a fork copies the whole process
}
# Nothing is built while a module is imported: connections come after the fork, from the runtime.
BUILT = {"create_engine", "Database", "open_runtime", "SettingsSource", "Thread", "Runtime"}


def _modules() -> dict[str, ast.Module]:
    return modules(ROOT)


def _in_package(*packages: str) -> Iterator[str]:
    return (name for name in _modules() if package_of(name) in packages)


@cache
def _imports(name: str) -> frozenset[str]:
    return frozenset(imported(_modules()[name]))


def _packages_imported(name: str) -> set[str]:
    own = [module.split(".") for module in _imports(name) if module.startswith("easyai.")]
    return {parts[1] for parts in own if parts[1] != "__version__"}


def _tops_imported(names: Iterable[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_every_package_has_a_row() -> None:
    assert {package_of(name) for name in _modules()} - {"sdk"} == set(LEVEL)


def test_imports_point_down() -> None:
    wrong = [
        f"{name} imports {other} from above"
        for name in _modules()
        if package_of(name) != "sdk"
        for other in sorted(_packages_imported(name))
        if LEVEL.get(other, 99) > LEVEL[package_of(name)]
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not circles(module_graph(_modules()))


def test_no_packages_import_each_other_in_a_circle() -> None:
    assert not circles(package_graph(module_graph(_modules())))


def test_longest_chain_of_imports_has_a_package_of_each_row() -> None:
    assert layers(package_graph(module_graph(_modules()))) <= len(ROWS) == 10


def test_no_package_has_more_lines_than_its_share() -> None:
    lines = lines_of_packages({name: (ROOT / name).read_text("utf-8") for name in _modules()})
    largest, number = lines.most_common(1)[0]
    assert number <= LARGEST_SHARE * lines.total(), f"{largest}: {number} lines"


def test_no_file_name_occurs_twice() -> None:
    assert not names_alike(_modules())


def test_circle_chain_and_equal_names_are_found() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("a"), "c": frozenset("ab"), "d": frozenset("c")}
    assert circles(graph) == [["a", "b"]]
    assert layers(graph) == 3
    assert names_alike(["a/x.py", "b/x.py", "a/__init__.py", "b/__init__.py"]) == {"x.py": 2}


def test_the_sdk_needs_nothing_but_itself_and_requests() -> None:
    known = {"easyai", "requests", "urllib3"} | sys.stdlib_module_names
    for name in _in_package("sdk"):
        assert _packages_imported(name) <= {"sdk"}, name
        # Inside a function an import may fail and say which extra is missing.
        at_import = {
            module
            for node in _modules()[name].body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for module in imported(node)
        }
        assert _tops_imported(at_import) <= known, name


def test_domain_rules_do_no_io() -> None:
    io = {"sqlalchemy", "aiohttp", "requests", "os", "socket", "pathlib", "time"}
    for name in _in_package("domain"):
        assert not _tops_imported(_imports(name)) & io, name
        assert _packages_imported(name) <= {"domain"}, name


def test_only_the_tasks_and_the_broker_know_that_celery_exists() -> None:
    # Only kombu knows the brokers, and whether the library of a broker is installed.
    asking_kombu = {"settings/addresses.py"}
    knowing = {*_in_package("tasks", "broker", "celery"), "cli/celery_requeue.py", *asking_kombu}
    wrong = [
        name
        for name in _modules()
        if name not in knowing and _tops_imported(_imports(name)) & CELERY
    ]
    assert not wrong


def test_only_the_settings_read_the_environment() -> None:
    variables = {"environ", "environb", "getenv", "putenv"}
    for name, tree in _modules().items():
        if name in ENVIRONMENT or package_of(name) == "sdk":
            continue
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        }
        assert not used & variables, name
        assert not _imports(name) & {f"os.{variable}" for variable in variables}, name


def test_only_the_settings_and_the_runtime_distinguish_the_stores() -> None:
    stores = {"local", "minio"}
    for name, tree in _modules().items():
        if package_of(name) in ("settings", "runtime", "store"):
            continue
        compares = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
        sides = (side for compare in compares for side in (compare.left, *compare.comparators))
        compared = {side.value for side in sides if isinstance(side, ast.Constant)}
        assert not compared & stores, name
        assert not _imports(name) & {
            "easyai.store.local.LocalStore",
            "easyai.store.minio.MinioStore",
        }


def test_nothing_is_built_while_a_module_is_imported() -> None:
    for name, tree in _modules().items():
        if name in ("celery.py", "tasks/defaults.py"):
            continue
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.Expr | ast.AnnAssign):
                calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
                names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
                assert not names & BUILT, name


def test_modules_hold_no_mutable_state() -> None:
    names = {"log", "router", "__all__"}
    found = {
        f"{name}: {target.id}"
        for name, tree in _modules().items()
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id.islower() and target.id not in names
    }
    assert found == OF_THE_PROCESS
    assert not [name for name, tree in _modules().items() if _changes_globals(tree)]


def _changes_globals(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Global) for node in ast.walk(tree))
