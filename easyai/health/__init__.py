"""Whether inference goes on, and if not, why."""
