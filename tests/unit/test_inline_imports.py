"""Python in files of another kind imports existing names."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FILES = ("docker/**/*.y*ml", "docker/**/Dockerfile*", "docs/*.md", "examples/*.md", "*.md")
_IMPORT = re.compile(r"\bfrom (easyai[\w.]*) import (\w+(?:, \w+)*)")


def _imports() -> Iterator[tuple[str, str, str]]:
    for pattern in _FILES:
        for file in ROOT.glob(pattern):
            for module, names in _IMPORT.findall(file.read_text(encoding="utf-8")):
                for name in names.split(", "):
                    yield str(file.relative_to(ROOT)), module, name


def test_python_in_compose_files_and_documents_imports_existing_names() -> None:
    found = list(_imports())
    assert ("docker/compose.s3.yaml", "easyai.settings.source", "load") in found
    for file, module, name in found:
        assert hasattr(importlib.import_module(module), name), f"{file}: {module} has no {name}"
