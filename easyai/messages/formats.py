"""Word the arguments of texts: numbers, spans, moments, names and lists.

| format | the argument | English |
|---|---|---|
| (no format) | a text, a number or a reason | unchanged; a float without needless digits |
| ``span`` | seconds | ``3 min`` |
| ``shift`` | seconds, with their sign | ``+3 min 5 s``, ``-0.3 s`` |
| ``moment`` | Unix seconds | ``2026-11-28 20:15:00``, local time |
| ``time`` | Unix seconds | ``20:15:00``, local time |
| ``names`` | texts | ``yolo_7901..7912, tripwire`` |
| ``size`` | bytes | ``1.4 GB`` |
| ``list`` | reasons or texts | joined by commas |
| ``clauses`` | reasons or texts | joined by commas, as parts of a sentence |
| ``sentences`` | reasons or texts | joined by semicolons |
| ``paragraph`` | reasons or texts | joined by full stops, each without its own |
| ``bars``, ``lines`` | reasons or texts | joined by vertical bars, by line breaks |
| ``capital`` | a reason or text | with a capital first letter |
| ``count CODE`` | a number | the template of the code, with the number as its `n` |
| ``word PREFIX`` | a name, or a list | the template ``PREFIX.name``, if it exists |

Any other format is Python's own, such as ``.1f``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from string import Formatter
from typing import Any, Final

from easyai.domain.reason import Arg, Reason
from easyai.messages.wording import moment, names, size, time_of_day

#: The seconds below which a span has this unit, the seconds of the unit, and its code.
_SPANS: Final = (
    (120, 1, "span.seconds"),
    (7200, 60, "span.minutes"),
    (172_800, 3600, "span.hours"),
    (math.inf, 86_400, "span.days"),
)

Translate = Callable[[Reason], str]


class ArgFormatter(Formatter):
    """Puts arguments into a template; `translate` words the reasons among them."""

    def __init__(self, translate: Translate, has: Callable[[str], bool]) -> None:
        """`has` returns whether a code has a template."""
        self._translate, self._has = translate, has

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        """The argument of that name; None, shown as an empty text, if a stored reason lacks it."""
        return kwargs.get(key)

    def format_field(self, value: Any, format_spec: str) -> str:
        """An argument in words."""
        kind, _, more = format_spec.partition(" ")
        match kind:
            case "span":
                return self.span(value)
            case "shift":
                return ("-" if _number(value) < 0 else "+") + self._exact(abs(_number(value)))
            case "moment":
                return moment(_number(value))
            case "time":
                return time_of_day(_number(value))
            case "names":
                return names(value if isinstance(value, tuple) else (str(value),))
            case "size":
                return size(_number(value))
            case "list" | "clauses" | "sentences" | "paragraph" | "bars" | "lines":
                return self._joined(kind, map(self._plain, _parts(value)))
            case "capital":
                shown = self._plain(value)
                return shown[:1].upper() + shown[1:]
            case "count":
                return self._translate(Reason.of(more, n=value))
            case "word":
                return self._joined("list", (self._word(more, part) for part in _parts(value)))
        if not format_spec or value is None:
            return self._plain(value)
        try:
            return format(value, format_spec)
        except (TypeError, ValueError):  # another release may have stored another type
            return self._plain(value)

    def span(self, seconds: Arg) -> str:
        """A duration in words."""
        left = max(0.0, _number(seconds))
        at = next(index for index, (limit, _, _) in enumerate(_SPANS) if left < limit)
        return self._translate(_span(round(left / _SPANS[at][1]), at))

    def _exact(self, seconds: float) -> str:
        """A duration in words, in its two largest units; to a tenth below ten seconds."""
        at = next(index for index, (limit, _, _) in enumerate(_SPANS) if seconds < limit)
        if at == 0:
            return self._translate(_span(round(seconds, 1) if seconds < 10 else round(seconds), 0))
        unit, smaller = _SPANS[at][1], _SPANS[at - 1][1]
        whole, rest = divmod(round(seconds / smaller) * smaller, unit)
        parts = (_span(whole, at), _span(rest // smaller, at - 1))
        return " ".join(self._translate(part) for part in parts if part.get("n"))

    def _joined(self, kind: str, parts: Iterable[str]) -> str:
        joint = self._translate(Reason(f"joint.{kind}"))
        if kind == "paragraph":
            parts = (part.rstrip(joint.strip()) for part in parts)
        return joint.join(filter(None, parts))

    def _word(self, prefix: str, name: Arg) -> str:
        code = f"{prefix}.{name}"
        return self._translate(Reason(code)) if self._has(code) else self._plain(name)

    def _plain(self, value: Arg) -> str:
        match value:
            case None:
                return ""
            case Reason():
                return self._translate(value)
            case bool():
                return str(value).lower()
            case float():
                return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
            case tuple():
                return names(str(part) for part in value)
        return str(value)


def _span(number: float, at: int) -> Reason:
    return Reason.of(_SPANS[at][2], n=number)


def _parts(value: Arg) -> tuple[Arg, ...]:
    return value if isinstance(value, tuple) else (value,)


def _number(value: Arg) -> float:
    """The argument as a finite number; 0 where it is none."""
    number = float(value) if isinstance(value, int | float) else 0.0
    return number if math.isfinite(number) else 0.0
