"""Alarms: the watchdog, what raises and ends an alarm, and how people are notified."""
