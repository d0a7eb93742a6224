"""The dashboard: its page, its sessions and its live data, in the process of the API."""
