"""``python -m tests.environments``: try every row; exit code 1 when a row fails."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from tests.environments import rows_machines, rows_texts, rows_users
from tests.environments.page import PAGE, page
from tests.environments.place import need_root
from tests.environments.row import ROWS, Row
from tests.environments.trial import try_row
from tests.support.needs import MissingError

_LEFT_OUT = 77  # an exit code, as automake has it
_LIMIT_SEC = 600
_MODULES = (rows_texts, rows_machines, rows_users)  # imported for their rows


def main() -> None:
    """Run the rows, each in a process of its own, and show how each went."""
    parser = argparse.ArgumentParser(prog="python -m tests.environments", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name or group contains this")
    parser.add_argument("--write-report", action="store_true", help="into docs/environments.md")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        sys.exit(_inside(ROWS[options.inside]))
    chosen = [row for row in ROWS if options.only in f"{row.group} {row.name}"]
    results = {row.name: _outcome(row) for row in chosen}
    failed = [name for name, result in results.items() if result.startswith("failed")]
    if options.write_report:
        PAGE.write_text(page(results), encoding="utf-8")
    passed = sum(result == "ok" for result in results.values())
    print(f"{passed} of {len(results)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def _outcome(row: Row) -> str:
    begun = time.monotonic()
    result = _result(row)
    print(f"{time.monotonic() - begun:5.0f} s  {row.group}: {row.name}: {result}", flush=True)
    return result


def _result(row: Row) -> str:
    if row.root:
        try:
            need_root()
        except MissingError as error:
            return f"left out: {error}"
    inside = [sys.executable, "-m", "tests.environments", "--inside", str(ROWS.index(row))]
    done = subprocess.run(
        [*row.around, *inside], capture_output=True, text=True, timeout=_LIMIT_SEC, check=False
    )
    words = " ".join(done.stdout.split()) or "no words"
    if done.returncode == _LEFT_OUT:
        return f"left out: {words}"
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return f"failed: {words[:200]}"
    return "ok"


def _inside(row: Row) -> int:
    try:
        try_row(row)
    except MissingError as error:
        print(error)
        return _LEFT_OUT
    except AssertionError as error:
        print(str(error).partition("\n")[0])
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main()
