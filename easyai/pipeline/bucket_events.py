"""Events of an object store as its servers send them: the keys of new objects in our bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

_CREATED = ("s3:ObjectCreated:", "ObjectCreated:")  # MinIO and AWS
#: Records in a message; AWS sends one, MinIO up to its batch size.
MOST_RECORDS = 1000


@dataclass(slots=True)
class NamedObjects:
    """What a message names."""

    keys: list[str] = field(default_factory=list)  # of our bucket
    elsewhere: dict[str, str] = field(default_factory=dict)  # keys of other buckets, with theirs
    ignored: int = 0  # records of other kinds, such as deletions


def read_events(message: Any, bucket: str) -> NamedObjects:
    """The objects that a message names; what is not understood is counted and ignored.

    A message is an object with `Records`, or, in a list of Redis, a list of objects with `Event`.
    """
    named = NamedObjects()
    for record in _records(message):
        found = _created(record)
        if found is None:
            named.ignored += 1
        elif found[0] == bucket:
            named.keys.append(found[1])
        else:
            named.elsewhere[found[1]] = found[0]
    return named


def _records(message: Any) -> Iterator[Any]:
    lists = [(message, "Records")]
    if isinstance(message, list):
        lists = [(entry, "Event") for entry in message]
    for entry, name in lists:
        records = entry.get(name) if isinstance(entry, Mapping) else None
        yield from records if isinstance(records, list) else ()


def _created(record: Any) -> tuple[str, str] | None:
    """Bucket and key of a record that names a new object; None for any other record."""
    if not isinstance(record, Mapping) or not str(record.get("eventName")).startswith(_CREATED):
        return None
    names = list(_names(record))
    return (names[0], unquote_plus(names[1])) if len(names) == 2 else None


def _names(record: Mapping[str, Any]) -> Iterator[str]:
    s3 = record.get("s3")
    for part, name in (("bucket", "name"), ("object", "key")):
        value = s3.get(part) if isinstance(s3, Mapping) else None
        value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value:
            yield value
