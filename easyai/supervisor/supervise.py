"""The process behind ``easyai up``: starts API, worker, beat and watchdog, keeps them running.

`easyai.cli.up_command` enters this module by exec: the children are forks of this process, so it
must hold no connection, no thread of a library and nothing of the migration of the database.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from supervisor import events, loggers
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.states import RUNNING_STATES
from supervisor.supervisord import Supervisor

from easyai.domain.reason import NO_REASON, Reason
from easyai.messages.catalogue import text
from easyai.process.supervisor_link import RESTARTED_VARIABLE, Notifier, to_line
from easyai.supervisor import forked_child
from easyai.supervisor.child_ends import ChildEnds
from easyai.supervisor.child_logs import ChildLogs, Terminal
from easyai.supervisor.children import LAST, MAX_BACKOFF_SEC, children, program_sections
from easyai.supervisor.hung_children import Liveness, Verdict
from easyai.supervisor.notify_socket import NotifySocket
from easyai.supervisor.plan import Plan
from easyai.supervisor.readiness import ReadinessWatch
from easyai.supervisor.shared_imports import import_shared
from easyai.supervisor.start_checks import release_data_dir
from easyai.system import modes
from easyai.system.text_encoding import text_encoding


class _Options(ServerOptions):  # type: ignore[misc]  # supervisor has no types
    """Supervisor's options with our log and signals."""

    logs: ChildLogs
    ends: ChildEnds
    pid: int  # of this process, known to its children

    def waitpid(self) -> tuple[int | None, int | None]:
        pid, status = super().waitpid()
        if pid and status is not None:
            self.ends.note(pid, status)
        return pid, status

    def make_logger(self) -> None:
        self.logger = loggers.getLogger(loggers.LevelsByName.INFO)
        self.logger.addHandler(_LogHandler(self.logs))

    def fork(self) -> int:
        self.pid = os.getpid()
        return forked_child.fork()

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> NoReturn:
        # The child has no new interpreter: it goes on with what this process has imported.
        forked_child.run(argv, env, self.pid)

    def setsignals(self) -> None:
        hangup = signal.getsignal(signal.SIGHUP)
        super().setsignals()
        if hangup == signal.SIG_IGN:
            signal.signal(signal.SIGHUP, hangup)  # with nohup(1), `up` outlives its terminal
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            # These signals would end this process. Not SIG_IGN: children would inherit it.
            signal.signal(number, lambda *_: None)

    def get_signal(self) -> int | None:
        number: int | None = super().get_signal()
        # A closed terminal means stop; supervisor would start everything anew.
        return signal.SIGTERM if number == signal.SIGHUP else number


class _LogHandler(loggers.Handler):  # type: ignore[misc]  # supervisor has no types
    """Writes supervisor's own messages to the file only."""

    def __init__(self, logs: ChildLogs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: Any) -> None:
        self._logs.file("easyai", record.asdict()["message"])

    def reopen(self) -> None:
        """Nothing to do: the file rotates by itself."""

    def close(self) -> None:
        """Nothing to do: the logs are closed at the end of `run`."""


