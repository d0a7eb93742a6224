"""Runs the program of a child of ``easyai up`` in a fork of the supervisor, instead of an exec.

The supervisor has imported what its children need (`easyai.supervisor.shared_imports`), so the
children share that memory and start within a fraction of a second. A fork inherits what an exec
would have ended: handlers of signals, open files, variables. All of that ends before the program
begins.

The supervisor has two threads of its own, which write to the terminal and ask the API whether it
is ready. A fork renews no lock of an open file or of the C library's resolver: a child that is
forked while a thread holds such a lock waits for it for ever. So threads log and resolve names only
under `no_fork`.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from easyai.process.supervisor_link import die_with_parent
from easyai.system.process_title import show_command

#: Sent to a child at any time; a child that has not begun its program gets them later.
_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
#: ``python -m celery`` without Celery's other commands.
_MAINS: Final = {"celery": "easyai.tasks.supervised"}
_STDERR: Final = 2
_FAILED: Final = 1  # as Python exits after a traceback

#: Held during a fork, and by a thread while it may hold another lock that a child would wait for.
no_fork: Final = threading.Lock()


def fork() -> int:
    """As `os.fork`, but the child gets no signal until `run`; waits for `no_fork`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    pid = -1
    try:
        with no_fork:  # the child ends the block, too
            pid = os.fork()
    finally:
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    return pid


def run(command: Sequence[str], variables: Mapping[str, str], parent: int) -> NoReturn:
    """Be ``python -m module arguments…`` with these variables, in a child that `fork` made.

    `parent`: the process id of the supervisor; the child ends with it.
    """
    if die_with_parent() and os.getppid() != parent:
        os._exit(_FAILED)  # the supervisor was killed before the kernel knew our wish
    os.environ.clear()
    os.environ.update(variables)
    _reset_signals()
    _close_files()
    logging.raiseExceptions = True  # as in a new interpreter; the supervisor has switched it off
    show_command(command)
    module, *arguments = command[2:]
    _end(_exit_code(module, arguments))


def _reset_signals() -> None:
    """Handle signals as after an exec: a handler becomes the default, an ignored signal stays."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _close_files() -> None:
    """Close what the supervisor has open, among it the lock of the data folder."""
    logging.shutdown()  # the supervisor's log files, before their numbers are used again
    for file in list(Path("/proc/self/fd").iterdir()):
        if int(file.name) > _STDERR:
            with suppress(OSError):  # the descriptor of this listing is closed already
                os.close(int(file.name))


def _exit_code(module: str, arguments: Sequence[str]) -> int:
    """Run the program; returns the exit code that the interpreter would give it."""
    try:
        spec = find_spec(f"{module}.__main__") if module in _MAINS else find_spec(module)
        sys.argv = [str(spec and spec.origin), *arguments]
        import_module(_MAINS.get(module, module)).main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return _FAILED
    except BaseException:  # noqa: BLE001 - nothing may return into the supervisor's code
        traceback.print_exc()
        return _FAILED
    return 0


def _end(code: int) -> NoReturn:
    """End as the interpreter does: wait for threads, run the exit handlers, write the output."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
