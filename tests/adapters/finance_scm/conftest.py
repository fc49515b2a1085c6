"""Which environment do the Finance & SCM tests talk to? An emulator of their own, seeded with one small legal entity."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.adapters.finance_scm.yard import Yard

from backhaul.adapters.finance_scm.emulator import Running, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

COMPANY = "usmf"
DISPOSITIONS = {"CR": "Credit", "CO": "CreditOnly", "SC": "Scrap", "RC": "ReturnToCust"}
SEED: dict[str, Any] = {
    "settings": {"now": "2025-01-10T08:00:00Z"},
    "rows": {
        "LegalEntities": [{"LegalEntityId": COMPANY, "Name": "Contoso"}, {"LegalEntityId": "defr", "Name": "Contoso FR"}],
        "CustomersV3": [
            {"CustomerAccount": "C1", "SalesTaxGroup": "DOM", "SalesCurrencyCode": "GBP"},
            {"CustomerAccount": "HELD", "OnHoldStatus": "All"},
            {"dataAreaId": "defr", "CustomerAccount": "C1", "SalesTaxGroup": "DOM", "SalesCurrencyCode": "EUR"},
        ],
        "ReleasedProductsV2": [
            {"ItemNumber": "m", "SalesSalesTaxItemGroupCode": "FULL", "_unitCost": 4},
            {"ItemNumber": "M", "SalesSalesTaxItemGroupCode": "FULL", "_unitCost": 7},
            {"ItemNumber": "STOPPED", "_unitCost": 1},
            {"ItemNumber": "FEE", "ProductType": "Service", "SalesSalesTaxItemGroupCode": "FULL"},
        ],
        "ProductDefaultOrderSettings": [{"ItemNumber": "STOPPED", "IsSalesProcessingStopped": "Yes"}],
        "OperationalSitesV2": [{"SiteId": "S1"}, {"SiteId": "S2"}],
        "Warehouses": [
            {"WarehouseId": "MAIN", "OperationalSiteId": "S1"},
            {"WarehouseId": "RET", "OperationalSiteId": "S1"},
            {"dataAreaId": "defr", "WarehouseId": "RET", "OperationalSiteId": "S1"},
        ],
        "WarehouseLocations": [{"WarehouseId": "RET", "WarehouseLocationId": place} for place in ("DOCK", "BAD")],
        "ReturnDispositionCodes": [{"DispositionCode": code, "DispositionAction": action} for code, action in DISPOSITIONS.items()],
        "ReturnReasonCodeBiEntities": [{"ReasonCodeId": "SIZE", "Description": "Does not fit"}],
        "TaxGroupDatas": [{"TaxGroupId": "DOM", "TaxCodeId": "V"}],
        "TaxItemGroups": [{"TaxItemGroupCode": "FULL", "TaxCodeId": "V"}],
        "TaxCodeValues": [
            {"TaxCodeId": "V", "FromDate": "2010-01-01", "ToDate": "2024-12-31", "Value": 17.5},
            {"TaxCodeId": "V", "FromDate": "2025-01-01", "Value": 20},
        ],
    },
}


class Environment:
    """A signed-in caller of one emulator, with the few gestures every test makes."""

    def __init__(self, running: Running) -> None:
        self.url = running.base_url
        self.http = httpx.Client(base_url=self.url, timeout=10)
        form = {"grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "secret", "scope": f"{self.url}/.default"}
        answer = self.http.post("/tenant/oauth2/v2.0/token", data=form)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def control(self, path: str, told: object = None, *, get: bool = False) -> Any:
        answer = self.http.get(f"/control/{path}") if get else self.http.post(f"/control/{path}", json=told if told is not None else {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, entity_set: str, **values: object) -> httpx.Response:
        return self.http.post(f"/data/{entity_set}", json=values)

    def created(self, entity_set: str, **values: object) -> dict[str, Any]:
        answer = self.post(entity_set, **values)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def rows(self, entity_set: str, query: str = "") -> list[dict[str, Any]]:
        answer = self.http.get(f"/data/{entity_set}?{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def sell(self, order: str = "SO1", item: str = "m", quantity: int = 10) -> None:
        line = {"item": item, "quantity": quantity, "price": "9.99"}
        told = {"legalEntity": COMPANY, "salesOrder": order, "customer": "C1", "currency": "GBP", "date": "2024-12-20", "lines": [line]}
        self.control("sales", {"orders": [told]})

    def header(self, reference: str = "ZZ-1", **more: object) -> dict[str, Any]:
        return self.created(
            "ReturnOrderHeadersV2", CustomerAccountNumber="C1", CustomersOrderReference=reference, DefaultReturnWarehouseId="RET", **more
        )

    def line(self, header: Mapping[str, Any], quantity: float = -3, item: str = "m", **more: object) -> dict[str, Any]:
        number = header["ReturnOrderNumber"]
        return self.created(
            "ReturnOrderLinesV2", ReturnOrderNumber=number, ItemNumber=item, ReturnSalesQuantity=quantity, SalesPrice=9.99, **more
        )

    def arrive(self, description: str, line: Mapping[str, Any], *parts: tuple[float, str, str]) -> str:
        """Write an arrival journal with (quantity, disposition code, location) parts of one return line."""
        journal = self.created("ItemArrivalJournalHeadersV2", JournalNameId="ZZ-ARR", JournalDescription=description)["JournalNumber"]
        for quantity, code, location in parts:
            self.created(
                "ItemArrivalJournalLinesV2",
                JournalNumber=journal,
                ItemNumber=line["ItemNumber"],
                IsReturnOrder="Yes",
                TransactionReferenceType="Sales",
                TransactionReferenceNumber=line["ReturnOrderNumber"],
                ReferenceInventoryLotId=line["ReturnInventoryLotId"],
                ReturnItemNumber=line["RMANumber"],
                ReturnDispositionCodeId=code,
                ItemQuantity=quantity,
                ReceivingWarehouseId="RET",
                ReceivingWarehouseLocationId=location,
            )
        return str(journal)

    def run(self, *jobs: str) -> list[dict[str, Any]]:
        return [entry for job in jobs for entry in self.control("jobs/run", {"job": job})["log"]]

    def ledgers(self) -> dict[str, Any]:
        told = dict(self.control("ledgers", get=True))
        assert told["balanced"], told["checks"]
        return told

    def batch(self, *parts: Sequence[tuple[str, str, object]], onwards: bool = True) -> httpx.Response:
        """Send a $batch: a part of one GET goes bare, anything else is a change set."""
        texts = []
        for at, operations in enumerate(parts):
            inner = [
                "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
                f"Content-ID: {place}\r\n\r\n{method} {path} HTTP/1.1\r\n"
                f"Content-Type: application/json\r\n\r\n{json.dumps(body) if body else ''}\r\n"
                for place, (method, path, body) in enumerate(operations)
            ]
            if operations[0][0] == "GET":
                texts.append(inner[0])
            else:
                mark = f"changeset_{at}"
                texts.append(
                    f"Content-Type: multipart/mixed; boundary={mark}\r\n\r\n"
                    + "".join(f"--{mark}\r\n{i}" for i in inner)
                    + f"--{mark}--\r\n"
                )
        body = "".join(f"--batch_1\r\n{text}" for text in texts) + "--batch_1--\r\n"
        headers = {"Content-Type": "multipart/mixed; boundary=batch_1"} | ({"Prefer": "odata.continue-on-error"} if onwards else {})
        return self.http.post("/data/$batch", content=body, headers=headers)

    def act(self, action: str, **told: object) -> httpx.Response:
        return self.http.post(f"/data/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.{action}", json=told)

    def send_package(self, entity: str, path: str, kind: str, data: str, **more: object) -> httpx.Response:
        """Upload a package of one entity and import it."""
        manifest = (
            '<DataManagementPackageManifest xmlns="http://schemas.microsoft.com/dynamics/2015/01/DataManagement"><PackageEntityList>'
            f"<DataManagementPackageEntityData><EntityName>{entity}</EntityName><InputFilePath>{path}</InputFilePath><SourceFormat>{kind}</SourceFormat>"
            "</DataManagementPackageEntityData></PackageEntityList></DataManagementPackageManifest>"
        )
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            archive.writestr("Manifest.xml", manifest)
            archive.writestr("PackageHeader.xml", "<DataManagementPackageHeader/>")
            archive.writestr(path, data)
        blob = json.loads(self.act("GetAzureWriteUrl", uniqueFileName="zz-1.zip").json()["value"])["BlobUrl"]
        stored = httpx.put(blob, content=memory.getvalue(), headers={"x-ms-blob-type": "BlockBlob"})
        assert stored.status_code == 201
        told = {
            "packageUrl": blob,
            "definitionGroupId": "ZZ",
            "executionId": "E1",
            "execute": True,
            "overwrite": False,
            "legalEntityId": COMPANY,
        }
        return self.act("ImportFromPackage", **(told | more))

    def close(self) -> None:
        self.http.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "fscm.sqlite"


@pytest.fixture
def env(state: Path) -> Iterator[Environment]:
    with serve(state) as running:
        environment = Environment(running)
        environment.control("seed", SEED)
        yield environment
        environment.close()


@pytest.fixture
def reopen(state: Path) -> Iterator[Any]:
    """Give a way to start another emulator over the same state file."""
    opened: list[tuple[Running, Environment]] = []

    def again() -> Environment:
        running = serve(state)
        opened.append((running, Environment(running)))
        return opened[-1][1]

    yield again
    for running, environment in opened:
        environment.close()
        running.close()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """Give a legal entity whose inventory journals can be watched."""
    with serve(tmp_path / "fscm.sqlite") as running:
        yield Yard(running.base_url)
