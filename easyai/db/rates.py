"""The SQL of rate limits: a token bucket for each task type with a limit.

The dispatching transaction reads and writes the buckets: a single transaction at a time, over all
machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, text

from easyai.domain.rate_limit import Bucket

_READ = text("""
    SELECT name, rate_tokens, rate_at FROM task_types WHERE name IN :names AND rate_at > 0
""").bindparams(bindparam("names", expanding=True))
_WRITE = text("UPDATE task_types SET rate_tokens = :tokens, rate_at = :at WHERE name = :name")


def read(conn: Connection, names: Sequence[str]) -> dict[str, Bucket]:
    """The stored buckets of these types; no entry for a type that never had a bucket."""
    rows = conn.execute(_READ, {"names": names})
    return {row[0]: Bucket(row[1] or 0.0, row[2]) for row in rows}


def write(conn: Connection, buckets: Mapping[str, Bucket]) -> None:
    """Store the buckets, in order of name."""
    rows = [
        {"name": name, "tokens": bucket.tokens, "at": bucket.at}
        for name, bucket in sorted(buckets.items())
    ]
    if rows:
        conn.execute(_WRITE, rows)
