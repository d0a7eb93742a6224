"""Transports of kombu: the embedded broker, and our extensions of kombu's own transports."""
