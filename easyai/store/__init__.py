"""Stores of frames: an interface for a local folder and for an object store."""
