"""The database: tables, sessions, and the SQL of ledger, registry, alerts and statistics."""
