"""Findings of checks, except the checks of the database, the broker and the bus."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

CHECKS: Final = (
    message("check.no_answer", "no answer within {waited_sec:.1f} s"),
    # Translators: an error that nobody foresaw; {error} is its name in Python.
    message("check.broken", "{error}: {why}"),
    message("check.not_known", "not known while the database does not answer"),
    message(
        "data_folder.moved",
        "{place}: it was moved, deleted or replaced while easyai runs; all data written from "
        "now on is lost at the next restart. Stop easyai, move away any new folder that "
        "stands in its place, put the old folder (or a backup) there, then start easyai",
    ),
    message(
        "disk.no_inodes",
        "no inodes are left on the disk of {folder}, even if it has free space (`df -i "
        "{folder}`): delete small files",
    ),
    message(
        "disk.full",
        "{free_gb:.1f} GB ({free_percent:.1f} %) free on the disk of {folder}, less than "
        "{least_percent} % (disk_min_free_percent)",
    ),
    # Translators: a link to a picture, tried from here; {where} is its server.
    message("pictures.link_fails", "{where}: {why}"),
    message("pictures.timed_out", "no answer within {within_sec} s"),
    message(
        "pictures.signature_refused",
        "our signature is refused: the other side has another secret_key, or a clock is wrong",
    ),
    message(
        "pictures.another_program",
        "another program answers there; set easyai.public_url to this server's address",
    ),
    message("pictures.status", "status {status}"),
    message("worker.none_works", "no worker shows that it works"),
    message("worker.scan_late", "no scan has ended for {late_sec:span}"),
    message("beat.none_leads", "no beat leads: nothing starts scans and sweeps"),
    message("api.none_works", "no API shows that it works"),
    message("watchdog.none_works", "no watchdog runs: nobody would be alerted"),
    message("services.none_for_types", "no algorithm for task type: {task_types:names}"),
    message("services.none_registered", "no service is registered"),
    message("services.offline", "offline: {service_ids:names}"),
    message("breakers.open", "calls fail, breaker open: {service_ids:names}"),
    message("queue.too_long", "{waiting:count frames} waiting, max_queue_size = {limit}"),
    # Translators: {failed} is a number of frames.
    message("queue.only_failures", "{failed} failed and no frame of {task_types:names} succeeds"),
    message(
        "queue.no_success",
        "{waiting:count frames} waiting and no frame of {task_types:names} succeeds",
    ),
    message(
        "clock.rows_ahead",
        "rows of the database lie {ahead_sec:span} ahead of the clock: the clock was set back",
    ),
    message(
        "clock.off_on", "more than {most_sec} s off the clock of the database on {hosts:names}"
    ),
    message("clock.jumped_at", "it jumped at {jump_at:moment}"),
)
