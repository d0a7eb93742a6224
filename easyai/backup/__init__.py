"""Backup and restoration of an installation: its database and what belongs to it."""
