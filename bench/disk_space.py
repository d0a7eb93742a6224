"""``python -m bench.disk_space``: the disk space of history, and the speed of its deletion.

The figures of docs/decisions/0005-upkeep.md; about a minute.
"""

from __future__ import annotations

import time

import click

from bench import site
from bench.history import add_settled_rows
from easyai.db import space
from easyai.pipeline import upkeep
from easyai.runtime import Runtime

_NOBODY = "http://127.0.0.1:9/infer"  # registered, but nothing is sent to it


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of history.")
def main(rows: int) -> None:
    """Fill an SQLite ledger with history, delete half of it, and print the cost of each."""
    with site.fresh_folder() as folder:
        settings = site.write_settings(folder)
        limit = f"max_alerts_in_db = 0\nhistory_retention_days = 0\nmax_history_rows = {rows // 2}"
        draft = settings.read_text(encoding="utf-8").replace("max_alerts_in_db = 0", limit)
        settings.write_text(draft, encoding="utf-8")
        with site.installation(settings, _NOBODY) as runtime:
            _measure(runtime, rows)


def _measure(runtime: Runtime, rows: int) -> None:
    before = space.space(runtime.db).size
    add_settled_rows(runtime, rows)
    full = space.space(runtime.db).size
    per_row = (full - before) / rows
    print(f"{rows} rows: {full / 1e6:.0f} MB, {per_row:.0f} bytes a row")
    print(f"2,000,000 rows (max_history_rows): {2e6 * per_row / 1e6:.0f} MB")
    began, runs, forgotten = time.monotonic(), 0, 0
    while forgotten < rows // 2:
        forgotten += upkeep.run(runtime).frames
        runs += 1
    took = time.monotonic() - began
    left = space.space(runtime.db)
    print(
        f"{forgotten} rows forgotten in {runs} runs, {took:.0f} s: {forgotten / took:.0f} a second"
    )
    print(f"file {left.size / 1e6:.0f} MB, free inside {left.free / 1e6:.0f} MB")
    began = time.monotonic()
    space.compact(runtime.db)
    took = time.monotonic() - began
    print(f"compacted in {took:.1f} s: {space.space(runtime.db).size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
