"""The durable memory on SQLite and PostgreSQL: one code, two databases."""

from backhaul.adapters.sql.store import SqlStore, SqlTx

__all__ = ["SqlStore", "SqlTx"]
