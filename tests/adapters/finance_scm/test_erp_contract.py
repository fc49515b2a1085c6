"""Does the Finance & SCM adapter keep the promises of every ERP adapter?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.stage import WIRE

from backhaul.adapters.finance_scm import erp as adapter
from backhaul.adapters.finance_scm.emulator import serve
from backhaul.adapters.finance_scm.routes import MODES
from backhaul.domain.disposition import Sellability
from backhaul.domain.posting import Posting, PostingKey, PostingKind, ReturnOrder
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.testing.erp_contract import ErpContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED: dict[str, Any] = {"settings": {"now": "2025-01-10T08:00:00Z"}, "rows": {
    "LegalEntities": [{"LegalEntityId": "usmf", "Name": "Contoso"}],
    "CustomersV3": [{"CustomerAccount": "C1", "SalesTaxGroup": "DOM", "SalesCurrencyCode": "GBP"}],
    "OperationalSitesV2": [{"SiteId": "S1"}], "Warehouses": [{"WarehouseId": "RET", "OperationalSiteId": "S1"}],
    "ReturnDispositionCodes": [{"DispositionCode": "CR", "DispositionAction": "Credit"}],
    "ReturnReasonCodeBiEntities": [{"ReasonCodeId": "SIZE"}]}}


class EmulatedBench:
    """An emulator with one customer and one warehouse."""

    legal_entity = "usmf"

    def __init__(self, url: str, mode: str) -> None:
        self.url = url
        self.control("seed", SEED)
        entity = LegalEntity(id="usmf", erp="finance-scm", deployment=mode, currency="GBP", options={
            "base_url": url, "token_url": f"{url}/tenant/oauth2/v2.0/token", "client_id": "backhaul", "timeout_seconds": "5"})
        rules = Rules(tenant="t", version="1", entities=(entity,), mapping=(), fees={},
                      sellability=Sellability(places=frozenset(), dispositions=frozenset(), conditions=frozenset()))
        self.erp = adapter.connect(entity, rules, {"client_secret": "secret"})

    def control(self, path: str, told: object) -> None:
        WIRE.post(f"{self.url}/control/{path}", json=told, timeout=10).raise_for_status()

    def draft(self, ref: str, customer: str = "C1") -> Posting:
        key = PostingKey(tenant="t", legal_entity="usmf", return_ref=ref, subject="order:", kind=PostingKind.ORDER)
        return Posting(key=key, document=ReturnOrder(return_ref=ref, customer=customer, currency="GBP", warehouse="RET", reason="SIZE"))

    def hopeless(self, ref: str) -> Posting:
        return self.draft(ref, customer="nobody")

    def lose_next_answer(self) -> None:
        self.control("faults", {"kind": "answer-lost"})

    def be_busy_once(self, seconds: int) -> None:
        self.control("faults", {"kind": "throttle", "retryAfter": seconds})


class TestFinanceScm(ErpContract):
    """The suite, on the emulator, in every deployment mode there is an adapter for."""

    @pytest.fixture(params=sorted(MODES))
    def bench(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EmulatedBench]:
        with serve(tmp_path / "fscm.sqlite") as running:
            yield EmulatedBench(running.base_url, request.param)
