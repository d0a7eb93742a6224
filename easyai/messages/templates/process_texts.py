"""Why processes of easyai start, are started again and end; causes in them."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

PROCESSES: Final = (
    message("process.started", "started"),
    # Translators: {why} is one of the next texts: why the previous process ended.
    message("process.started_again", "started again: {why}"),
    message("process.ended_in_order", "ended in order"),
    message("process.hung", "it has hung: no sign of life for {silent_sec} s"),
    # Translators: of a worker; beat sends the tasks.
    message(
        "process.takes_no_tasks",
        "it takes no tasks: beat sends, the broker answers, no scan for {idle_sec} s",
    ),
    # Translators: {why} is one of the two texts above.
    message("process.did_not_end", "{why}, and it did not end when asked"),
    message("process.exited", "it had ended by itself with exit code {exit_code}"),
    message("process.ended_soon", "it had ended soon after its start"),
    message("process.killed_by_some_signal", "it was killed by a signal"),
    message("process.killed_by_signal", "it was killed by signal {signal}"),
    message("process.killed_by_sigkill", "it was killed by SIGKILL, which easyai did not send"),
    message(
        "process.killed_for_memory",
        "it was killed for lack of memory: the memory limit was hit (oom_kill in memory.events)",
    ),
    # Translators: {name} is as "worker@host:12", {there} one of the next two texts, or ''.
    message(
        "process.last_shown",
        "{name} gave its last sign of life at {beat_at:moment}, {ago_sec:span} ago{there}",
    ),
    message("process.still_there", "; the process is still there"),
    message("process.gone", "; the process is gone"),
    # Translators: the last process of its kind.
    message(
        "process.last_stopped",
        "The last process stopped in order at {stopped_at:moment}, {ago_sec:span} ago",
    ),
    # Translators: {kind} is worker, beat, api or watchdog, {seen} one of the texts above.
    message("process.of_kind", "{kind}: {seen}"),
    message("process.none_ever", "No process of easyai has given a sign of life"),
    message("process.no_worker_ever", "No worker has given a sign of life"),
    message("process.no_watchdog_ever", "No watchdog has given a sign of life"),
    message(
        "process.beat_lease_ran_out",
        "Its lease ran out at {expires_at:moment} and no other beat took over",
    ),
    message("process.no_beat_lease", "No beat holds the lease"),
    message(
        "process.fell_silent",
        "{name} gave its last sign of life at {beat_at:moment}, ran on without a sign, and "
        "has ended since",
    ),
    message("process.started_at", "{name} started at {started_at:moment}"),
    # Translators: {start} is the text above, {why} why the previous process ended.
    message("process.started_at_why", "{start}: {why}"),
    message("process.started_again_at", "{name} started again at {started_at:moment}: {why}"),
    # Translators: {where} is a kind of process on a host, such as "worker@host".
    message("process.starts", "{where} started at {moments:list}"),
    message("process.restart_reason", "Started again: {why}"),
)

CAUSES_IN_PROCESSES: Final = (
    message(
        "cause.nothing_runs.title",
        "easyai does not run: nothing is scanned or inferred, and nobody is alerted",
    ),
    message("cause.worker_gone.title", "No worker runs: nothing is scanned and nothing inferred"),
    message("cause.worker_hung.title", "The worker hangs: its process exists but does no work"),
    message("cause.worker_hung.restarted", "The worker hung and was started again"),
    message("cause.worker_hung.ended", "The worker hung and was ended; no other worker works yet"),
    message(
        "cause.scan_stuck.title",
        "Workers run, but no scan has ended for {late_sec:span}: the workers take no tasks, "
        "or hang in a task",
    ),
    message("cause.beat_gone.title", "No beat runs: scans and sweeps are not started"),
    message(
        "cause.api_gone.title_with_pictures",
        "No API runs: algorithms cannot fetch pictures, register or send heartbeats",
    ),
    message("cause.api_gone.title", "No API runs: algorithms cannot register or send heartbeats"),
    message(
        "cause.watchdog_gone.title", "No watchdog runs: nobody is alerted when inference stops"
    ),
    # Translators: {kind} is worker, beat, api or watchdog; {starts} is 3 or more.
    message(
        "cause.restarts.title",
        "The {kind} ends again and again: started {starts} times within {within_sec:span}",
    ),
    message(
        "cause.memory_limit.title",
        "The worker was killed for lack of memory: a memory limit was hit",
    ),
    # Translators: {pid} is the number of the process of the command `up`.
    message(
        "remedy.up_starts_it",
        "`up` (process {pid}) runs and starts it again within seconds. If it does not, look at its "
        "log",
    ),
    message(
        "remedy.start_again",
        "Start it again the way it was started: `{everything}` for everything on one machine, or "
        "systemd, or by hand `{by_hand}`",
    ),
    message("remedy.start", "Start it the way it was started: with this command, or with systemd"),
    message("remedy.see_what_runs", "See what runs here"),
    message("remedy.see_what_it_waits_for", "See what the worker waits for"),
    message(
        "remedy.kill_worker",
        "Kill it; its supervisor starts it again, and its frames return by themselves",
    ),
    message("remedy.restart_workers", "See what the workers do; then restart them"),
    message(
        "remedy.see_why_it_hung",
        "Nothing needs to be done if inference goes on within a minute. If it does not, or "
        "to learn why the worker hung, look at its log",
    ),
    message(
        "remedy.see_why_it_ends",
        "Find out why it ends: look at the end of its log, and whether the system killed it "
        "for lack of memory",
    ),
    message("remedy.see_memory", "See the memory limit, and which processes use the memory"),
    message(
        "remedy.raise_memory",
        "Raise the limit (MemoryMax of the systemd unit, --memory of the container), or lower "
        "max_concurrent_infer",
    ),
)
