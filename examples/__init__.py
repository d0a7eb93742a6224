"""Algorithm services to start, read and copy; each file is a separate program."""
