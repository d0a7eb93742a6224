"""Failures and the last success of each service, from the newest frames of the ledger."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import reasons
from easyai.domain.reason import NO_REASON, Reason

#: How many of the newest frames are read: the ledger may have millions.
NEWEST: Final = 20_000
_BY_SERVICE: Final = text("""
    SELECT CASE WHEN state = 'pending' THEN avoid_service ELSE service_pk END AS pk,
           sum(CASE WHEN state = 'done' THEN 0 ELSE 1 END) AS failures,
           max(CASE WHEN state = 'done' THEN settled_at ELSE 0 END) AS succeeded_at,
           max(CASE WHEN state = 'done' THEN 0
                    WHEN state = 'failed' THEN settled_at ELSE last_failure_at END) AS failed_at
      FROM frames
     WHERE id > (SELECT coalesce(max(id), 0) FROM frames) - :newest
       AND (state IN ('done', 'failed') OR (state = 'pending' AND last_failure_at > 0))
     GROUP BY 1
""")
_SINCE: Final = text("""
    SELECT reason, reason_code, reason_args, count(*) OVER () AS number
      FROM (SELECT id, reason, reason_code, reason_args,
                   CASE WHEN state = 'failed' THEN settled_at ELSE last_failure_at END AS at
              FROM frames
             WHERE id > (SELECT coalesce(max(id), 0) FROM frames) - :newest
               AND ((state = 'failed' AND service_pk = :pk)
                    OR (state = 'pending' AND avoid_service = :pk AND last_failure_at > 0))) AS own
     WHERE at > :succeeded_at ORDER BY at DESC, id DESC LIMIT 1
""")


class Results(NamedTuple):
    """The results of a service; times are Unix seconds, 0 for never."""

    failures: int = 0  # frames whose last call to the service failed or was refused
    succeeded_at: float = 0.0
    since_success: int = 0  # failures after the last success
    reason: Reason = NO_REASON  # of the newest failure after the last success


def by_service(conn: Connection) -> dict[int, Results]:
    """The results of each service, by its pk, among the newest frames."""
    results = {}
    for pk, failures, succeeded_at, failed_at in list(
        conn.execute(_BY_SERVICE, {"newest": NEWEST})
    ):
        if pk is None:
            continue
        since, reason = 0, NO_REASON
        if failed_at > succeeded_at:
            values = {"newest": NEWEST, "pk": pk, "succeeded_at": succeeded_at}
            # None: PostgreSQL shows later commits too; the failed frame may have been sent again.
            row = conn.execute(_SINCE, values).one_or_none()
            if row is not None:
                since, reason = int(row.number), reasons.read(row, "reason")
        results[int(pk)] = Results(int(failures), float(succeeded_at), since, reason)
    return results
