"""Parts of sentences: numbers of things, spans of time, how a list is joined."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

BASICS: Final = (
    # Translators: a text of another program, unchanged.
    message("quoted", "{text}"),
    # Translators: stands between the parts of a list.
    message("joint.list", ", "),
    # Translators: stands between sentences.
    message("joint.sentences", "; "),
    # Translators: stands between clauses of a sentence.
    message("joint.clauses", ", "),
    # Translators: stands between the sentences of a paragraph.
    message("joint.paragraph", ". "),
    # Translators: stands between alarms of one message.
    message("joint.bars", " | "),
    # Translators: begins the next line.
    message("joint.lines", "\n"),
    message("paragraph", "{parts:paragraph}"),
    message("lines", "{parts:lines}"),
    message("moment", "{at:moment}"),
    message("span", "{sec:span}"),
    plural("span.seconds", "{n} s", "{n} s"),
    plural("span.minutes", "{n} min", "{n} min"),
    plural("span.hours", "{n} h", "{n} h"),
    plural("span.days", "{n} day", "{n} days"),
    plural("frames", "{n} frame", "{n} frames"),
    message("frames.at_least", "at least {n:count frames}"),
    plural("services", "{n} service", "{n} services"),
    plural(
        "living_services",
        "{n} algorithm service that lives",
        "{n} algorithm services that live",
    ),
    plural("percent", "{n} %", "{n} %"),
    # Translators: how far a clock is off; follows "is" or "the clock of … is".
    message("clock.ahead", "{ahead_sec:span} ahead"),
    message("clock.behind", "{behind_sec:span} behind"),
)
