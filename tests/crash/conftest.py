"""The crash tests play on the journeys' stage."""

from tests.journeys.conftest import business_central, erp, finance_scm, world

__all__ = ["business_central", "erp", "finance_scm", "world"]
