"""A legal entity of the emulated ERP with a place for surplus, and what was committed for each batch sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from tests.journeys.stage import WIRE

from backhaul.adapters.finance_scm import erp as adapter
from backhaul.domain.allocation import allocate
from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.posting import JournalLine, Posting, PostingBatch, PostingKey
from backhaul.domain.rules import LegalEntity, Rules, Surplus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backhaul.domain.posting import ErpDocument

SALE, QUAR = Place(warehouse="RET", location="DOCK"), Place(warehouse="RET", location="QUAR")
SEED: dict[str, Any] = {"settings": {"now": "2025-01-10T08:00:00Z"}, "rows": {
    "LegalEntities": [{"LegalEntityId": "usmf", "Name": "Contoso"}],
    "CustomersV3": [{"CustomerAccount": "C1", "SalesTaxGroup": "DOM", "SalesCurrencyCode": "GBP"}],
    "ReleasedProductsV2": [{"ItemNumber": "m", "SalesUnitSymbol": "ea", "_unitCost": 3.33}, {"ItemNumber": "M", "_unitCost": 7}],
    "OperationalSitesV2": [{"SiteId": "S1"}], "Warehouses": [{"WarehouseId": "RET", "OperationalSiteId": "S1"}],
    "WarehouseLocations": [{"WarehouseId": "RET", "WarehouseLocationId": place} for place in ("DOCK", "QUAR")],
    "ReturnDispositionCodes": [{"DispositionCode": "CR", "DispositionAction": "Credit"}],
    "ReturnReasonCodeBiEntities": [{"ReasonCodeId": "SIZE"}]}}


class Yard:
    """A legal entity with a place for surplus, its ERP, and what was committed for each batch."""

    def __init__(self, url: str, **options: str) -> None:
        self.url = url
        self.control("seed", SEED)
        entity = LegalEntity(id="usmf", erp="finance-scm", deployment="A", currency="GBP", options={
            "base_url": url, "token_url": f"{url}/tenant/oauth2/v2.0/token", "client_id": "backhaul", "timeout_seconds": "5",
            "poll_seconds": "1"} | options)
        self.rules = Rules(tenant="t", version="1", entities=(entity,), mapping=(), fees={},
                           surplus={("usmf", "RET"): Surplus(place=QUAR)},
                           sellability=Sellability(places=frozenset({SALE}), dispositions=frozenset({"RESELL"}),
                                                   conditions=frozenset({"A"})))
        self.erp = adapter.connect(entity, self.rules, {"client_secret": "secret"})
        self.batches: dict[PostingKey, str] = {}
        self.allocations: dict[str, tuple[JournalLine, ...]] = {}

    def control(self, path: str, told: object = None) -> Any:
        answer = WIRE.post(f"{self.url}/control/{path}", json=told or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledgers(self) -> dict[str, Any]:
        told = dict(WIRE.get(f"{self.url}/control/ledgers", timeout=10).json())
        assert told["balanced"], told["checks"]
        return told

    def post(self, *postings: Posting, key: str = "ZZB1", allocated: bool = True) -> list[Any]:
        batch = PostingBatch(key=key, tenant="t", legal_entity="usmf", kind=postings[0].key.kind, period="2025-01", postings=postings)
        lines = allocate(batch) if allocated else ()
        self.allocations[key] = lines
        self.batches |= {posting.key: key for posting in postings}
        batch = PostingBatch(key=key, tenant="t", legal_entity="usmf", kind=batch.kind, period="2025-01", postings=postings,
                             allocation=lines)
        return list(self.erp.post(batch))

    def find(self, *postings: Posting) -> Mapping[PostingKey, ErpDocument]:
        return self.erp.find(postings, {}, self.batches, self.allocations)

    def drop_faults(self) -> None:
        httpx.delete(f"{self.url}/control/faults", timeout=10)

    def write(self, address: str, body: dict[str, Any], *, method: str = "POST") -> dict[str, Any]:
        """Write a record by OData, as somebody else than Backhaul, and give it as it was made."""
        token = WIRE.post(f"{self.url}/tenant/oauth2/v2.0/token", timeout=10, data={
            "grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "secret", "scope": f"{self.url}/.default"}).json()
        answer = httpx.request(method, f"{self.url}/data/{address}", json={"dataAreaId": "usmf", **body} if method == "POST" else body,
                               headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=10)
        assert answer.status_code < 300, answer.text
        return dict(answer.json()) if answer.content else {}

    def write_twin(self, of: str, number: str) -> None:
        """Write the journal of a batch once more, under another number."""
        self.write("InventoryAdjustmentJournalHeaders", {"JournalNumber": number, "JournalNameId": "ZZ-INV"})
        for line in self.allocations[of]:
            self.write("InventoryAdjustmentJournalEntriesV2", {
                "JournalNumber": number, "LineNumber": line.number, "ItemNumber": line.sku, "InventorySiteId": "S1",
                "InventoryWarehouseId": line.place.warehouse, "WarehouseLocationId": line.place.location,
                "InventoryQuantity": float(line.quantity)})
