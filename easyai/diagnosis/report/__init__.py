"""The diagnosis as people and programs read it."""
