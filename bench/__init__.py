"""``python -m bench``: how fast easyai is, against plain Celery in the same run on this machine."""
