"""The English texts, by theme. Each template has a code, which code elsewhere names."""

from __future__ import annotations

from collections.abc import Iterator

from easyai.messages.template import Template
from easyai.messages.templates.action_texts import ACTIONS
from easyai.messages.templates.alarm_end_texts import ALARM_ENDS
from easyai.messages.templates.alarm_texts import ALARMS, SERVICE_ALARMS
from easyai.messages.templates.backup_texts import BACKUP
from easyai.messages.templates.basic_texts import BASICS
from easyai.messages.templates.broker_texts import BROKER
from easyai.messages.templates.bus_texts import BUS
from easyai.messages.templates.call_cause_texts import CAUSES_OF_CALLS
from easyai.messages.templates.call_texts import CALLS
from easyai.messages.templates.check_texts import CHECKS
from easyai.messages.templates.database_texts import DATABASE
from easyai.messages.templates.dependency_cause_texts import DEPENDENCY_CAUSES
from easyai.messages.templates.error_texts import ERRORS
from easyai.messages.templates.frame_texts import FRAMES
from easyai.messages.templates.incoming_texts import INCOMING
from easyai.messages.templates.notify_texts import NOTIFY
from easyai.messages.templates.process_texts import CAUSES_IN_PROCESSES, PROCESSES
from easyai.messages.templates.report_texts import REPORT
from easyai.messages.templates.service_cause_texts import CAUSES_OF_SERVICES
from easyai.messages.templates.service_texts import SERVICES
from easyai.messages.templates.settings_texts import SETTINGS
from easyai.messages.templates.start_texts import START
from easyai.messages.templates.store_texts import STORE
from easyai.messages.templates.symptom_texts import SYMPTOM
from easyai.messages.templates.term_texts import NAMES
from easyai.messages.templates.warning_texts import WARNINGS


def all_templates() -> Iterator[Template]:
    """Every template of every theme."""
    for theme in (
        ACTIONS,
        ALARM_ENDS,
        ALARMS,
        SERVICE_ALARMS,
        BACKUP,
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
        INCOMING,
        NAMES,
        NOTIFY,
        START,
        DEPENDENCY_CAUSES,
        PROCESSES,
        CAUSES_IN_PROCESSES,
        REPORT,
        SERVICES,
        SETTINGS,
        STORE,
        SYMPTOM,
        WARNINGS,
    ):
        yield from theme
