"""The command line: a module per command, loaded when it is used."""
