"""Celery's configuration where an installation has no ``celeryconfig.py`` of its own."""

from easyai.settings.source import load as _load
from easyai.tasks.config import celery_settings as _celery_settings

globals().update(_celery_settings(_load()))
