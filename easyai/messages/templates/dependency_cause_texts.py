"""Causes in the ground of easyai: settings, database, disk, store, broker, clock, bus."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

DEPENDENCY_CAUSES: Final = (
    message("cause.disabled.title", "Inference is switched off: ai_analysis.enable is false"),
    message(
        "frames.found_before",
        "easyai looks for no new frames. Frames found before that still wait: {waiting:count "
        "frames}",
    ),
    message("remedy.enable", "Set enable = true in [ai_analysis]; it takes effect within a second"),
    message(
        "cause.settings_invalid.title",
        "The settings file has a mistake: running processes, and processes that `up` "
        "restarts, go on with the old values; any other process that is started now does not "
        "start",
    ),
    message(
        "settings.defaults_used",
        "A report from the command line uses the default of a key whose value does not fit. "
        "If the file is missing, emptied or no TOML, the report uses the last good settings, "
        "which `up` keeps in its data folder; other commands that only read do the same. "
        "Without last good settings, the report comes from the API",
    ),
    message(
        "remedy.correct_settings",
        "Correct the file; running processes take it within a second. This command shows "
        "whether the file is valid",
    ),
    message("cause.database_down.title", "The database does not work"),
    message(
        "remedy.find_database",
        "If easyai runs already, name its settings with --config or its folder with "
        "EASYAI_DATA_DIR. If it was never started, start it, which makes the database, or "
        "make only the database",
    ),
    message(
        "remedy.see_database_file",
        "See which programs have the file open, and whether it can be written",
    ),
    message("remedy.see_postgresql", "See on its machine whether PostgreSQL runs"),
    message(
        "remedy.try_database",
        "Try the database; `db upgrade` brings an older schema to this version",
    ),
    message("cause.data_moved.title", "The data folder was moved or deleted while easyai runs"),
    message(
        "remedy.see_open_database",
        "See which database file easyai has open, and which file is there now",
    ),
    message(
        "remedy.put_data_folder_back",
        "Stop easyai. If a new folder stands in the place of the old folder, move the new "
        "folder away first; then put the old folder (or a backup) there and start easyai",
    ),
    message("cause.disk_full.title", "A disk is full or nearly so"),
    message("remedy.see_disk", "See which files fill the disk"),
    message(
        "remedy.make_room",
        "Make room: delete old alerts with their pictures, or lower max_alerts_in_db and "
        "failed_retention_days",
    ),
    message("cause.store_down.title", "The frame store does not work: no frame is found or read"),
    message("remedy.see_store", "See whether the store is there, is mounted and can be written"),
    message("cause.broker_down.title", "The broker does not work: no worker is woken"),
    message(
        "remedy.see_broker",
        "See on the broker's machine whether it runs; work goes on within seconds once the "
        "broker is back",
    ),
    message("cause.clock_jumped.title", "The clock of this machine jumped"),
    message(
        "clock.newest_sign_ahead",
        "The newest sign of life lies {ahead_sec:span} in the future",
    ),
    message("clock.jump_noticed", "A jump was noticed at {jump_at:moment}"),
    message(
        "remedy.see_clock", "See whether the clock is synchronized; inference recovers by itself"
    ),
    message(
        "cause.clock_off.title",
        "The clock of a machine is off; inference goes by the clock of the database",
    ),
    message("clock.host_ahead", "{host} is {ahead_sec:span} ahead of the database"),
    message("clock.host_behind", "{host} is {behind_sec:span} behind the database"),
    message(
        "remedy.start_time_service",
        "Start the time service on that machine (chrony, or systemd-timesyncd)",
    ),
    # Translators: {kind} is kafka, rabbitmq or redis.
    message(
        "cause.bus_down.title",
        "Alerts do not reach the bus ({kind}); inference goes on and the alerts are kept",
    ),
    plural(
        "bus.alerts_wait",
        "{n} alert waits for the bus, the oldest since {since:moment}",
        "{n} alerts wait for the bus, the oldest since {since:moment}",
    ),
    message(
        "remedy.see_bus",
        "See whether mq_address is right and the bus runs; waiting alerts are sent when the "
        "bus is back",
    ),
)
