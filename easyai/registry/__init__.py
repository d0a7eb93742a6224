"""The registry: who may take frames. Rows in the database, kept over restarts."""
