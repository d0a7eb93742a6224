"""Causes in what we stand on: settings, database, disk, store, broker, clock, bus."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

OWN_GROUND: Final = (
    message("cause.disabled.title", "Inference is switched off: ai_analysis.enable is false"),
    message(
        "frames.found_before",
        "No new frame is looked for. Found before and waiting: {waiting:count frames}",
    ),
    message("remedy.enable", "Set enable = true in [ai_analysis]; it counts within a second"),
    message(
        "cause.settings_invalid.title",
        "The settings file has a mistake: what runs goes on with the old values, and so does what "
        "`up` starts again; whatever else is started now does not start",
    ),
    message(
        "settings.defaults_used",
        "A report from the command line takes the default of a key that does not fit; for a file "
        "that is gone, emptied or no TOML it takes the last good settings, which `up` keeps in its "
        "data folder, as the other commands that read do; without them the report is that of the "
        "API",
    ),
    message(
        "remedy.correct_settings",
        "Correct it; what runs takes it within a second. This says when it is right",
    ),
    message("cause.database_down.title", "The database does not work"),
    message(
        "remedy.find_database",
        "If easyai runs already, name its settings with --config or its folder with "
        "EASYAI_DATA_DIR. Where it was never started, start it, which makes the database, or make "
        "the database alone",
    ),
    message(
        "remedy.see_database_file",
        "See which programs have the file open, and whether it can be written",
    ),
    message("remedy.see_postgresql", "See on its machine whether PostgreSQL runs"),
    message("remedy.try_database", "Try it; `db upgrade` brings an older schema to this version"),
    message("cause.data_moved.title", "The data folder was moved or deleted while easyai runs"),
    message(
        "remedy.see_open_database",
        "See where the database is that easyai has open, and what is there now",
    ),
    message(
        "remedy.put_data_folder_back",
        "Stop easyai. Where a new folder stands in the place of the old one, move it away first; "
        "then put the old folder (or a backup) there and start easyai",
    ),
    message("cause.disk_full.title", "A disk is full or nearly so"),
    message("remedy.see_disk", "See what takes the room"),
    message(
        "remedy.make_room",
        "Make room: delete old alerts with their pictures, or lower max_alerts_in_db and "
        "failed_retention_days",
    ),
    message("cause.store_down.title", "The frame store does not work: no frame is found or read"),
    message("remedy.see_store", "See whether it is there, mounted and may be written"),
    message("cause.broker_down.title", "The broker does not work: no worker is woken"),
    message(
        "remedy.see_broker",
        "See on its machine whether it runs; work goes on within seconds of its return",
    ),
    message("cause.clock_jumped.title", "The clock of this machine jumped"),
    message(
        "clock.newest_sign_ahead",
        "The newest sign of life lies {ahead_sec:span} in the future",
    ),
    message("clock.jump_noticed", "A jump was noticed at {jump_at:moment}"),
    message("remedy.see_clock", "See whether it is synchronized; inference follows by itself"),
    message(
        "cause.clock_off.title",
        "The clock of a machine is off; inference goes by the clock of the database",
    ),
    message("clock.host_ahead", "{host} is {ahead_sec:span} ahead of the database"),
    message("clock.host_behind", "{host} is {behind_sec:span} behind of the database"),
    message(
        "remedy.start_time_service",
        "Start the time service on that machine (chrony, or systemd-timesyncd)",
    ),
    # Translators: {kind} is kafka, rabbitmq or redis.
    message(
        "cause.bus_down.title",
        "Alerts do not reach the bus ({kind}); inference goes on and they are kept",
    ),
    plural(
        "bus.alerts_wait",
        "{n} alert waits for it, the oldest since {since:moment}",
        "{n} alerts wait for it, the oldest since {since:moment}",
    ),
    message(
        "remedy.see_bus",
        "See whether mq_address is right and the bus runs; what waits is sent when it is back",
    ),
)
