"""The paths of the dashboard."""
