"""Errors where no further reason is known (`easyai.errors`)."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

ERRORS: Final = (
    message("error.too_many_requests", "Too many requests of one kind; try again later."),
    message(
        "error.store_unavailable", "The frame store does not answer; frames wait until it does."
    ),
    message(
        "error.store_claimed",
        "The frame store is used by another installation; the command `claim` shows which.",
    ),
    message("error.broker_unavailable", "The broker does not answer; frames wait until it does."),
    message(
        "error.bus_unavailable",
        "The message bus does not take alerts; they wait in the table until it does.",
    ),
    message(
        "error.live_state", "The state could not be read; the log of the server has the details."
    ),
    message(
        "error.database_unavailable", "The database does not answer; work goes on when it does."
    ),
    message(
        "error.database_damaged",
        "The database file is damaged; docs/recovery.md shows how to save its contents.",
    ),
    message(
        "error.schema_missing",
        "The database does not have the tables of this version; run: easyai db upgrade",
    ),
    message(
        "error.database_missing",
        "The database file is missing: put it back, or make a new database: easyai db upgrade",
    ),
    message(
        "error.transaction_conflict",
        "Another worker changed the same rows meanwhile; the transaction is to be run again.",
    ),
)
