"""A row: a name and how its place differs; this module has all rows, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.environments.place import Place


@dataclass(frozen=True)
class Row:
    """An environment."""

    group: str  # a heading of the page
    name: str
    settle: Callable[[Place], None]
    root: bool = False  # needs root's rights
    around: tuple[str, ...] = ()  # before the whole trial, the service included


ROWS: list[Row] = []


def row(
    group: str, name: str, *, root: bool = False, around: tuple[str, ...] = ()
) -> Callable[[Callable[[Place], None]], Callable[[Place], None]]:
    """Add the decorated function as a row."""

    def add(settle: Callable[[Place], None]) -> Callable[[Place], None]:
        ROWS.append(Row(group, name, settle, root, around))
        return settle

    return add


def variables(group: str, name: str, *unset: str, **values: str) -> None:
    """Add a row that only sets and unsets variables."""

    def settle(place: Place) -> None:
        place.environment |= values
        place.unset += unset

    ROWS.append(Row(group, name, settle))
