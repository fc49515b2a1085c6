"""Versions of the database, applied by `SqlStore.migrate`."""
