"""The English texts, by theme. Each template has a code, which code elsewhere names."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.messages.template import Template
from easyai.messages.templates.actions import ACTIONS
from easyai.messages.templates.alarm_ends import ALARM_ENDS
from easyai.messages.templates.alarms import ALARMS, SERVICE_ALARMS
from easyai.messages.templates.basics import BASICS
from easyai.messages.templates.broker import BROKER
from easyai.messages.templates.bus import BUS
from easyai.messages.templates.calls import CALLS
from easyai.messages.templates.causes_of_calls import CAUSES_OF_CALLS
from easyai.messages.templates.causes_of_services import CAUSES_OF_SERVICES
from easyai.messages.templates.checks import CHECKS
from easyai.messages.templates.database import DATABASE
from easyai.messages.templates.errors import ERRORS
from easyai.messages.templates.frames import FRAMES
from easyai.messages.templates.names import NAMES
from easyai.messages.templates.notify import NOTIFY, START
from easyai.messages.templates.own_ground import OWN_GROUND
from easyai.messages.templates.processes import CAUSES_IN_PROCESSES, PROCESSES
from easyai.messages.templates.report import REPORT
from easyai.messages.templates.services import SERVICES
from easyai.messages.templates.store import STORE
from easyai.messages.templates.symptom import SYMPTOM


def all_templates() -> Iterator[Template]:
    """Every template of every theme."""
    for theme in (
        ACTIONS,
        ALARM_ENDS,
        ALARMS,
        SERVICE_ALARMS,
        BASICS,
        BROKER,
        BUS,
        CALLS,
        CAUSES_OF_CALLS,
        CAUSES_OF_SERVICES,
        CHECKS,
        DATABASE,
        ERRORS,
        FRAMES,
        NAMES,
        NOTIFY,
        START,
        OWN_GROUND,
        PROCESSES,
        CAUSES_IN_PROCESSES,
        REPORT,
        SERVICES,
        STORE,
        SYMPTOM,
    ):
        yield from theme
