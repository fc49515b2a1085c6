"""Which environment do the tests of the emulated Business Central talk to? One of their own, with one small company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from backhaul.adapters.business_central.emulator import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED: dict[str, Any] = {
    "settings": {"now": "2025-01-10T08:00:00Z"},
    "rows": {
        "companies": [{"name": "CRONUS"}],
        "items": [
            {"number": "MUG", "displayName": "A mug", "unitPrice": 9.99, "unitCost": 4, "taxGroupCode": "STD"},
            {"number": "CUP", "displayName": "A cup", "unitPrice": 5, "unitCost": 2, "taxGroupCode": "STD"},
            {"number": "STOPPED", "blocked": True, "taxGroupCode": "STD"},
            {"number": "UNSOLD", "_salesBlocked": True, "taxGroupCode": "STD"},
            {"number": "FEE", "type": "Service", "displayName": "A fee", "taxGroupCode": "STD"},
        ],
        "itemVariants": [{"itemNumber": "CUP", "code": "RED"}, {"itemNumber": "CUP", "code": "OLD", "_blocked": True}],
        "locations": [{"code": "MAIN"}, {"code": "RET"}, {"code": "BAD"}, {"code": "WMS", "_requireReceive": True}],
        "customers": [
            {"number": "C1", "displayName": "A customer", "_vatBusPostingGroup": "DOM"},
            {"number": "SHIP", "blocked": "Ship", "_vatBusPostingGroup": "DOM"},
            {"number": "ALL", "blocked": "All", "_vatBusPostingGroup": "DOM"},
            {"number": "ABROAD", "_vatBusPostingGroup": "NOWHERE"},
        ],
        "vatPostingSetups": [{"vatBusPostingGroup": "DOM", "vatProdPostingGroup": "STD", "vatPercent": 20, "vatIdentifier": "V20"}],
        "taxGroups": [{"code": "STD", "displayName": "Standard"}],
        "customerReturnReasons": [{"code": "ZZ", "description": "Returned"}],
        "returnReasons": [{"code": "FIT"}, {"code": "SCRAP", "inventoryValueZero": True}, {"code": "BROKEN", "defaultLocationCode": "BAD"}],
    },
}


class Environment:
    """A signed-in caller of one emulator, with the few gestures every test makes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False)
        self.root = "/v2.0/tenant/test/api/v2.0"
        self.company = ""

    def control(self, path: str, told: object = None) -> Any:
        answer = self.http.get(f"/control/{path}") if told is None else self.http.post(f"/control/{path}", json=told)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def begin(self, **settings: object) -> None:
        """Begin with an empty company, signed in anew: a token lasts an hour, and the tests of one process may last longer."""
        form = {"grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "secret", "scope": f"{self.url}/.default"}
        token = self.http.post("/tenant/oauth2/v2.0/token", data=form).json()["access_token"]
        self.http.headers.update({"Authorization": f"Bearer {token}", "Accept-Language": "en-US", "Accept": "application/json"})
        self.company = next(iter(self.control("seed", SEED | {"settings": SEED["settings"] | settings})["companies"].values()))

    def sell(self, order: str = "SO1", *lines: tuple[str, int, str], **more: object) -> dict[str, Any]:
        told = [{"item": item, "quantity": quantity, "price": price} for item, quantity, price in lines or [("MUG", 10, "9.99")]]
        head = {"legalEntity": "CRONUS", "salesOrder": order, "customer": "C1", "currency": "GBP", "date": "2024-12-20"}
        return dict(self.control("sales", {"orders": [{**head, "lines": told, **more}]})["orders"][0])

    def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        return self.http.request(method, f"{self.root}/companies({self.company})/{path}", json=body, headers=headers)

    def rows(self, path: str) -> list[dict[str, Any]]:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["value"])

    def place(self, code: str) -> str:
        return str(self.rows(f"locations?$filter=code eq '{code}'")[0]["id"])

    def line(self, item: str = "MUG", quantity: float = 3, price: float = 9.99, *, at: str | None = "RET",
             **more: object) -> dict[str, Any]:
        return {"lineType": "Item", "lineObjectNumber": item, "quantity": quantity, "unitPrice": price,
                **({"locationId": self.place(at)} if at else {}), **more}

    def draft(self, *lines: dict[str, Any], reference: str = "ZZ-1", customer: str = "C1", **more: object) -> dict[str, Any]:
        told = {"customerNumber": customer, "externalDocumentNumber": reference, "salesCreditMemoLines": list(lines or [self.line()])}
        answer = self.send("POST", "salesCreditMemos", told | more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def post(self, memo: dict[str, Any]) -> httpx.Response:
        return self.send("POST", f"salesCreditMemos({memo['id']})/Microsoft.NAV.post")

    def read(self, memo: dict[str, Any]) -> dict[str, Any]:
        return dict(self.send("GET", f"salesCreditMemos({memo['id']})?$expand=salesCreditMemoLines").json())

    def ledgers(self) -> dict[str, Any]:
        told = dict(self.control("ledgers"))
        assert told["balanced"], told["checks"]
        return told


def told_by(answer: httpx.Response) -> tuple[int, str, str]:
    """Give status, code and text of a refusal, without the correlation id."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"].partition("  CorrelationId:  ")[0]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("central") / "central.sqlite"


@pytest.fixture(scope="session")
def central(state: Path) -> Iterator[Environment]:
    with serve(state) as running:
        environment = Environment(running.base_url)
        yield environment
        environment.http.close()


@pytest.fixture
def env(central: Environment) -> Environment:
    """Give an environment that has forgotten what the test before it did."""
    central.control("reset", {})
    central.http.delete("/control/faults")
    central.begin()
    return central
