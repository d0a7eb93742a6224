"""The base class and the id type of all tables."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import DeclarativeBase

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by INTEGER only


class Base(DeclarativeBase):
    """The metadata that migrations are checked against."""
