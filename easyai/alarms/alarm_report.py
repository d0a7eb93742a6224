"""The incident report as it is when an alarm begins, kept beside the alarm."""

from __future__ import annotations

from dataclasses import replace

from easyai.diagnosis.contents import with_timeline
from easyai.health.facts import Facts
from easyai.messages.catalogue import languages
from easyai.runtime import Runtime


def written(runtime: Runtime, facts: Facts) -> dict[str, str]:
    """The report of an observation in Markdown, by language.

    The messages of drivers are left out, as in the report over HTTP.
    """
    # Imported here: a quiet watchdog needs no report.
    from easyai.diagnosis.report.as_markdown import markdown

    checks = {name: result.for_clients for name, result in facts.checks.items()}
    diagnosis = with_timeline(runtime, replace(facts, checks=checks))
    return {language: markdown(diagnosis, language) for language in languages()}
