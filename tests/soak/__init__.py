"""``make soak``: everything on, for an hour; memory, files, threads and database must stay flat."""
