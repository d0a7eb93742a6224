"""Celery's settings, read by every process that is started where this file lies.

They follow the configuration file and the EASYAI_… variables. To change one of Celery's own
(https://docs.celeryq.dev/en/stable/userguide/configuration.html), assign it below the last line:

    worker_concurrency = 64
"""

from easyai.settings.source import load as _load
from easyai.tasks.config import celery_settings as _celery_settings

globals().update(_celery_settings(_load()))
