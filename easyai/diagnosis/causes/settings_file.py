"""A mistake in the settings file: running processes ignore the file, new processes fail."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.settings.commands import easyai_command


def find(facts: Facts) -> Iterator[Cause]:
    """The cause; it ranks first if no worker is seen, for it may be why no worker starts."""
    if not facts.failed("settings"):
        return
    snapshot = facts.snapshot
    runs = bool(snapshot and not facts.failed("database") and snapshot.working("worker", facts.now))
    yield Cause(
        "settings_invalid",
        Reason("cause.settings_invalid.title"),
        (facts.failed("settings"), Reason("settings.defaults_used")),
        (
            Remedy(
                Reason("remedy.correct_settings"),
                easyai_command(facts.settings, "config", "check"),
            ),
        ),
        weight=30 if runs else 97,
    )
