"""Why the database does not work."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

DATABASE: Final = (
    # Translators: {error} is always the words of the driver or the operating system.
    message("database.no_answer", "the database does not answer: {error}"),
    # Translators: as the text above; another program holds the lock of the file.
    message("database.locked", "the database does not answer: {error}"),
    # Translators: as the text above; the disk is full.
    message("database.disk_full", "the database does not answer: {error}"),
    message("database.not_answering", "it does not answer"),
    # Translators: the watchdog sees it.
    message("database.silent", "the database has not answered for {silent_sec:span}"),
    message(
        "database.unreadable",
        "the rows of the database cannot be read for {silent_sec:span} (see the watchdog's log)",
    ),
    message("database.no_free_connection", "no free database connection: {error}"),
    message(
        "database.damaged",
        "the database file is damaged ({error}); nothing is deleted and frames wait: "
        "docs/recovery.md shows how to save its contents",
    ),
    message(
        "database.user_refused",
        "the database refuses its user: {error}; docs/databases.md lists the rights that easyai "
        "needs",
    ),
    message(
        "database.options_refused",
        "the pooler in front of the database refuses the options of easyai.database_url: "
        "remove ?options= from it and set the same options for the role, for example ALTER "
        "ROLE app SET search_path = site (docs/databases.md)",
    ),
    # Translators: {path} is a lock file beside the database.
    message(
        "database.guard_held",
        "the database does not answer: it is locked, other processes have been writing for "
        "{held_sec:.1f} s ({path})",
    ),
    message(
        "database.guard_forbidden",
        "the database does not answer: no permission to open {path}; run this as the user who "
        "runs easyai, or give this user the right to the file and its folder",
    ),
    message(
        "database.guard_unusable",
        "the database does not answer: {path} cannot be locked ({error}); its folder must be on a "
        "local disk and writable",
    ),
    # Translators: as the text above; the disk is full.
    message(
        "database.guard_no_room",
        "the database does not answer: {path} cannot be locked ({error}); its folder must be on a "
        "local disk and writable",
    ),
    message("database.file_unseen", "the database does not answer: {path}: {error}"),
    message(
        "database.missing",
        "no database at {path}: put it back where it was; `db upgrade` makes a new one",
    ),
    message("database.none_at", "no database at {path}"),
    # Translators: revisions of the tables; {command} brings them up to date.
    message(
        "database.older_revision",
        "the database is at revision {found}, this version needs {newest}: run `{command}`",
    ),
    message(
        "database.newer_revision",
        "the database is at revision {found}, made by a later version of easyai; this version "
        "knows up to {newest}",
    ),
    message(
        "database.newer_revision_found",
        "the database is at revision {found}, made by a later version of easyai; this version "
        "knows up to {newest}. Start the later version again, or stop it and take the database "
        "back with its own `db downgrade {newest}`",
    ),
    message(
        "database.no_older_revision",
        "revision: {target} is not older than the revision of the database, {found}; choose "
        "one of {older:list}",
    ),
    message("database.no_place", "easyai.database_url: {path} cannot be created: {error}"),
    message(
        "database.nothing_known",
        "The state of frames, services and processes is unknown while the database does not "
        "answer; nothing is lost, answers under way are settled when the database is back",
    ),
    message(
        "database.can_be_read",
        "The database can be read; another program holds its lock for writing",
    ),
    # Translators: {remedy} is database.upgrade_hint, {error} are the words of the driver.
    message(
        "database.lacks_tables",
        "the database does not have the tables of this version ({error}); {remedy}",
    ),
    message(
        "database.not_made",
        "no database at {path}; {remedy}. If easyai runs already, name its settings with --config "
        "(EASYAI_CONFIG) or its folder with EASYAI_DATA_DIR",
    ),
    message("database.upgrade_hint", "run `{upgrade}` once, or start everything with `{up}`"),
    message(
        "database.forbidden",
        "no permission to read and write the database {path}; run the command as the user who "
        "runs easyai, or give this user the right to the file and its folder",
    ),
    message(
        "database.of_another",
        "easyai runs at {url}, but no database is at {path}: this command has other settings than "
        "the running easyai, or the data folder was moved or deleted. Name the settings file with "
        "--config (EASYAI_CONFIG) or the data folder with EASYAI_DATA_DIR; the user who started "
        "easyai needs neither",
    ),
)
