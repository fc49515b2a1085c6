"""The crash tests play on the journeys' stage."""

from tests.journeys.conftest import erp, finance_scm, world

__all__ = ["erp", "finance_scm", "world"]
