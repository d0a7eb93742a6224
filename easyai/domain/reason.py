"""A reason as data: a code and its arguments.

The sentences are in `easyai.messages` only; no other code reads or writes them. A text from outside
(the error of a service, a driver or a camera) is an argument and is never interpreted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Union

#: The types of an argument: JSON values and further reasons.
Arg = Union[str, int, float, bool, None, "Reason", tuple["Arg", ...]]

#: The code of a text from outside; the argument `text` holds it.
QUOTED: Final = "quoted"
_LONGEST_QUOTE: Final = 500  # characters
_SIGNATURE: Final = re.compile(r"([?&][\w.-]*signature=)[^&#\s\"'<>)]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reason:
    """A code and its arguments, in the order of their names."""

    code: str  # such as "no_heartbeat"; '': no reason is known
    args: tuple[tuple[str, Arg], ...] = ()

    @classmethod
    def of(cls, code: str, /, **args: Arg) -> Reason:
        """The reason with these arguments; units are in their names, such as `silent_sec`."""
        return cls(code, tuple(sorted(args.items())))

    def __bool__(self) -> bool:
        """Whether a reason is known."""
        return bool(self.code)

    def __str__(self) -> str:
        """The code and the arguments, for developers' logs and for tests; no sentence."""
        shown = ", ".join(f"{name}={_plain(value)!r}" for name, value in self.args)
        return f"{self.code}({shown})"

    def get(self, name: str) -> Arg:
        """The argument of this name; None if there is no such argument."""
        return next((value for key, value in self.args if key == name), None)

    def inner(self, name: str) -> Reason:
        """The argument of this name if it is a reason, else NO_REASON."""
        value = self.get(name)
        return value if isinstance(value, Reason) else NO_REASON

    def walk(self) -> Iterator[Reason]:
        """This reason and all reasons among its arguments, at any depth."""
        yield self
        for _, value in self.args:
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Reason):
                    yield from each.walk()

    def quoting(self, change: Callable[[str], str]) -> Reason:
        """A copy with `change` applied to every text among the arguments, at any depth."""
        return Reason(
            self.code, tuple((name, _quoting(value, change)) for name, value in self.args)
        )

    def as_json(self) -> dict[str, Any]:
        """``{"code": …, "args": {…}}``, ready for JSON; further reasons have the same shape."""
        return {"code": self.code, "args": {name: _plain(value) for name, value in self.args}}


#: No reason is known.
NO_REASON: Final = Reason("")


def from_json(value: Any) -> Reason:
    """The reason that `Reason.as_json` wrote; NO_REASON for any other value."""
    if not isinstance(value, Mapping) or not isinstance(value.get("code"), str):
        return NO_REASON
    args = value.get("args")
    pairs = args.items() if isinstance(args, Mapping) else ()
    return Reason(value["code"], tuple(sorted((str(name), _read(arg)) for name, arg in pairs)))


def args_text(reason: Reason) -> str | None:
    """The arguments as a JSON object for the database; None without arguments."""
    if not reason.args:
        return None
    return json.dumps(reason.as_json()["args"], ensure_ascii=False, separators=(",", ":"))


def from_columns(code: str, args: str | None) -> Reason:
    """The reason that `args_text` wrote; arguments that are not a JSON object are ignored."""
    try:
        parsed = json.loads(args) if args else {}
    except ValueError:
        parsed = {}
    return from_json({"code": code, "args": parsed})


def quoted(text: str) -> Reason:
    """A reason that quotes a text from outside and has no code of its own."""
    return Reason.of(QUOTED, text=quote(text))


def quote(text: str) -> str:
    """A text from outside, safe for every database and for any reader; at most 500 characters.

    Signatures are masked, because a service may quote the signed link of a picture that it could
    not open.
    """
    clean = storable(text)
    clean = clean if len(clean) <= _LONGEST_QUOTE else clean[:_LONGEST_QUOTE] + "…"
    return _SIGNATURE.sub(r"\1********", clean)


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 lacks."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _plain(value: Arg) -> Any:
    if isinstance(value, Reason):
        return value.as_json()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _read(value: Any) -> Arg:
    if isinstance(value, Mapping):
        return from_json(value)
    if isinstance(value, list):
        return tuple(_read(item) for item in value)
    return value if isinstance(value, str | int | float | bool) else None


def _quoting(value: Arg, change: Callable[[str], str]) -> Arg:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Reason):
        return value.quoting(change)
    return tuple(_quoting(item, change) for item in value) if isinstance(value, tuple) else value
