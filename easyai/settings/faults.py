"""Faults of settings as reasons: the place, then the problem and, where it is known, the remedy.

Every text is quoted: a path or a key may hold characters that no database takes.
"""

from __future__ import annotations

from pathlib import Path

from easyai.domain.reason import Reason, quote, quoted


def in_file(path: Path | None, *faults: Reason) -> Reason:
    """Faults of the settings file; None: of variables, which are named by their keys."""
    if path is None:
        return Reason.of("settings.faults", faults=faults).quoting(quote)
    return Reason.of("settings.file", path=str(path), faults=faults).quoting(quote)


def of_variable(variable: str, *faults: Reason) -> Reason:
    """Faults of the value of a variable."""
    return Reason.of("settings.variable", variable=variable, faults=faults).quoting(quote)


def of_key(key: str, *faults: Reason) -> Reason:
    """Faults of the value of a key, which is spelled as in TOML."""
    return Reason.of("settings.key", key=key, faults=faults).quoting(quote)


def use(example: str, *more: str) -> Reason:
    """The remedy that names a value, or two, to use instead."""
    if more:
        return Reason.of("settings.use_either", first=example, second=more[0])
    return Reason.of("settings.use", example=example)


def why(error: ValueError) -> Reason:
    """The reason in the error of a value's check; the text of a library is quoted."""
    reason = error.args[0] if error.args else None
    return reason if isinstance(reason, Reason) else quoted(str(error))
