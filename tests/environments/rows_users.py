"""Rows: users, terminals, and the state inherited from the process that starts easyai."""

from __future__ import annotations

import pwd
import sys

from tests.environments.place import USER, Place, need_root
from tests.environments.row import row, variables
from tests.support.needs import program

_USERS = "Users"
_TERMINALS = "Terminals and pipes"
_STARTED = "Started by"

variables(_USERS, "`HOME` unset", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
variables(_USERS, "`HOME` that does not exist", HOME="/nowhere/at/all")


@row(_USERS, "a user id without an entry in `/etc/passwd`, no home", root=True)
def _nameless(place: Place) -> None:
    place.environment["HOME"] = "/"
    place.run_as(USER)


@row(_USERS, "`nobody`, whose home cannot be written", root=True)
def _nobody(place: Place) -> None:
    account = pwd.getpwnam("nobody")
    place.environment |= {"HOME": account.pw_dir, "USER": "nobody", "LOGNAME": "nobody"}
    place.run_as(account.pw_uid)


@row(_USERS, "a home that is mounted read-only", root=True)
def _read_only_home(place: Place) -> None:
    home = place.mount(place.scratch / "home", "-t", "tmpfs", "-o", "ro", "tmpfs")
    place.environment["HOME"] = str(home)


@row(_USERS, "`umask 077`")
def _private(place: Place) -> None:
    place.shell("umask 077")


@row(_USERS, "`umask 000`")
def _open(place: Place) -> None:
    place.shell("umask 000")


def _redirected(title: str, redirect: str) -> None:
    @row(_TERMINALS, title)
    def settle(place: Place) -> None:
        place.shell("", redirect)


_redirected("standard input is closed", "<&-")
_redirected("standard output is closed", ">&-")
_redirected("standard input, output and error are closed", "<&- >&- 2>&-")
_redirected("output to `/dev/full`", ">/dev/full 2>&1")


@row(_TERMINALS, "a pipe that nobody reads and that is full")
def _full_pipe(place: Place) -> None:
    # It fills the pipe, holds its other end and never reads.
    hold = (
        "import os, time; r, w = os.pipe(); os.set_blocking(w, False)\n"
        "try:\n    while os.write(w, bytes(4096)): pass\nexcept BlockingIOError: pass\n"
        "os.set_blocking(w, True); os.dup2(w, 1); os.dup2(w, 2)\n"
        "if os.fork() == 0: os.execvp(os.sys.argv[1], os.sys.argv[1:])\n"
        "os.close(w); os.close(1); os.close(2); _, status = os.wait()\n"
        "os._exit(os.waitstatus_to_exitcode(status))\n"
    )
    place.prefix += [sys.executable, "-c", hold]


@row(_TERMINALS, "a pipe whose reader ends after the first line")
def _early_end(place: Place) -> None:
    place.prefix += ["sh", "-c", 'exec 3>&1; { "$@"; echo $? >&3; } 2>&1 | head -n 1', "sh"]


variables(_TERMINALS, "`TERM` unset", "TERM")
variables(_TERMINALS, "`TERM=dumb`, `COLUMNS=1`", TERM="dumb", COLUMNS="1")


@row(_TERMINALS, "a terminal of its own")
def _terminal(place: Place) -> None:
    command = 'quoted=$(printf "%q " "$@"); exec script -qec "$quoted" /dev/null'
    place.prefix += [program("bash", "bash"), "-c", command, "bash"]


def _ignoring(signals: str) -> None:
    @row(_STARTED, f"a shell that ignores {signals}")
    def settle(place: Place) -> None:
        place.shell(f"trap '' {signals}")


_ignoring("HUP")
_ignoring("INT QUIT")
_ignoring("PIPE")
_ignoring("CHLD")


@row(_STARTED, "`env -i`: no variable but `PATH`")
def _bare(place: Place) -> None:
    keep = ["PATH", "PYTHONPATH", "EASYAI_TEST_RUN"]
    kept = " ".join(f'{name}="${name}"' for name in keep)
    place.prefix += ["sh", "-c", f'exec env -i {kept} "$@"', "sh"]


variables(_STARTED, "`PYTHONOPTIMIZE=2`: no `assert`", PYTHONOPTIMIZE="2")
variables(_STARTED, "`PYTHONDEVMODE=1`", PYTHONDEVMODE="1")
variables(_STARTED, "`PYTHONUTF8=0`", PYTHONUTF8="0")


@row(_STARTED, "a container without an init: process number 1", root=True)
def _first(place: Place) -> None:
    need_root()
    place.prefix += ["unshare", "--pid", "--fork", "--mount-proc"]


@row(_STARTED, "a container without rights: no capability, no new privileges", root=True)
def _no_rights(place: Place) -> None:
    need_root()
    place.prefix += ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