class _Supervisor(Supervisor):  # type: ignore[misc]  # supervisor has no types
    """Supervisor that informs the user about its children, and ends hung children."""

    def __init__(self, options: _Options, plan: Plan, notices: NotifySocket) -> None:
        super().__init__(options)
        self._plan = plan
        self._logs = options.logs
        self._missing = tuple(child.name for child in children(plan.port) if child.name != LAST)
        self._watch = ReadinessWatch(plan.host, plan.port, self._logs.log, lambda: self._missing)
        self._last_waits = True
        self._notices = notices
        stop_sec = {child.name: child.stop_sec for child in children(plan.port)}
        self._liveness = Liveness(plan.hang_sec, stop_sec)
        self._reasons: dict[str, Reason] = {}  # why a child was ended, by name
        self._notifier = Notifier()  # `easyai up` may be a service of systemd itself

    def runforever(self) -> None:
        # Not earlier, because run() has just dropped every subscription.
        events.subscribe(events.ProcessLogStdoutEvent, self._output)
        events.subscribe(events.ProcessStateExitedEvent, self._exited)
        events.subscribe(events.ProcessStateBackoffEvent, self._exited_early)
        events.subscribe(events.SupervisorStoppingEvent, self._stopping)
        self._watch.start(self._plan.ready_line, f"easyai is not ready yet, see {self._files()}")
        for group in sorted(self.process_groups.values()):
            group.transition()  # at once: supervisor would first wait a second for output
        super().runforever()

    def tick(self, now: float | None = None) -> None:
        """Check the children in every iteration of the loop, at least once a second."""
        super().tick(now)
        self._notifier.alive()
        running = {
            process.pid: process
            for group in self.process_groups.values()
            for process in group.processes.values()
            if process.pid and process.state in RUNNING_STATES
        }
        names = {pid: process.config.name for pid, process in running.items()}
        for verdict in self._liveness.check(names, self._notices.received(), time.monotonic()):
            self._end(names[verdict.pid], verdict)
        reported = {name for pid, name in names.items() if self._liveness.has_reported(pid)}
        missing = tuple(name for name in self._missing if name not in reported)
        self._start_last(at_once=not missing)
        self._missing = missing

    def _start_last(self, *, at_once: bool) -> None:
        """Start the watchdog when the other children work, or take too long."""
        if self._last_waits and (at_once or self._watch.has_reported) and not self.stopping:
            self._last_waits = False
            self.process_groups[LAST].processes[LAST].spawn()

    def _end(self, name: str, verdict: Verdict) -> None:
        self._reasons[name] = verdict.reason
        self._logs.log(f"easyai: {name} is ended and started again: {text(verdict.reason)}")
        number = signal.SIGTERM if verdict.orderly else signal.SIGKILL
        try:
            os.killpg(verdict.pid, number)  # each child leads its own process group
        except OSError as error:
            self._logs.log(f"easyai: {name} cannot be ended: {error}")

    def _files(self) -> str:
        return f"{self._plan.data_dir / 'logs'}/*.log"

    def _output(self, event: Any) -> None:
        self._logs.output(event.process.config.name, event.data)

    def _exited(self, event: Any) -> None:
        self._log_end(event.process, "starting it again")

    def _exited_early(self, event: Any) -> None:
        process = event.process
        process.backoff = min(process.backoff, MAX_BACKOFF_SEC)
        pause = text(Reason.of("span", sec=process.backoff))
        self._log_end(process, f"next try in {pause}")

    def _log_end(self, process: Any, next_step: str) -> None:
        name = process.config.name
        # The child records its own restart as an event: this process needs no database.
        ends, ended = self.options.ends, self._reasons.pop(name, NO_REASON)
        if ended:
            ends.forget(process.pid)
        reason = ended or ends.reason(process.pid, process.exitstatus)
        restarted = {RESTARTED_VARIABLE: to_line(reason)}
        process.config.environment = {**process.config.environment, **restarted}
        self._logs.log(
            f"easyai: {name} has ended: {text(reason)}; {next_step} (see {self._logs.path(name)})"
        )

    def _stopping(self, event: Any) -> None:
        self._watch.stop()
        longest = max(child.stop_sec for child in children(self._plan.port))
        self._logs.log(f"easyai: stopping; frames in flight get up to {longest} s")


def run(plan: Plan) -> None:
    """Keep the children running until SIGTERM, SIGINT or SIGHUP; returns when all have ended."""
    run_dir = plan.data_dir / "run"
    config = run_dir / "supervisord.conf"
    notices = NotifySocket(run_dir)
    with open(config, "w", encoding="utf-8", opener=modes.opener) as file:
        file.write(program_sections(plan.port, notices.address))
    modes.make_file(run_dir / "supervisord.pid")
    options = _Options()
    options.logs = ChildLogs(plan.data_dir / "logs", Terminal(encoding=text_encoding()))
    options.ends = ChildEnds()
    options.realize(_supervisor_arguments(run_dir, config), doc=__doc__)
    options.first, options.test = True, False
    import_shared()
    try:
        _Supervisor(options, plan, notices).main()
    except ExitNow:
        # Supervisor raises this when all children have ended.
        release_data_dir(plan.data_dir)
        options.logs.log("easyai: stopped")
    finally:
        notices.close()
        options.logs.close()


def _supervisor_arguments(run_dir: Path, config: Path) -> list[str]:
    arguments = ["-c", str(config), "-j", str(run_dir / "supervisord.pid"), "-n", "-k"]
    # Low minimums: supervisor refuses to run when the system allows fewer files or processes.
    arguments += ["-a", "64", "--minprocs=1"]
    if os.geteuid() == 0:
        arguments += ["-u", "root"]  # keeps supervisor from warning that it runs as root
    return arguments


if __name__ == "__main__":
    try:
        run(Plan.parse(sys.argv[1:]))
    except KeyboardInterrupt:
        # Ctrl-C before supervisor handles the signals: no child has started.
        sys.exit(130)
