"""Why a backup or its restoration cannot be done."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

BACKUP: Final = (
    message("backup.exists", "{path}: is there already; name another file, or a folder"),
    message("backup.failed", "{path}: {error}; no file of that name was made or changed"),
    message("backup.unreadable", "{path}: {error}"),
    message("backup.not_made", "{path}: {error}; no file of that name was made"),
    message(
        "backup.other_revision",
        "the database is at revision {found}, this version needs {newest}; bring it there first: "
        "db upgrade",
    ),
    message(
        "backup.database_damaged",
        "the database file is damaged ({problem}); docs/recovery.md shows how to save its "
        "contents. No backup was made",
    ),
    # Translators: {why} is one of the next texts, or words of a library.
    message(
        "archive.damaged",
        "{path}: not a whole backup, {why}; copy it again, or take another backup. Nothing "
        "was changed",
    ),
    message("archive.checksum", "its checksum is wrong"),
    message("archive.not_plain", "its member {member} is no plain file"),
    message("archive.manifest_unreadable", "its manifest cannot be read"),
    message("archive.cut", "its end, the manifest, is missing"),
    message(
        "archive.later_version",
        "{path}: made by a later version of easyai ({version}); restore it with that or a later "
        "version",
    ),
    message(
        "restore.at_work",
        "easyai is running, or ended less than 30 s ago ({names:list}): stop it first. Nothing was "
        "changed",
    ),
    message("restore.unknown_table", "the backup has a table {table}, which its revision has not"),
    message(
        "restore.unknown_columns", "the backup has columns of {table} which its revision has not"
    ),
    message("restore.no_settings", "{path}: the backup has no settings file, only variables had"),
    message(
        "restore.settings_exist",
        "{path}: is there already; name another file, or restore by this file: --config {path}",
    ),
    message("restore.unwritable", "{path}: {error}"),
    message(
        "restore.later_revision",
        "the backup is of revision {revision}, made by easyai {version}; this version knows up to "
        "{newest}. Restore it with that or a later version. Nothing was changed",
    ),
    message(
        "restore.other_setting",
        '{key}: "{here}" here, "{backed_up}" in the backup; set it to that',
    ),
    message(
        "restore.folder_of_another",
        "frame_extractor.output_dir: this folder is used by another installation (host {host}, "
        "data folder {data_folder}); name another folder, or remove {claim} in it when that "
        "installation is no more",
    ),
    # Translators: {where} is a file, or the next text.
    message(
        "restore.not_empty",
        "{where}: has frames, alerts or services already; make a backup of it, then add --replace, "
        "or name another database",
    ),
    message("restore.postgresql", "the PostgreSQL database"),
    message(
        "restore.not_in_place",
        "{path}: the restored database cannot be put there: {error}; the earlier database is "
        "{path} or {kept}",
    ),
    # Translators: {why} is the next text, or why the store refuses the name.
    message(
        "restore.picture_refused", "the backup has a picture that is not put back: {member}: {why}"
    ),
    message("restore.no_picture_name", "no picture has such a name"),
    message("restore.rows_missing", "the backup has not the rows that its manifest counts"),
    message("restore.no_rows", "the backup has no {member}"),
    message(
        "restore.alert_id_given",
        "--next-alert-id: {number} was given already, the backup goes up to {last}",
    ),
)
