"""Transports of kombu: the embedded broker, and what ours do beyond kombu's own."""
