"""Parts that use the operating system: file modes, names, logs, signals, secrets in files."""
