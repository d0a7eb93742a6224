"""What the newest frames of the ledger say of each service: failures and the last success."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import reasons
from easyai.domain.reason import NO_REASON, Reason

#: So many of the newest frames are looked at: the ledger may hold millions.
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
    """Of one service; times are Unix seconds, 0 for never."""

    failures: int = 0  # frames whose last call there failed or was refused
    succeeded_at: float = 0.0
    since_success: int = 0  # those of the failures that came after the last success
    reason: Reason = NO_REASON  # of the newest of them


def by_service(conn: Connection) -> dict[int, Results]:
    """The results of each service, by its pk, among the newest frames."""
    found = {}
    for pk, failures, succeeded_at, failed_at in list(
        conn.execute(_BY_SERVICE, {"newest": NEWEST})
    ):
        if pk is None:
            continue
        since, reason = 0, NO_REASON
        if failed_at > succeeded_at:
            values = {"newest": NEWEST, "pk": pk, "succeeded_at": succeeded_at}
            # None: PostgreSQL shows what was committed meanwhile, such as that it is sent again.
            row = conn.execute(_SINCE, values).one_or_none()
            if row is not None:
                since, reason = int(row.number), reasons.read(row, "reason")
        found[int(pk)] = Results(int(failures), float(succeeded_at), since, reason)
    return found
