"""The operating system's side: file modes, names, logs, signals, secrets kept in files."""
