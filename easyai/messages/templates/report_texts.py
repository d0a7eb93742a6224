"""The report of a diagnosis around symptom and causes, and the commands about it."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

REPORT: Final = (
    message("report.title", "Diagnosis of inference {now:moment}"),
    message("report.symptom", "Symptom"),
    message("report.causes", "Root causes"),
    message("report.remarks", "Remarks"),
    message("report.no_cause", "No cause found. Look at the checks below that fail"),
    message("report.evidence", "Evidence"),
    message("report.remedies", "What to do"),
    message("report.services", "Services"),
    message("report.timeline", "Timeline"),
    message("report.no_events", "No change of state is recorded"),
    message("report.recovered", "Already recovered"),
    message("report.ringing", "Alarms ringing"),
    message("report.checks", "Checks"),
    message("report.afterwards", "Afterwards"),
    message(
        "report.afterwards_text",
        "Inference goes on by itself within seconds once the cause is gone. Check that it does:",
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
        "({lasted_sec:span}) {count}{kind:word kind}{subjects}{cause}; notified at {told_at:time}",
    ),
    message("report.alarm_cause", ": {cause}"),
    message("report.parts", "easyai {version}. {database}"),
    # Translators: the last line of a report that all is well.
    message("report.well_parts", "{line}. {parts}"),
    # Translators: `what` is one of the four texts below.
    message("report.store_ignores", "Object store: it ignores {condition}; {what}."),
    message(
        "report.ignored_copy",
        "a picture that a camera replaces within the same milliseconds may be kept with the "
        "alert of the picture before",
    ),
    message(
        "report.ignored_delete",
        "a picture that a camera writes under the same name within the milliseconds between "
        "check and deletion is deleted without inference: give each picture a name of its own",
    ),
    message(
        "report.ignored_target",
        "a picture that another program writes under the name of an alert within the same "
        "milliseconds is overwritten",
    ),
    message(
        "report.ignored_put",
        "two installations that start on this bucket within the same milliseconds may both take it",
    ),
    # Translators: the command `diagnose`; append " --lang" and the code of your language.
    message("report.command", "{command}"),
    # Translators: the first and the last of several similar texts.
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
        "It is unknown whether inference goes on: these settings hold the address of the "
        "database. Running processes, and processes that `up` restarts, go on with the "
        "settings they have read; any other process that is started now does not start. "
        "Correct the settings until `{check}` finds nothing wrong, then run the diagnosis "
        "again. To run it before that, set EASYAI_DATA_DIR to the data folder of `up`, or "
        "EASYAI_DATABASE_URL",
    ),
    message("alarm_trial.title", "easyai: test alarm"),
    message(
        "alarm_trial.body",
        "This is a test: alarms of easyai reach you this way. Nothing is wrong.",
    ),
    # Translators: what became of the test alarm on a channel.
    message("alarm_trial.in_log", "here on stderr; alarms are in the log of the watchdog"),
    message("alarm_trial.in_table", "alert {id}, task_id system"),
    message("alarm_trial.not_in_table", "not sent: the alarm could not be written to the table"),
    message("alarm_trial.no_bus", "ai_analysis.mq_type is none"),
    message("alarm_trial.no_address", "ai_analysis.mq_address is not set"),
    message("alarm_trial.acknowledged", "{bus} acknowledged it"),
    message("alarm_trial.refused", "the bus refused it"),
    plural(
        "alarm_trial.not_acknowledged",
        "not acknowledged within {within_sec:span}; {n} alert waits",
        "not acknowledged within {within_sec:span}; {n} alerts wait",
    ),
    message("alarm_trial.no_people", "ai_analysis.notify_urls is empty"),
    message("alarm_trial.people_took", "all notify_urls took it ({number})"),
)
