"""``easyai claim``: shows which installation uses the frame store, and claims it."""

from __future__ import annotations

import click

from easyai.cli.output import opened, print_json

EXAMPLES = """\b
Examples:
  easyai claim                          who uses the frame store
  easyai claim --take-over              this installation, from now on

\b
Settings: EASYAI_CONFIG names the file, EASYAI_DATABASE_URL the database.
Exit code: 0 this installation, 1 another installation, 2 no store, database or configuration.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--take-over",
    is_flag=True,
    help="Give the store to this installation, if the other installation no longer exists or its "
    "database was rebuilt. Stop the other installation first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def claim(take_over: bool, as_json: bool) -> None:
    """Show which installation uses the frame store.

    A second installation on the same folder, or on the same base_path of a bucket, is refused at
    its start: each would take the other's frames away.
    """
    from dataclasses import asdict

    from easyai.pipeline import ownership

    with opened() as runtime:
        if take_over:
            ownership.take_over(runtime)
        own, there = ownership.claims(runtime)
    ours = own.installation == there.installation
    if as_json:
        print_json({**asdict(there), "ours": ours})
    else:
        whose = "this installation" if ours else "another installation"
        click.echo(
            f"the frame store is used by {whose}: host {there.host}, data folder "
            f"{there.data_dir}, since {there.since}"
        )
    if not ours:
        click.get_current_context().exit(1)
