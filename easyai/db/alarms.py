"""The SQL of system alarms: at most one of a kind and subject rings.

The trouble lasted from `began_at` to `over_at`; people were notified first at `raised_at`, last at
`told_at`.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, text

from easyai.db import reasons
from easyai.domain.alarm_cause import cause_code, found_cause
from easyai.domain.reason import NO_REASON, Reason

AlarmRow = Row[Any]

#: Alarms looked at for what was over lately.
NEWEST: Final = 1000

# One that rings already was raised by a watchdog without a database: the earlier moment counts.
# What was known of its cause stays true when nothing more is known.
_RAISE = text("""
    INSERT INTO alarms (kind, subject, cause, cause_code, cause_args,
                        began_at, raised_at, told_at)
    VALUES (:kind, :subject, :cause, :cause_code, :cause_args, :began_at, :raised_at, :told_at)
    ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE
       SET cause = CASE WHEN excluded.cause = '' THEN alarms.cause ELSE excluded.cause END,
           cause_code = CASE WHEN excluded.cause = '' THEN alarms.cause_code
                             ELSE excluded.cause_code END,
           cause_args = CASE WHEN excluded.cause = '' THEN alarms.cause_args
                             ELSE excluded.cause_args END,
           told_at = excluded.told_at
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
# Read every two seconds, so never the whole history: no index tells when alarms were over.
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


def notified(
    conn: Connection,
    kind: str,
    subject: str,
    cause: Reason,
    began_at: float,
    raised_at: float,
    notified_at: float,
) -> None:
    """Note that people were notified of an alarm, for the first time or again."""
    values = {
        "kind": kind,
        "subject": subject,
        "began_at": began_at,
        "raised_at": raised_at,
        "told_at": notified_at,
    }
    noted = reasons.columns("cause", cause)
    # The release before compares the codes of causes.
    conn.execute(_RAISE, values | noted | {"cause": cause_code(cause) or noted["cause"]})


def cause_of(row: AlarmRow) -> Reason:
    """The cause of an alarm; no reason while it is not known."""
    if row.cause_code is None:  # the release before noted it, by its code or in words
        return found_cause(row.cause) if row.cause else NO_REASON
    return reasons.read(row, "cause")


def over(conn: Connection, kind: str, subject: str, began_at: float, over_at: float) -> None:
    """Note from when to when the trouble lasted; nothing happens when no such alarm rings.

    The beginning again: the clock may have been set since.
    """
    values = {"kind": kind, "subject": subject, "began_at": began_at, "over_at": over_at}
    conn.execute(_OVER, values)


def ringing(conn: Connection) -> list[AlarmRow]:
    """The alarms that ring, in the order they were raised."""
    return list(conn.execute(_RINGING))


def since(conn: Connection, moment: float) -> list[AlarmRow]:
    """The alarms that ring, and those that were over after a moment, in the order of raising.

    Of those that are over, the newest `NEWEST` are looked at.
    """
    return list(conn.execute(_SINCE, {"since": moment, "most": NEWEST}))


def latest(conn: Connection, most: int) -> list[AlarmRow]:
    """The alarms that ring, then those that are over, each the newest first; up to `most`."""
    return list(conn.execute(_LATEST, {"most": most}))
