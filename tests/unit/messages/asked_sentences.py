"""Finds code that asks a sentence what it means, directly or through a name of its module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

import easyai.errors

_CATALOGUE: Final = "easyai.messages.catalogue"
_WORDING: Final = {"text", "in_all_languages"}  # functions of the catalogue that return sentences
_JSON: Final = {"fields", "list_fields"}  # these return a dict with a sentence under a given key
#: Attributes, columns and keys of JSON with the text of a reason.
_TEXTS: Final = {
    *("state_reason", "last_failure_reason", "last_failure", "last_refusal"),
    *("reason", "cause", "text"),
}
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

    A name counts as a text in the whole function if any line of it assigns a text to the name; an
    attribute of `self` in the whole class; a function that returns a text in the whole module.
    """
    wording, json = set(_imported(tree, _WORDING)), set(_imported(tree, _JSON))
    scopes = [_Scope(scope, wording, json, members) for members, scope in _scopes(tree)]
    while any(scope.learns() for scope in scopes):  # a name may get its text from another name
        pass
    for scope in scopes:
        yield from (ast.unparse(node) for node in scope.nodes if scope.is_asked(node))


def _imported(tree: ast.Module, functions: set[str]) -> Iterator[str]:
    """What the module calls these functions of the catalogue."""
    package, _, catalogue = _CATALOGUE.rpartition(".")
    modules = {_CATALOGUE, catalogue}
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            called = alias.asname or alias.name
            module = getattr(node, "module", None)
            if module == _CATALOGUE and alias.name in functions:
                yield called
            elif (module, alias.name) in ((package, catalogue), (None, _CATALOGUE)):
                modules.add(called)
    yield from (f"{module}.{function}" for module in modules for function in functions)


def _scopes(tree: ast.Module) -> Iterator[tuple[set[str] | None, ast.AST]]:
    """The module, and every function and method with the functions inside it.

    Methods of a class share a set, for the members of the class that are texts.
    """
    yield None, tree
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            members: set[str] | None = set() if isinstance(node, ast.ClassDef) else None
            yield from ((members, each) for each in node.body if isinstance(each, _Function))


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function; of a module, the nodes outside functions."""
    for child in ast.iter_child_nodes(scope):
        if not (isinstance(child, _Function) and isinstance(scope, ast.Module | ast.ClassDef)):
            yield child
            yield from _own_nodes(child)


class _Scope:
    """Which names and expressions of a function are texts of reasons."""

    def __init__(
        self, scope: ast.AST, wording: set[str], json: set[str], members: set[str] | None
    ) -> None:
        """`wording`: functions that return a text; `members`: members of the class that do."""
        self.nodes = list(_own_nodes(scope))
        self._wording, self._json = wording, json
        self._members = set() if members is None else members
        self._names: set[str] = set()
        self._keys = {*_TEXTS, *(key for node in self.nodes for key in self._json_keys(node))}
        self._errors = {
            node.name
            for node in self.nodes
            if isinstance(node, ast.ExceptHandler) and _is_ours(node)
        }
        assigned = [pair for node in self.nodes for pair in _assigned(node)]
        self._sources = [
            *((self._members if "." in name else self._names, name, it) for name, it in assigned),
            *((self._keys, key, value) for node in self.nodes for key, value in _keyed(node)),
        ]
        for node in self.nodes:
            if isinstance(node, _Function):
                self._sources += [(self._names, node.name, value) for value in _returned(node)]
        if isinstance(scope, _Function):
            own = {scope.name} if members is None else {f"self.{scope.name}", f"cls.{scope.name}"}
            known = wording if members is None else self._members
            self._sources += [(known, name, value) for value in _returned(scope) for name in own]

    def learns(self) -> bool:
        """Add the names whose source is a text to the known texts; returns whether any is new."""
        new = [(known, name) for known, name, value in self._sources if self._is_text(value)]
        new = [(known, name) for known, name in new if name not in known]
        for known, name in new:
            known.add(name)
        return bool(new)

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
            case ast.Attribute(_, name):
                return name in _TEXTS or ast.unparse(node) in self._members
            case ast.Subscript(_, ast.Constant(str() as key)):
                return key in self._keys
            case ast.Call(function, args):
                return self._makes_text(function, args)
            case (
                ast.NamedExpr(_, inner)
                | ast.Subscript(inner)
                | ast.FormattedValue(inner)
                | ast.Await(inner)
            ):
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
        returning = self._wording | self._members | self._names
        if called in returning:
            return True
        if called == "map":
            return ast.unparse(args[0]) in returning
        if called == "str" and args and isinstance(args[0], ast.Name):
            return args[0].id in self._errors | self._names
        if called in _COLLECTING or called.endswith(".join"):
            return self._has_text(args)
        if isinstance(function, ast.Attribute) and function.attr in _CHANGING:
            return self._is_text(function.value)
        return False

    def _json_keys(self, node: ast.AST) -> Iterator[str]:
        """The key under which a call of `fields` or `list_fields` returns a text."""
        match node:
            case ast.Call(function, [ast.Constant(str() as key), *_]):
                if ast.unparse(function) in self._json:
                    yield key


def _is_ours(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches only errors of easyai: their text is that of their reason."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = (ast.unparse(each).rpartition(".")[2] for each in caught if each is not None)
    return handler.type is not None and all(name in _ERRORS for name in names)


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
            yield from (pair for target in targets for pair in _bound(target, value))
        case (
            ast.AnnAssign(target, _, ast.expr() as value)
            | ast.AugAssign(target, _, value)
            | ast.NamedExpr(target, value)
            | ast.For(target, value)
            | ast.AsyncFor(target, value)
            | ast.comprehension(target, value)
        ):
            yield from _bound(target, value)


def _bound(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names in a target, each with its own value where the value is a tuple too."""
    match target, value:
        case (ast.Tuple(names), ast.Tuple(values)) if len(names) == len(values):
            for name, each in zip(names, values, strict=True):
                yield from _bound(name, each)
        case (ast.Tuple(names) | ast.List(names), _):
            for name in names:
                yield from _bound(name, value)
        case (ast.Name(name), _):
            yield name, value
        case (ast.Attribute(ast.Name("self"), name), _):
            yield f"self.{name}", value


def _keyed(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Every constant key of a dict that a node makes or changes, with its value."""
    match node:
        case ast.Dict(keys, values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), value
        case ast.Assign([ast.Subscript(_, ast.Constant(str() as key))], value):
            yield key, value


def _returned(function: ast.AST) -> Iterator[ast.expr]:
    """Every value that a function returns or yields, without the functions inside it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.Return | ast.Yield | ast.YieldFrom) and child.value is not None:
            yield child.value
        if not isinstance(child, _Function | ast.Lambda):
            yield from _returned(child)
