"""How the house stands, counted from its files: ``python -m tests.structure [FOLDER]``.

FOLDER is a checkout, this one where none is named. Circles and layers come from the imports between
modules and packages, inside functions and type checking blocks too.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

Graph = Mapping[str, frozenset[str]]

_WORDS = {"one": r"\bone\b", "told, said, tells": r"\b(?:told|said|tells)\b"}


@cache
def modules(package: Path) -> dict[str, ast.Module]:
    """Every module of a package, parsed, by its path below the package."""
    return {
        str(path.relative_to(package)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(package.rglob("*.py"))
        if path != package / "__init__.py"
    }


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module or name that an import names, with its module before it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_graph(trees: Mapping[str, ast.Module]) -> dict[str, frozenset[str]]:
    """Which modules of the package each module imports."""
    return {name: frozenset(_own(name, tree, trees)) for name, tree in trees.items()}


def _own(name: str, tree: ast.Module, trees: Mapping[str, ast.Module]) -> Iterator[str]:
    for module in imported(tree):
        if not module.startswith("easyai."):
            continue
        path = "/".join(module.split(".")[1:])
        parent = path.rpartition("/")[0]
        places = (f"{path}.py", f"{path}/__init__.py", f"{parent}.py", f"{parent}/__init__.py")
        found = next((place for place in places if place in trees), name)
        if found != name:
            yield found


def package_of(name: str) -> str:
    """The package of a module: the folder, or the module, directly below the package."""
    return name.partition("/")[0].removesuffix(".py")


def package_graph(graph: Graph) -> dict[str, frozenset[str]]:
    """Which packages each package imports."""
    found: dict[str, set[str]] = {package_of(name): set() for name in graph}
    for name, others in graph.items():
        found[package_of(name)] |= {package_of(other) for other in others} - {package_of(name)}
    return {name: frozenset(others) for name, others in found.items()}


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan's algorithm, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            circle = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def layers(graph: Graph) -> int:
    """The length of the longest chain of imports; the nodes of a circle share a layer."""
    layer_of = {name: tuple(circle) for circle in circles(graph) for name in circle}
    heights: dict[tuple[str, ...], int] = {}

    def height(name: str) -> int:
        nodes = layer_of.get(name, (name,))
        if nodes not in heights:
            below = {other for node in nodes for other in graph[node]} - set(nodes)
            heights[nodes] = 1 + max(map(height, sorted(below)), default=0)
        return heights[nodes]

    return max(map(height, graph), default=0)


def lines_of_packages(texts: Mapping[str, str]) -> Counter[str]:
    """The lines of each package; `texts` are the modules' texts by their paths."""
    found: Counter[str] = Counter()
    for name, text in texts.items():
        found[package_of(name)] += text.count("\n")
    return found


def names_alike(paths: Iterable[str]) -> dict[str, int]:
    """The file names that occur more than once, with their number."""
    names = Counter(Path(path).name for path in paths if not path.endswith("__init__.py"))
    return {name: count for name, count in names.items() if count > 1}


def report(checkout: Path) -> Iterator[str]:
    """The figures, a line each."""
    package = checkout / "easyai"
    trees = modules(package)
    texts = {name: (package / name).read_text(encoding="utf-8") for name in trees}
    graph = module_graph(trees)
    by_package = lines_of_packages(texts)
    total = by_package.total()
    largest, number = by_package.most_common(1)[0]
    alike = names_alike(trees)
    long = sorted(name for name, text in texts.items() if text.count("\n") > 300)
    yield f"lines: {total} in {len(trees)} modules of {len(by_package)} packages"
    found = circles(graph)
    yield f"circles of modules: {len(found)} ({sum(map(len, found))} modules)"
    yield f"circles of packages: {len(circles(package_graph(graph)))}"
    yield f"layers of packages: {layers(package_graph(graph))}"
    yield f"largest package: {largest}, {100 * number / total:.1f} % of the lines"
    yield f"file names that occur more than once: {len(alike)} ({sum(alike.values())} files)"
    yield f"modules over 300 lines: {len(long)} {' '.join(long)}".rstrip()
    for shown, pattern in _WORDS.items():
        hits = sum(len(re.findall(pattern, text)) for text in texts.values())
        yield f"{shown!r} in 1,000 lines: {1000 * hits / total:.1f}"


if __name__ == "__main__":
    for line in report(Path(sys.argv[1] if len(sys.argv) > 1 else ".")):
        print(line)
