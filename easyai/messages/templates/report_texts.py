"""The report of a diagnosis around symptom and causes, and the commands about it."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

REPORT: Final = (
    message("report.title", "Diagnosis of inference {now:moment}"),
    message("report.symptom", "Symptom"),
    message("report.causes", "Root causes"),
    message("report.no_cause", "None found. The checks below that fail are where to look"),
    message("report.evidence", "Evidence"),
    message("report.remedies", "What to do"),
    message("report.services", "Services"),
    message("report.timeline", "Timeline"),
    message("report.no_events", "No change of state is remembered"),
    message("report.recovered", "Already recovered"),
    message("report.ringing", "Alarms ringing"),
    message("report.checks", "Checks"),
    message("report.afterwards", "Afterwards"),
    message(
        "report.afterwards_text",
        "Inference goes on by itself within seconds once the cause is gone. See that it does:",
    ),
    message("report.ok", "ok"),
    message("report.not_ok", "NOT OK"),
    # Translators: the heads of the columns of three tables, between bars.
    message(
        "report.waiting_columns",
        "task type|pending|parked|in flight|failed|oldest waits since|last success",
    ),
    message(
        "report.service_columns",
        "services|state|reason|last heartbeat|probe|breaker|last failure",
    ),
    message("report.check_columns", "check|state|detail"),
    plural(
        "report.further_types",
        "… and {n} further task type not well: {waiting:count frames} waiting, {failed} failed",
        "… and {n} further task types not well: {waiting:count frames} waiting, {failed} failed",
    ),
    plural("report.well_services", "{n:count services} is well", "{n:count services} are well"),
    plural(
        "report.further_services",
        "… and {n} further service not well",
        "… and {n} further services not well",
    ),
    plural("report.passing_checks", "{n} check passes", "{n} checks pass"),
    # Translators: an alarm, after when it began and ended; `count` is such as "3 × ". People got
    # its message at `told_at`.
    message(
        "report.alarm",
        "({lasted_sec:span}) {count}{kind:word kind}{subjects}{cause}; told at {told_at:time}",
    ),
    message("report.alarm_cause", ": {cause}"),
    message("report.parts", "easyai {version}. {database}"),
    # Translators: the last line of a report that all is well.
    message("report.well_parts", "{line}. {parts}"),
    # Translators: `what` is one of the four below.
    message("report.store_ignores", "Object store: it does not keep to {condition}; {what}."),
    message(
        "report.ignored_copy",
        "a picture that a camera replaces within the same milliseconds may lie beside the alert of "
        "the one before",
    ),
    message(
        "report.ignored_delete",
        "a picture that a camera writes under the same name within the milliseconds between look "
        "and deletion is deleted unseen: give each picture a name of its own",
    ),
    message(
        "report.ignored_target",
        "a picture that another program writes under the name of an alert within the same "
        "milliseconds is overwritten",
    ),
    message(
        "report.ignored_put",
        "of two installations that start on this bucket within the same milliseconds both may take "
        "it",
    ),
    # Translators: the command `diagnose`; append " --lang" and the code of your language.
    message("report.command", "{command}"),
    # Translators: the first text of several alike, and the last one.
    message("timeline.first_to_last", "{first} … {last}"),
    message("timeline.alarm", "{kinds:word kind}{subjects}{cause}"),
    # Translators: these two are parts of the line above.
    message("timeline.alarm_subjects", " {names:names}"),
    message("timeline.alarm_cause", " ({cause})"),
    message("short.well", "{first}: {second}"),
    message("short.cause", "{number}. {cause}"),
    message("short.remedy", "   {remedy}"),
    message("short.remedy_command", "   {remedy}: {command}"),
    message("short.check", "{name:word check}: NOT OK: {why}"),
    message(
        "short.task_type",
        "{task_type}: {waiting:count frames} waiting{oldest}, {failed} failed, {success}",
    ),
    # Translators: these two are parts of the line above.
    message("short.oldest", " for up to {waited_sec:span}"),
    message("short.last_success", "last success {at:moment}"),
    message("short.whole", "The whole report: {command}"),
    message("library.postgresql", "Database: PostgreSQL."),
    message(
        "library.sqlite",
        "Database: SQLite {version}{race}; writers and checkpoints of all processes take turns by "
        "{guard}.",
    ),
    # Translators: part of the line above.
    message("library.race", " (this release has the WAL-reset race)"),
    message(
        "diagnose.settings_unreadable",
        "Whether inference goes on cannot be told: where the database is stands in these settings. "
        "What runs goes on with those it has read, and so does what `up` starts again; "
        "whatever else is started now does not start. "
        "Correct them until `{check}` finds nothing wrong, then ask again. To look before that, "
        "set EASYAI_DATA_DIR to the data folder of `up`, or EASYAI_DATABASE_URL",
    ),
    message("alarm_trial.title", "easyai: test alarm"),
    message(
        "alarm_trial.body",
        "This is a test: alarms of easyai reach you this way. Nothing is wrong.",
    ),
)
