"""Smoke tests with pytest-celery: its broker, backend and worker in containers of local images."""
