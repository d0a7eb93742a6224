"""The SQL of system alarms: at most a single alarm of a kind and subject rings.

The trouble lasted from `began_at` to `over_at`; people were notified first at `raised_at`, last at
`told_at`; `told_at` is 0 while a mute keeps the alarm from people.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, text

from easyai.db import reasons
from easyai.domain.alarm_cause import cause_code, found_cause
from easyai.domain.reason import NO_REASON, Reason

AlarmRow = Row[Any]

#: How many of the newest alarms are searched for alarms that were over lately.
NEWEST: Final = 1000

# When a watchdog without a database raised an alarm that rings already, the earlier moment counts.
# A known cause stays when the new cause is not known.
_RAISE = text("""
    INSERT INTO alarms (kind, subject, cause, cause_code, cause_args, reason_code, reason_args,
                        began_at, raised_at, told_at)
    VALUES (:kind, :subject, :cause, :cause_code, :cause_args, :reason_code, :reason_args,
            :began_at, :raised_at, :told_at)
    ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE
       SET cause = CASE WHEN excluded.cause = '' THEN alarms.cause ELSE excluded.cause END,
           cause_code = CASE WHEN excluded.cause = '' THEN alarms.cause_code
                             ELSE excluded.cause_code END,
           cause_args = CASE WHEN excluded.cause = '' THEN alarms.cause_args
                             ELSE excluded.cause_args END,
           reason_code = excluded.reason_code, reason_args = excluded.reason_args,
           told_at = CASE WHEN excluded.told_at = 0 THEN alarms.told_at ELSE excluded.told_at END
""")
_OVER = text("""
    UPDATE alarms SET began_at = :began_at, over_at = :over_at
     WHERE kind = :kind AND subject = :subject AND over_at IS NULL
""")
_RINGING = text("""
    SELECT kind, subject, cause, cause_code, cause_args,
           coalesce(began_at, raised_at) AS began_at, raised_at, told_at
      FROM alarms
     WHERE over_at IS NULL ORDER BY raised_at, id
""")
# Read every two seconds, so never the whole history: no index has the time when alarms were over.
_SINCE = text("""
    SELECT kind, subject, cause, cause_code, cause_args,
           coalesce(began_at, raised_at) AS began_at, raised_at, over_at
      FROM (
        SELECT * FROM alarms WHERE over_at IS NULL
        UNION ALL
        SELECT * FROM (SELECT * FROM alarms ORDER BY id DESC LIMIT :most) AS newest
         WHERE over_at >= :since
      ) AS known ORDER BY raised_at, id
""")
_LATEST = text("""
    SELECT kind, subject, cause, cause_code, cause_args,
           coalesce(began_at, raised_at) AS began_at, raised_at, told_at, over_at
      FROM alarms
     ORDER BY CASE WHEN over_at IS NULL THEN 0 ELSE 1 END, raised_at DESC, id DESC LIMIT :most
""")


def record_notification(
    conn: Connection,
    kind: str,
    subject: str,
    cause: Reason,
    began_at: float,
    raised_at: float,
    notified_at: float,
    reason: Reason = NO_REASON,
) -> None:
    """Record that people were notified of an alarm, for the first time or again.

    `reason` is what they read. `notified_at` is 0 when a mute kept the alarm from people.
    """
    values = {
        "kind": kind,
        "subject": subject,
        "began_at": began_at,
        "raised_at": raised_at,
        "told_at": notified_at,
    }
    noted = reasons.columns("cause", cause)
    # The previous release compares the codes of causes.
    read = reasons.columns("reason", reason)
    values |= {name: read[name] for name in ("reason_code", "reason_args")}
    conn.execute(_RAISE, values | noted | {"cause": cause_code(cause) or noted["cause"]})


def cause_of(row: AlarmRow) -> Reason:
    """The cause of an alarm; `NO_REASON` while the cause is not known."""
    if row.cause_code is None:  # the previous release wrote the row, with a code or a text
        return found_cause(row.cause) if row.cause else NO_REASON
    return reasons.read(row, "cause")


def record_end(conn: Connection, kind: str, subject: str, began_at: float, over_at: float) -> None:
    """Record from when to when the trouble lasted, if such an alarm rings.

    Records `began_at` again, because the clock may have been set since.
    """
    values = {"kind": kind, "subject": subject, "began_at": began_at, "over_at": over_at}
    conn.execute(_OVER, values)


def ringing(conn: Connection) -> list[AlarmRow]:
    """The alarms that ring, in the order they were raised."""
    return list(conn.execute(_RINGING))


def since(conn: Connection, moment: float) -> list[AlarmRow]:
    """The alarms that ring, and alarms that were over after a moment, in the order of raising.

    Searches the newest `NEWEST` alarms for alarms that are over.
    """
    return list(conn.execute(_SINCE, {"since": moment, "most": NEWEST}))


def latest(conn: Connection, most: int) -> list[AlarmRow]:
    """The alarms that ring, then the alarms that are over, each newest first; up to `most`."""
    return list(conn.execute(_LATEST, {"most": most}))
