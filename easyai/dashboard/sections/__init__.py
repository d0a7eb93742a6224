"""The sections of the live state: each reads its part of the database, and shows it."""
