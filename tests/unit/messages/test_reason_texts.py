"""No code derives meaning from the text of a reason; settings and backups fail by reasons."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import easyai
from tests.structure import modules

ROOT = Path(easyai.__file__).parent

_WORDED = {"text", "both", "catalogue.text"}  # functions that return the text of a reason
_PARSING = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
    *("split", "find", "index", "count", "match", "fullmatch", "search", "findall"),
}
_WITH_REASON = {"SettingsError", "DatabaseForbiddenError", "BackupError"}
# Columns of the release before; only db/reasons.py reads and writes them.
_OLD_COLUMNS = {"state_reason", "last_failure_reason"}
_READERS = {
    "db/reasons.py",  # compares a stored text with that of its code: who wrote the row?
    "messages/formats.py",  # joins sentences
}


def _returns_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in _WORDED


def _texts_parsed(tree: ast.Module) -> Iterator[str]:
    """Calls that search, split or compare the text of a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parsing = node.func.attr in _PARSING
            if parsing and any(map(_returns_text, (node.func.value, *node.args))):
                yield ast.unparse(node)
        elif isinstance(node, ast.Compare) and any(
            map(_returns_text, (node.left, *node.comparators))
        ):
            yield ast.unparse(node)


def _old_columns_read(tree: ast.Module) -> Iterator[str]:
    """Calls that parse the text of a row."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        value = node.func.value
        if isinstance(value, ast.Attribute) and value.attr in _OLD_COLUMNS:
            yield ast.unparse(node)


def test_no_code_derives_meaning_from_the_text_of_a_reason() -> None:
    found = [
        f"{name}: {use}"
        for name, tree in modules(ROOT).items()
        if name not in _READERS and not name.startswith("sdk/")
        for use in (*_texts_parsed(tree), *_old_columns_read(tree))
    ]
    assert not found


def _worded_faults(tree: ast.Module) -> Iterator[str]:
    """Where an error that has a reason is made of a text instead."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _WITH_REASON:
            for given in node.args:
                if isinstance(given, ast.Constant | ast.JoinedStr | ast.BinOp):
                    yield ast.unparse(node)


def test_faults_of_settings_and_backups_are_reasons() -> None:
    found = {
        f"{name}: {made}" for name, tree in modules(ROOT).items() for made in _worded_faults(tree)
    }
    assert not found
    assert list(_worded_faults(ast.parse("SettingsError(f'{key}: must be at least 1')")))


def test_check_finds_code_that_matches_the_text_of_a_reason() -> None:
    def seen(code: str) -> bool:
        tree = ast.parse(code)
        return bool([*_texts_parsed(tree), *_old_columns_read(tree)])

    assert seen("text(reason).startswith('no answer within')")
    assert seen("if 'moved to' in text(row_reason): pass")
    assert seen("PATTERN.search(text(reason))")
    assert seen("row.state_reason.partition('; moved to ')")
    assert not seen("log.info('%s', text(reason))")
