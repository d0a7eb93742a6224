"""Backup and restoration of an installation: database, settings, keys and pictures."""
