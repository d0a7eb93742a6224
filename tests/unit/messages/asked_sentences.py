"""Finds code that asks a sentence what it means, directly or through a name of its function."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import easyai.errors

_CATALOGUE: Final = "easyai.messages.catalogue"
_WORDING: Final = {"text", "in_all_languages"}  # functions of the catalogue that return sentences
#: Columns and keys of JSON that hold the text of a reason.
_TEXTS: Final = {"state_reason", "last_failure_reason", "last_failure", "last_refusal"}
#: Columns that hold a text too; attributes of other objects with these names are no texts.
_TEXTS_OF_ROWS: Final = {*_TEXTS, "reason", "cause", "text"}
_ROWS: Final = {"row", "event", "alarm", "frame"}
_COLLECTING: Final = {"list", "tuple", "set", "sorted"}
_CHANGING: Final = {"lower", "upper", "casefold", "strip", "lstrip", "rstrip", "replace"}
_PARSING: Final = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
    *("split", "rsplit", "find", "rfind", "index", "rindex", "count"),
    *("match", "fullmatch", "search", "findall", "finditer"),
}
_ERRORS: Final = {
    name
    for name, value in vars(easyai.errors).items()
    if isinstance(value, type) and issubclass(value, easyai.errors.EasyaiError)
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def asked(tree: ast.Module) -> Iterator[str]:
    """Every expression that searches, splits or compares the text of a reason.

    A name counts as a text in the whole function if any line of it assigns a text to the name.
    """
    wording = set(_wording(tree))
    for scope in _scopes(tree):
        nodes = list(_own_nodes(scope))
        texts = _Texts(nodes, wording)
        yield from (ast.unparse(node) for node in nodes if texts.is_asked(node))


def _wording(tree: ast.Module) -> Iterator[str]:
    """The names under which the module imports the functions of the catalogue."""
    yield from (f"catalogue.{name}" for name in _WORDING)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _CATALOGUE:
            named = (alias for alias in node.names if alias.name in _WORDING)
            yield from (alias.asname or alias.name for alias in named)


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """The module, and every function and method with the functions inside it."""
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from (each for each in node.body if isinstance(each, _Function))


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function; of a module, the nodes outside functions."""
    for child in ast.iter_child_nodes(scope):
        if not (isinstance(child, _Function) and isinstance(scope, ast.Module | ast.ClassDef)):
            yield child
            yield from _own_nodes(child)


class _Texts:
    """Which names and expressions of a function are texts of reasons."""

    def __init__(self, nodes: Collection[ast.AST], wording: Collection[str]) -> None:
        self._wording = wording
        self._errors = {
            node.name for node in nodes if isinstance(node, ast.ExceptHandler) and _is_ours(node)
        }
        self._names: set[str] = set()
        assigned = [pair for node in nodes for pair in _assigned(node)]
        known = -1
        while known < len(self._names):  # a name may get its text from another name
            known = len(self._names)
            self._names |= {name for name, value in assigned if self._is_text(value)}

    def is_asked(self, node: ast.AST) -> bool:
        """Whether the node derives meaning from a text."""
        match node:
            case ast.Call(ast.Attribute(value, name), args):
                return name in _PARSING and self._has_text((value, *args))
            case ast.Compare(left, _, others) if self._has_text((left, *others)):
                contained = isinstance(node.ops[0], ast.In | ast.NotIn) and self._has_text(others)
                return contained or any(map(_is_literal, (left, *others)))
            case ast.Match(subject):
                return self._is_text(subject)
        return False

    def _has_text(self, nodes: Iterable[ast.AST]) -> bool:
        return any(map(self._is_text, nodes))

    def _is_text(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(name):
                return name in self._names
            case ast.Attribute(ast.Name(owner), name) if owner in _ROWS:
                return name in _TEXTS_OF_ROWS
            case ast.Attribute(_, name):
                return name in _TEXTS
            case ast.Subscript(_, ast.Constant(key)) if key in _TEXTS:
                return True
            case ast.Call(function, args):
                return self._makes_text(function, args)
            case ast.NamedExpr(_, inner) | ast.Subscript(inner) | ast.FormattedValue(inner):
                return self._is_text(inner)
            case ast.ListComp(inner) | ast.SetComp(inner) | ast.GeneratorExp(inner):
                return self._is_text(inner)
            case ast.BoolOp() | ast.BinOp() | ast.JoinedStr() | ast.Tuple() | ast.List():
                return self._has_text(ast.iter_child_nodes(node))
            case ast.IfExp(_, one, other):
                return self._has_text((one, other))
        return False

    def _makes_text(self, function: ast.expr, args: list[ast.expr]) -> bool:
        """Whether a call words a reason or an error of easyai, or passes a text on."""
        called = ast.unparse(function)
        if called in self._wording:
            return True
        if called == "map":
            return ast.unparse(args[0]) in self._wording
        if called == "str" and args and isinstance(args[0], ast.Name):
            return args[0].id in self._errors | self._names
        if called in _COLLECTING or called.endswith(".join"):
            return self._has_text(args)
        if isinstance(function, ast.Attribute) and function.attr in _CHANGING:
            return self._is_text(function.value)
        return False


def _is_ours(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches only errors of easyai: their text is that of their reason."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return all(isinstance(each, ast.Name) and each.id in _ERRORS for each in caught)


def _is_literal(node: ast.AST) -> bool:
    """Whether words are written in an operand; '' only asks whether there is a text."""
    match node:
        case ast.Constant(value):
            return isinstance(value, str) and bool(value)
        case ast.Tuple(items) | ast.List(items) | ast.Set(items):
            return any(map(_is_literal, items))
        case ast.JoinedStr():
            return True
    return False


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Every name that a node binds, with its value, or with the values of a loop."""
    match node:
        case ast.Assign(targets, value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case (
            ast.AnnAssign(ast.Name(name), _, ast.expr() as value)
            | ast.AugAssign(ast.Name(name), _, value)
            | ast.NamedExpr(ast.Name(name), value)
            | ast.For(ast.Name(name), value)
            | ast.comprehension(ast.Name(name), value)
        ):
            yield name, value
