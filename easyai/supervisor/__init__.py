"""The process behind `easyai up`: starts the other processes and keeps them running."""
