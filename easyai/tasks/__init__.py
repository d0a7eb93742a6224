"""Celery's side of easyai: the app's settings, queues, clock and tasks of a few lines.

Nothing outside this package and `easyai.celery` knows that Celery exists.
"""
