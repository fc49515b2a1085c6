"""Does the Business Central adapter keep the promises of every ERP adapter?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.stage import WIRE

from backhaul.adapters.business_central import erp as adapter
from backhaul.adapters.business_central.emulator import serve
from backhaul.adapters.business_central.routes import MODES
from backhaul.domain.disposition import Sellability
from backhaul.domain.posting import Posting, PostingKey, PostingKind, ReturnOrder
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.testing.erp_contract import ErpContract

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED: dict[str, Any] = {"settings": {"now": "2025-01-10T08:00:00Z", "extension": True}, "rows": {
    "jobQueueEntries": [{"objectTypeToRun": "Report", "objectIdToRun": 6655}],
    "companies": [{"name": "CRONUS"}], "customers": [{"number": "C1", "displayName": "One"}], "locations": [{"code": "MAIN"}]}}


class EmulatedBench:
    """An emulator with one customer and one location."""

    legal_entity = "crgb"

    def __init__(self, url: str, mode: str) -> None:
        self.url, self.reads_first = url, int(mode == "B")  # whether a return order is posted already is asked before it is written
        self.control("reset", {})
        self.control("seed", SEED)
        entity = LegalEntity(id="crgb", erp="business-central", deployment=mode, currency="GBP", options={
            "base_url": f"{url}/v2.0/tenant/test", "token_url": f"{url}/tenant/oauth2/v2.0/token", "client_id": "backhaul",
            "company": "CRONUS", "timeout_seconds": "5"})
        rules = Rules(tenant="t", version="1", entities=(entity,), mapping=(), fees={},
                      sellability=Sellability(places=frozenset(), dispositions=frozenset(), conditions=frozenset()))
        self.erp = adapter.connect(entity, rules, {"client_secret": "secret"})

    def control(self, path: str, told: object) -> None:
        WIRE.post(f"{self.url}/control/{path}", json=told, timeout=10).raise_for_status()

    def draft(self, ref: str, currency: str = "GBP") -> Posting:
        key = PostingKey(tenant="t", legal_entity="crgb", return_ref=ref, subject="order:", kind=PostingKind.ORDER)
        return Posting(key=key, document=ReturnOrder(return_ref=ref, customer="C1", currency=currency, warehouse="MAIN"))

    def hopeless(self, ref: str) -> Posting:
        return self.draft(ref, currency="NO CURRENCY HAS THIS CODE")

    def lose_next_answer(self) -> None:
        self.control("faults", {"kind": "answer-lost", "skip": self.reads_first})

    def be_busy_once(self, seconds: int) -> None:
        self.control("faults", {"kind": "throttle", "retryAfter": seconds, "skip": self.reads_first})


@pytest.fixture(scope="module")
def environment() -> Iterator[str]:
    running = serve(state=None)
    yield running.base_url
    running.close()


class TestBusinessCentral(ErpContract):
    """The suite, on the emulator, in every deployment mode there is an adapter for."""

    @pytest.fixture(params=sorted(MODES))
    def bench(self, environment: str, request: pytest.FixtureRequest) -> EmulatedBench:
        return EmulatedBench(environment, request.param)
