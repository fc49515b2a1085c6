"""Does the API do what the console does, once, and only for whom it may?"""

import asyncio
import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from tests.stores import open_store

from backhaul.adapters.sql import SqlStore
from backhaul.application import people
from backhaul.application.extracts import SIDES, write
from backhaul.application.ports import KeptCase, KeptSession, KeptWindow, PostingState
from backhaul.application.proof_ports import KeptProof, KeptStray, KeptWithin
from backhaul.application.receive import keep
from backhaul.domain.access import RIGHTS, Action, Grant, Role, Scope
from backhaul.domain.delivery import BY_HAND, Delivery
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Corrected, Decided, Stage
from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.posting import Posting as Effect, PostingBatch, PostingKey, PostingKind, Release, ReturnOrder
from backhaul.domain.proposal import ProposalState
from backhaul.domain.retention import Kept, Terms
from backhaul.domain.roll_forward import Account, Flow, Movement, Rolled, Whose, roll
from backhaul.domain.rules import Rules
from backhaul.domain.validation import MasterData, Questions, Sale, SaleLine
from backhaul.entrypoints import rolling
from backhaul.entrypoints.api.service import PREFIX, beside, create_api
from backhaul.testing import builders

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)
NUMBERS = count(1)
ANY = {"period": "2011-03", "search": "x", "ref": "x", "subject": "x", "kind": "BLIND", "legal_entity": "gb", "currency": "GBP",
       "decision": "waive"}
"""Something for every parameter that a route of the API needs."""


@dataclass(slots=True)
class Clock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Profile:
    rules: Rules
    sources: tuple[Any, ...] = (SimpleNamespace(name="zigzag"),)
    name: str = "2026-01"
    sha256: str = "5f0c"
    text: str = 'tenant = "acme"\nkey = "env:BACKHAUL_ZIGZAG_SECRET"\n'
    terms: Terms = Terms(by_class={Kept.CUSTOMERS: timedelta(days=365)})  # noqa: RUF009  it never changes


@dataclass(slots=True)
class House:
    """A house with two tenants of two companies each, and no ERP."""

    store: SqlStore
    profiles: Mapping[str, Profile]
    state_dir: Path = Path()

    def desk(self, tenant: str, legal_entity: str) -> Any:
        return replace(_DESK, entity=self.profiles[tenant].rules.entity(legal_entity))


class Selling:
    """An ERP that sold one mug, whoever asks."""

    def master_data(self, questions: Questions) -> MasterData:
        return MasterData(sales={name: Sale(number=name, customer="C1", currency="GBP", lines=(
            SaleLine(sku="MUG", quantity=Decimal(1), unit_price=Decimal("6.25"), lot="L1"),)) for name in questions.orders})


@dataclass(slots=True)
class Desk:
    route: Any = builders.ROUTE
    entity: Any = None
    erp: Any = Selling()  # noqa: RUF009  it holds nothing


_DESK = Desk()


@dataclass(slots=True)
class Shop:
    """An API, its store, and people with tokens."""

    store: SqlStore
    client: TestClient[Any]
    tokens: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def token(self, role: Role | None, *entities: str, tenant: str = "acme", subject: str = "", only: set[Action] | None = None) -> str:
        """Give the token of somebody with a role, the same for the same question."""
        name = subject or f"{role}-{tenant}-{'-'.join(entities)}"
        at = (name, frozenset(only or ()))
        if at not in self.tokens:
            number = people.add(self.store, issuer="https://login.example", subject=name, name=name, actor="admin", now=NOON)
            if role:
                with self.store.begin() as tx:
                    people.give(tx, number, Grant(role=role, tenant=tenant, entities=frozenset(entities) or None), granted_by="a",
                                approved_by="b", now=NOON)
            person = people.who(self.store, "https://login.example", name)
            assert person is not None
            self.tokens[at] = people.issue_token(self.store, person, name="test", scopes=only or set(Action), lasts=timedelta(hours=10),
                                                 secret=f"{next(NUMBERS):043}", now=NOON)
        return self.tokens[at]

    def call(self, method: str, path: str, token: str = "", *, json: Any = None, key: str = "", **query: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if method == "POST":
            headers["Idempotency-Key"] = key or f"key-{next(NUMBERS):08}"
        return self.client.request(method, f"{PREFIX}{path}", headers=headers, json=json, params=query)

    def trouble(self, ref: str = "R1", code: str = "PRICE_ABOVE_SOLD", entity: str = "gb", tenant: str = "acme", *,
                blind: bool = False) -> int:
        """Announce one mug, or let one come that nobody announced, and open an exception about it."""
        with self.store.begin() as tx:
            tx.add_facts(tenant, [replace(builders.announced(builders.line(order=None if blind else "SO-1"), blind=blind), return_ref=ref)])
            if not tx.cases(tenant, [ref]):
                tx.save_case(KeptCase(tenant=tenant, ref=ref, legal_entity=entity, state=ReturnState.HELD, customer="C-4711",
                                      updated_at=NOON, currency="GBP", waits_since=NOON))
            return tx.open_exception(ExceptionCase.about(
                tenant=tenant, return_ref=ref, line_id="MUG#1", money=Money(amount=Decimal("12.50"), currency="GBP"), teams={}, now=NOON,
                findings=(Finding(code=code, sentence="12.50 is above 6.25.", line_id="MUG#1"),)))

    def decisions(self, ref: str = "R1") -> list[Decided]:
        with self.store.begin() as tx:
            return [fact for fact in tx.facts("acme", [ref]).get(ref, ()) if isinstance(fact, Decided)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    store = open_store(f"sqlite:///{tmp_path / 'backhaul.db'}")
    entities = tuple(builders.entity(id=name) for name in ("gb", "de"))
    mapping = (*builders.MAPPING, *(replace(row, when=replace(row.when, legal_entity="gb")) for row in builders.MAPPING))
    decided = replace(builders.rules(), entities=entities, mapping=mapping)
    profiles = {tenant: Profile(replace(decided, tenant=tenant)) for tenant in ("acme", "other")}
    house = House(store=store, profiles=profiles, state_dir=tmp_path)
    with TestClient(create_api(house, Clock()), raise_server_exceptions=False) as client:
        yield Shop(store=store, client=client)
    store.close()


def routes(shop: Shop) -> list[tuple[str, str, Action | None]]:
    """Give every method and path of the API with the action it declares."""
    return sorted((method, route.path, handler.opt.get("action")) for route in shop.client.app.routes
                  for handler in getattr(route, "route_handlers", ()) for method in handler.http_methods
                  if method != "OPTIONS" and route.path.startswith(PREFIX))


# --- who may


def test_every_route_names_its_action_and_only_changes_are_posts(shop: Shop) -> None:
    told = routes(shop)

    assert len(told) >= 28
    assert all(isinstance(action, Action) for _, _, action in told)
    assert {method for method, _, _ in told} == {"GET", "POST"}
    assert {"see", "comment", "propose", "approve", "revoke"} <= {action.value for _, _, action in told if action}


def bodies(shop: Shop) -> dict[str, dict[str, Any]]:
    """Give a whole body for every change of the API that takes one, made from its description."""
    told = shop.client.get("/api/openapi.json").json()
    known = told["components"]["schemas"]

    def some(schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            parts = known[schema["$ref"].rsplit("/", 1)[1]]
            return {name: some(each) for name, each in parts["properties"].items() if name in parts.get("required", ())}
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [""])[0])
        if schema.get("type") == "array":
            return [some(schema["items"])]
        if schema.get("type") == "boolean":
            return True
        if schema.get("format") == "date-time":
            return NOON.isoformat()
        return 99 if schema.get("type") == "integer" else "x"

    return {path.removeprefix(PREFIX): some(ways["post"]["requestBody"]["content"]["application/json"]["schema"])
            for path, ways in told["paths"].items() if "requestBody" in ways.get("post", {})}


@pytest.mark.parametrize("field", ["status", "approved_by", "tenant_id", "amount", "tenant", "actor", "approver", "needed", "state"])
def test_a_field_nobody_asked_for_is_refused_by_every_change_and_nothing_is_kept(shop: Shop, field: str) -> None:
    tokens = {action: next(shop.token(role) for role in Role if role in RIGHTS[action]) for action in Action}
    needs = {path.removeprefix(PREFIX): action for method, path, action in routes(shop) if method == "POST"}
    changes = bodies(shop)

    answers = {}
    for path, body in changes.items():
        action = needs[path.replace("{tenant}", "{tenant:str}").replace("{number}", "{number:int}")]
        assert action is not None
        where = path.replace("{tenant}", "acme").replace("{number}", "99")
        more = shop.call("POST", where, tokens[action], json=body | {field: "1"})
        answers[path] = (more.status_code, f"unknown field `{field}`" in more.text)

    assert len(changes) >= 20
    assert {path: told for path, told in answers.items() if told != (400, True)} == {}
    with shop.store.begin() as tx:
        assert not tx.proposals(Scope.whole("acme"), open_only=False)


def test_what_breaks_in_any_route_tells_a_number_and_nothing_else(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    tokens = {action: next(shop.token(role) for role in Role if role in RIGHTS[action]) for action in Action}
    changes = bodies(shop)
    shop.store.engine.dispose()
    Path(str(shop.store.engine.url.database)).unlink()

    wrong = []
    for method, path, action in routes(shop):
        assert action is not None
        bare = path.removeprefix(PREFIX)
        body = changes.get(bare.replace(":str", "").replace(":int", ""))
        caplog.clear()
        answer = shop.call(method, bare.replace("{tenant:str}", "acme").replace("{number:int}", "99"), tokens[action], json=body, **ANY)
        told = answer.json()
        logged = any(getattr(record, "number", "") == told.get("number") for record in caplog.records)
        if (answer.status_code, logged) != (500, True) or set(told) != {"type", "status", "title", "instance", "number", "detail"} \
                or "sqlite" in answer.text.casefold() or "Traceback" in answer.text:
            wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert wrong == []


def test_no_route_lets_in_a_role_or_a_tenant_it_should_not(shop: Shop) -> None:
    """The matrix of routes, methods, roles and tenants, made from the table of routes."""
    unexpected = []
    for method, path, action in routes(shop):
        assert action is not None
        for role in Role:
            for tenant in ("acme", "other"):
                where = path.removeprefix(PREFIX).replace("{tenant:str}", tenant).replace("{number:int}", "99")
                status = shop.call(method, where, shop.token(role), json={}, **ANY).status_code
                allowed = tenant == "acme" and role in RIGHTS[action]
                if (status == 403) is allowed or status >= 500:
                    unexpected.append((method, where, role.value, status))
    assert unexpected == []


@pytest.mark.parametrize("token", ["", "nonsense", "bh_" + "x" * 43])
def test_nobody_without_a_token_that_holds_comes_in_anywhere(shop: Shop, token: str) -> None:
    told = {shop.call(method, path.removeprefix(PREFIX).replace("{tenant:str}", "acme").replace("{number:int}", "1"), token).status_code
            for method, path, _ in routes(shop)}

    assert told == {401}


def test_a_token_does_no_more_than_its_scopes(shop: Shop) -> None:
    number = shop.trouble()
    token = shop.token(Role.FINANCE, only={Action.SEE})

    assert shop.call("GET", "/acme/exceptions", token).status_code == 200
    assert shop.call("POST", f"/acme/exceptions/{number}/comments", token, json={"text": "hello"}).status_code == 403


def test_what_lies_outside_ones_companies_is_not_there(shop: Shop) -> None:
    mine, theirs = shop.trouble("R1"), shop.trouble("R2", entity="de")
    token, words = shop.token(Role.FINANCE, "gb"), {"decision": "waive", "reason": "agreed"}

    listed = shop.call("GET", "/acme/exceptions", token).json()["exceptions"]

    assert [row["number"] for row in listed] == [mine]
    assert shop.call("GET", f"/acme/exceptions/{theirs}", token).status_code == 404
    assert shop.call("GET", "/acme/return", token, ref="R2").status_code == 404
    assert shop.call("GET", "/acme/trail", token, subject="R2").status_code == 404
    assert shop.call("GET", "/acme/waiting", token, search="R2").json() == {"waiting": [], "next": ""}
    assert [row["ref"] for row in shop.call("GET", "/acme/waiting", token).json()["waiting"]] == ["R1"]
    assert shop.call("POST", f"/acme/exceptions/{theirs}/decisions", token, json=words).status_code == 404
    assert shop.call("POST", "/acme/pauses", token, json={"reason": "x", "legal_entity": "de"}).status_code == 404
    assert shop.call("POST", "/acme/pauses", token, json={"reason": "x"}).status_code == 404
    assert shop.call("POST", "/acme/profiles", token, json={"text": "x = 1", "reason": "x"}).status_code == 403


def test_lists_go_on_behind_the_row_the_page_before_ended_with_and_a_search_goes_by_any_id(shop: Shop) -> None:
    for number in range(1, 6):
        shop.trouble(f"R{number}")
    token = shop.token(Role.FINANCE)

    def walk(path: str, name: str, key: str) -> list[Any]:
        seen, after = [], ""
        while True:
            page = shop.call("GET", path, token, limit=2, **({"after": after} if after else {})).json()
            seen += [row[key] for row in page[name]]
            if not (after := page["next"]):
                return seen

    assert sorted(walk("/acme/returns", "returns", "ref")) == [f"R{number}" for number in range(1, 6)]
    assert len(set(walk("/acme/exceptions", "exceptions", "number"))) == 5
    assert [row["ref"] for row in shop.call("GET", "/acme/returns", token, search="R3").json()["returns"]] == ["R3"]
    assert shop.call("GET", "/acme/returns", token, search="%").json() == {"returns": [], "next": ""}
    for path in ("/acme/returns", "/acme/exceptions"):
        assert shop.call("GET", path, token, after="rubbish").status_code == 400
    assert shop.call("GET", "/acme/exceptions", token, after="2011-03-01T00:00:00Z|R1").status_code == 400


def test_a_viewer_sees_no_customer_and_no_trail(shop: Shop) -> None:
    shop.trouble()

    plain = shop.call("GET", "/acme/returns", shop.token(Role.VIEWER)).json()["returns"][0]
    named = shop.call("GET", "/acme/returns", shop.token(Role.FINANCE)).json()["returns"][0]
    life = shop.call("GET", "/acme/return", shop.token(Role.VIEWER), ref="R1").json()

    assert (plain["customer"], named["customer"]) == ("***", "C-4711")
    assert [(event["sort"], set(event["detail"]) - {"delivery_id"}) for event in life["events"] if event["sort"] != "exception"] == [
        ("fact", set())], "that something was said, and not what"
    assert "C-4711" not in str(life)


def test_a_customer_is_masked_in_every_answer_for_whom_they_are_masked_in_one(shop: Shop) -> None:
    number = shop.trouble(code="BLIND", blind=True)
    match = {"decision": "match", "reason": "found", "order": "SO-1", "unit_price": "10.00", "customer": "C-4711"}
    shop.call("POST", f"/acme/exceptions/{number}/decisions", shop.token(Role.FINANCE), json=match)
    paths = [("/acme/returns", {}), ("/acme/return", {"ref": "R1"}), ("/acme/waiting", {}), ("/acme/waiting", {"search": "R1"}),
             ("/acme/proposals", {}), (f"/acme/exceptions/{number}", {})]

    def seen(token: str) -> list[bool]:
        answers = [shop.call("GET", path, token, **query) for path, query in paths]
        assert {answer.status_code for answer in answers} == {200}
        return ["C-4711" in answer.text for answer in answers]

    assert seen(shop.token(Role.FINANCE, "gb")) == [True] * len(paths)
    assert seen(shop.token(Role.WAREHOUSE)) == seen(shop.token(Role.ADMIN)) == [False] * len(paths)
    with shop.store.begin() as tx:  # who may see personal data elsewhere sees it only there
        [person] = [each for each in tx.people() if each.subject == "warehouse-acme-"]
        people.give(tx, person.number, Grant(role=Role.FINANCE, tenant="acme", entities=frozenset({"de"})), granted_by="a", approved_by="b",
                    now=NOON)
    assert seen(shop.token(Role.WAREHOUSE)) == [False] * len(paths)


def test_what_a_month_did_not_prove_is_told_run_by_run_and_line_by_line(shop: Shop) -> None:
    run = KeptProof(tenant="acme", period="2011-02", day=NOON.date(), at=NOON, actor="fiona", complete=True, figures={"lines": 2},
                    extracts=[{"side": "held", "sha256": "ab"}])
    late, wrong = (KeptStray(line=f"R1|{kind}", return_ref="R1", line_id=kind, standing="broken", kind=kind, amount=Decimal("1.50"),
                             since=since) for kind, since in (("LATE", NOON.date()), ("WRONG_AMOUNT", None)))
    with shop.store.begin() as tx:
        tx.keep_proof(run, [])
        tx.keep_proof(run, [late, wrong], within=[KeptWithin(line="R1|TAX", return_ref="R1", line_id="TAX", measure="tax", row="tax GBP",
                                                             amount=Decimal("0.01"))])
        tx.keep_proof(replace(run, period="2011-01"), [])
    viewer = shop.token(Role.VIEWER)

    latest = shop.call("GET", "/acme/proofs", viewer).json()["proofs"]
    runs = shop.call("GET", "/acme/proofs", viewer, period="2011-02").json()["proofs"]
    lines = shop.call("GET", "/acme/proof-lines", viewer, period="2011-02").json()
    one = shop.call("GET", "/acme/proof-lines", viewer, period="2011-02", kind="LATE", limit=1).json()["lines"]

    let_go = shop.call("GET", "/acme/proof-within", viewer, period="2011-02", row="tax GBP").json()

    assert (let_go["total"], [(each["line_id"], each["amount"]) for each in let_go["lines"]]) == (1, [("TAX", "0.01")])
    assert [(each["period"], each["id"]) for each in latest] == [("2011-02", 2), ("2011-01", 3)]
    assert [(each["id"], each["day"], each["extracts"][0]["sha256"]) for each in runs] == [(2, "2011-03-01", "ab"), (1, "2011-03-01", "ab")]
    assert (lines["total"], [each["since"] for each in lines["lines"]]) == (2, ["2011-03-01", None])
    assert [(each["line_id"], each["amount"]) for each in one] == [("LATE", "1.50")]
    assert shop.call("GET", "/acme/proofs", shop.token(Role.VIEWER, "gb")).status_code == 403


def test_what_a_month_rolled_forward_is_told_row_by_row_and_the_lines_under_each_figure(shop: Shop) -> None:
    whose, first, last = Whose(entity="gb", brand="QX", warehouse="DC", currency="GBP"), date(2011, 2, 1), date(2011, 2, 28)
    moves = tuple(Movement(flow=Flow.PAID, whose=whose, name="payouts", item=f"psp:P-{number}", day=last, amount=Decimal("1.50"),
                           return_ref="R1") for number in range(2))
    rows = roll(moves, (), {(Flow.PAID, "gb"): Account(name="5990")}, {"gb": Period(name="2011-02", first=first, last=last)})
    rolling.keep(shop.store, "acme", "2011-02", Rolled(first=first, day=last, rows=rows, movements=moves, reasons=("half of it",)))
    viewer, about = shop.token(Role.VIEWER), {"flow": "paid", "entity": "gb", "brand": "QX", "warehouse": "DC", "currency": "GBP"}

    told = shop.call("GET", "/acme/roll-forward", viewer, period="2011-02").json()
    lines = shop.call("GET", "/acme/roll-forward-lines", viewer, period="2011-02", cell="closing", limit=1, **about).json()

    assert [(row["closing"], row["balance"], row["difference"], row["movements"]["payouts"]) for row in told["rows"]] == [
        ("3.00", "0", "-3.00", "3.00")]
    assert told["reasons"] == ["half of it"]
    assert (lines["total"], [(line["return_ref"], line["amount"], line["day"]) for line in lines["lines"]]) == (
        2, [("R1", "1.50", "2011-02-28")])
    assert shop.call("GET", "/acme/roll-forward", viewer, period="2011-03").json() == {"rows": [], "reasons": []}
    strange = shop.call("GET", "/acme/roll-forward-lines", viewer, period="2011-02", cell="closing", **about | {"flow": "x"}).json()
    assert strange["total"] == 0
    for path, more in (("/acme/roll-forward", {}), ("/acme/roll-forward-lines", {"cell": "closing", **about})):
        assert shop.call("GET", path, shop.token(Role.VIEWER, "gb"), period="2011-02", **more).status_code == 403


def test_a_pack_is_archived_once_by_who_may_sign_and_a_download_writes_nothing(shop: Shop, tmp_path: Path) -> None:
    finance, extracts = shop.token(Role.FINANCE), []
    for side in SIDES:
        write(side, [], str(tmp_path / side) + ".parquet")
        file = tmp_path / f"{side}.parquet"
        extracts.append({"side": side, "rows": 0, "file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()})
    with shop.store.begin() as tx:
        tx.keep_proof(KeptProof(tenant="acme", period="2011-02", day=NOON.date(), at=NOON, actor="ada", complete=True,
                                figures={"credit_difference": "0"}, extracts=extracts), [])

    def told() -> list[Any]:
        with shop.store.look() as tx:
            return [entry.detail["sha256"] for entry in tx.trail("acme", subject="close:2011-02") if entry.action == "close.packed"]

    book, before = shop.call("GET", "/acme/close/pack", finance, period="2011-02"), told()
    archived = [shop.call("POST", "/acme/close/pack", finance, json={"period": "2011-02"}) for _ in range(2)]

    assert (book.status_code, before) == (200, [])
    assert [each.status_code for each in archived] == [201, 201]
    assert told() == [archived[0].json()["sha256"]]
    assert archived[0].json()["sha256"]["xlsx"] == hashlib.sha256(book.content).hexdigest()


# --- changing


def test_a_list_of_a_month_is_signed_as_it_was_shown_by_whose_role_signs_it(shop: Shop) -> None:
    warehouse, finance = shop.token(Role.WAREHOUSE), shop.token(Role.FINANCE)
    with shop.store.begin() as tx:
        tx.keep_proof(KeptProof(tenant="acme", period="2011-02", day=NOON.date(), at=NOON, actor="ada", complete=True, figures={},
                                extracts=[]), [])

    told = shop.call("GET", "/acme/close", warehouse, period="2011-02").json()["closes"]
    lists = {each["signer"]: each for each in told[0]["lists"]}
    words = {"period": "2011-02", "legal_entity": told[0]["legal_entity"], "signer": "warehouse", "shown": lists["warehouse"]["sha256"]}
    refused = shop.call("POST", "/acme/close/signatures", finance, json=words)
    done = shop.call("POST", "/acme/close/signatures", warehouse, json=words)
    after = shop.call("GET", "/acme/close", warehouse, period="2011-02").json()["closes"][0]["lists"]

    assert [month["legal_entity"] for month in told] == ["gb", "de"]
    assert (refused.status_code, done.status_code) == (403, 201), done.text
    assert done.json()["sha256"] == words["shown"]
    assert [each["signer"] for each in after if each["holds"]] == ["warehouse"]
    assert shop.call("GET", "/acme/close", warehouse, period="2011-13").status_code == 400
    assert shop.call("GET", "/acme/close/pack", finance, period="2011-02", kind="doc").status_code == 400
    assert shop.call("GET", "/acme/close/pack", finance, period="2011-03").status_code == 409
    assert shop.call("GET", "/acme/close/pack", warehouse, period="2011-02").status_code == 403
    assert shop.call("POST", "/acme/close/pack", finance, json={"period": "2011-03"}).status_code == 409
    assert shop.call("POST", "/acme/close/pack", shop.token(Role.AUDITOR), json={"period": "2011-02"}).status_code == 403
    assert shop.call("GET", "/acme/close", shop.token(Role.VIEWER, "gb"), period="2011-02").status_code == 403
    assert shop.call("POST", "/acme/close/signatures", shop.token(Role.WAREHOUSE, "gb"), json=words).status_code == 403


def test_a_decision_is_proposed_by_one_and_approved_by_another_as_it_was_shown(shop: Shop) -> None:
    number = shop.trouble()
    clerk, boss = shop.token(Role.FINANCE), shop.token(Role.APPROVER)

    proposed = shop.call("POST", f"/acme/exceptions/{number}/decisions", clerk, json={"decision": "waive", "reason": "agreed"})
    before = shop.decisions()
    stale = shop.call("POST", f"/acme/proposals/{proposed.json()['id']}/approve", boss, json={"shown": "0" * 64})
    [offered] = shop.call("GET", "/acme/proposals", boss).json()["proposals"]
    done = shop.call("POST", f"/acme/proposals/{offered['id']}/approve", boss, json={"shown": offered["shown"]})

    assert (proposed.status_code, before, stale.status_code, done.status_code) == (201, [], 409, 201)
    assert "not what was shown" in stale.json()["detail"]
    assert done.json()["state"] == ProposalState.APPROVED
    assert [fact.reason for fact in shop.decisions()] == ["agreed"]


def test_a_value_is_corrected_by_one_who_may_and_approved_by_another_as_it_was_shown(shop: Shop) -> None:
    number = shop.trouble()
    clerk, boss, path = shop.token(Role.FINANCE), shop.token(Role.APPROVER), f"/acme/exceptions/{number}/corrections"
    wanted = {"what": "unit-price", "value": "6.25", "reason": "as sold"}

    refused = shop.call("POST", path, shop.token(Role.WAREHOUSE), json=wanted)
    scoped = shop.call("POST", path, shop.token(Role.FINANCE, subject="narrow", only={Action.PROPOSE}), json=wanted)
    proposed = shop.call("POST", path, clerk, json=wanted)
    wrong = shop.call("POST", path, clerk, json=wanted | {"value": "six"})
    more = shop.call("POST", path, clerk, json=wanted | {"approver": "me"})
    done = shop.call("POST", f"/acme/proposals/{proposed.json()['id']}/approve", boss, json={"shown": proposed.json()["shown"]})

    assert "unit-price" in shop.call("GET", f"/acme/exceptions/{number}", clerk).json()["correctable"]
    assert [each.status_code for each in (refused, scoped, proposed, wrong, more, done)] == [403, 403, 201, 409, 400, 201]
    assert proposed.json()["content"] == {"exception": number, "what": "unit-price", "line": "MUG#1", "told": "10", "value": "6.25"}
    assert done.json()["result"] == f"exception {number}: unit-price is 6.25"
    with shop.store.begin() as tx:
        [fact] = [fact for fact in tx.facts("acme", ["R1"])["R1"] if isinstance(fact, Corrected)]
    assert (fact.told, fact.value) == ("10", "6.25")


def test_whose_account_is_proposed_is_told_only_to_who_may_see_customers(shop: Shop) -> None:
    number = shop.trouble(code="CUSTOMER_UNKNOWN")
    shop.call("POST", f"/acme/exceptions/{number}/corrections", shop.token(Role.FINANCE),
              json={"what": "customer", "value": "C-99", "reason": "as they said"})
    shop.call("POST", f"/acme/exceptions/{shop.trouble('R2', 'BLIND', blind=True)}/decisions", shop.token(Role.FINANCE),
              json={"decision": "match", "order": "SO-1", "unit_price": "1", "customer": "C-98", "reason": "as they said"})

    def told(role: Role) -> list[tuple[str, ...]]:
        proposals = shop.call("GET", "/acme/proposals", shop.token(role)).json()["proposals"]
        one = shop.call("GET", f"/acme/exceptions/{number}", shop.token(role)).json()["proposals"]
        return [tuple(each["content"].get(name, "") for name in ("told", "value", "customer")) for each in (*proposals, *one)]

    assert told(Role.APPROVER) == [("C1", "C-99", ""), ("", "", "C-98"), ("C1", "C-99", "")]
    assert told(Role.VIEWER) == [("***", "***", ""), ("", "", "***"), ("***", "***", "")]


def test_no_answer_shows_an_account_in_a_sentence_to_whom_it_is_masked_in_a_field(shop: Shop) -> None:
    number = shop.trouble(code="CUSTOMER_UNKNOWN")
    with shop.store.begin() as tx:
        tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="R1", line_id="MUG#1", money=Money(amount=Decimal(1), currency="GBP"), teams={}, now=NOON,
            findings=(Finding(code="CUSTOMER_UNKNOWN", sentence="The ERP does not know customer 'C-4711'.", hint="C-4711"),
                      Finding(code="MATCH_DIFFERS", sentence="Order SO-1 was sold to JANE, the return credits C-4711."))))
        tx.record("acme", subject="R1", action="exception.seen", at=NOON, actor="backhaul", detail={
            "left": {"1": "Customer 'C-4711' rang."}})
    proposed = shop.call("POST", f"/acme/exceptions/{number}/corrections", shop.token(Role.FINANCE), json={
        "what": "customer", "value": "C-99", "reason": "as they said"}).json()

    def told(role: Role, *more: str) -> list[str]:
        answers = [shop.call("GET", f"/acme/{path}", shop.token(role), ref="R1", subject="R1", which="all")
                   for path in ("exceptions", f"exceptions/{number}", "return", "proposals", *more)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.text for answer in answers]

    assert [word for page in (*told(Role.VIEWER), *told(Role.ADMIN, "trail")) for word in ("C-4711", "JANE", "C-99") if word in page] == []
    assert all("C-4711" in page or "C-99" in page for page in told(Role.FINANCE, "trail"))
    assert "was sold to ***, the return credits ***." in told(Role.VIEWER)[1]

    shop.call("POST", f"/acme/proposals/{proposed['id']}/approve", shop.token(Role.APPROVER), json={"shown": proposed["shown"]})

    assert [": customer is C-99" in told(role)[3] for role in (Role.VIEWER, Role.FINANCE)] == [False, True]


def test_one_person_in_two_roles_cannot_approve_their_own(shop: Shop) -> None:
    number = shop.trouble()
    both = shop.token(Role.FINANCE, subject="both")
    with shop.store.begin() as tx:
        [person] = [each for each in tx.people() if each.subject == "both"]
        people.give(tx, person.number, Grant(role=Role.APPROVER, tenant="acme", entities=None), granted_by="a", approved_by="b", now=NOON)

    proposed = shop.call("POST", f"/acme/exceptions/{number}/decisions", both, json={"decision": "waive", "reason": "agreed"}).json()
    answer = shop.call("POST", f"/acme/proposals/{proposed['id']}/approve", both, json={"shown": proposed["shown"]})

    assert answer.status_code == 409
    assert "somebody other than" in answer.json()["detail"]
    assert shop.decisions() == []


def test_the_same_key_again_has_one_effect_and_one_answer(shop: Shop) -> None:
    number = shop.trouble()
    clerk = shop.token(Role.FINANCE)

    first = shop.call("POST", f"/acme/exceptions/{number}/comments", clerk, json={"text": "seen"}, key="one-and-only")
    again = shop.call("POST", f"/acme/exceptions/{number}/comments", clerk, json={"text": "seen"}, key="one-and-only")
    other = shop.call("POST", f"/acme/exceptions/{number}/comments", clerk, json={"text": "else"}, key="one-and-only")
    somebody = shop.call("POST", f"/acme/exceptions/{number}/comments", shop.token(Role.OPERATOR), json={"text": "me"}, key="one-and-only")

    assert (first.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert (other.status_code, somebody.status_code) == (422, 201)
    notes = shop.call("GET", f"/acme/exceptions/{number}", clerk).json()["notes"]
    assert [note["text"] for note in notes] == ["seen", "me"]


def test_a_change_without_a_key_is_refused(shop: Shop) -> None:
    number, token = shop.trouble(), shop.token(Role.FINANCE)

    answer = shop.client.post(f"{PREFIX}/acme/exceptions/{number}/comments", json={"text": "x"},
                              headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.text


def test_what_failed_is_no_answer_and_may_be_tried_again(shop: Shop) -> None:
    number, clerk = shop.trouble(), shop.token(Role.FINANCE)
    path = f"/acme/exceptions/{number}/hand-over"

    refused = shop.call("POST", path, clerk, json={"team": "", "note": "look"}, key="handing-over")
    done = shop.call("POST", path, clerk, json={"team": "warehouse", "note": "look"}, key="handing-over")

    assert (refused.status_code, done.status_code) == (409, 201)
    assert shop.call("GET", f"/acme/exceptions/{number}", clerk).json()["owner"] == "warehouse"


@pytest.mark.parametrize("more", [{"status": "approved"}, {"approved_by": "me"}, {"tenant_id": "other"}, {"amount": "0.01"}])
def test_nothing_can_be_said_beside_what_is_asked_for(shop: Shop, more: Mapping[str, str]) -> None:
    number, clerk = shop.trouble(), shop.token(Role.FINANCE)

    answer = shop.call("POST", f"/acme/exceptions/{number}/decisions", clerk, json={"decision": "waive", "reason": "agreed", **more})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert shop.call("GET", "/acme/proposals", clerk).json() == {"proposals": []}


def test_evidence_is_kept_byte_for_byte_and_only_ever_downloaded(shop: Shop) -> None:
    number, clerk = shop.trouble(), shop.token(Role.WAREHOUSE)
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))

    def attach(body: bytes, name: str = 'a"b/ü.png') -> httpx.Response:
        content = base64.b64encode(body).decode()
        return shop.call("POST", f"/acme/exceptions/{number}/evidence", clerk, json={"name": name, "content": content})

    kept, program = attach(picture), attach(b"MZ\x90\x00")
    broken = shop.call("POST", f"/acme/exceptions/{number}/evidence", clerk, json={"name": "x", "content": "*"})
    loaded = shop.call("GET", f"/acme/evidence/{kept.json()['note']}", clerk)

    assert (kept.status_code, program.status_code, broken.status_code) == (201, 409, 400)
    assert loaded.content == picture
    assert loaded.headers["content-disposition"] == 'attachment; filename="a_b__.png"'
    assert loaded.headers["content-type"] == "application/octet-stream"
    assert loaded.headers["x-content-type-options"] == "nosniff"
    assert shop.call("GET", f"/acme/evidence/{kept.json()['note']}", shop.token(Role.WAREHOUSE, "de")).status_code == 404
    assert shop.call("GET", "/acme/evidence/99", clerk).status_code == 404


def test_why_nobody_was_credited_is_found_by_what_a_customer_knows_and_promises_are_kept(shop: Shop) -> None:
    shop.trouble()
    desk = shop.token(Role.OPERATOR)
    until = (NOON + timedelta(days=3)).isoformat()

    told = shop.call("POST", "/acme/promises", desk, json={"return_ref": "R1", "text": "by Friday", "due_at": until})
    late = shop.call("POST", "/acme/promises", desk, json={"return_ref": "R1", "text": "then", "due_at": NOON.isoformat()})
    nobody = shop.call("POST", "/acme/promises", desk, json={"return_ref": "R9", "text": "then", "due_at": until})
    found = {search: shop.call("GET", "/acme/waiting", desk, search=search).json()["waiting"]
             for search in ("R1", "C-4711", "SO-1", "nothing")}

    assert (told.status_code, late.status_code, nobody.status_code) == (201, 409, 409)
    assert {search: len(rows) for search, rows in found.items()} == {"R1": 1, "C-4711": 1, "SO-1": 1, "nothing": 0}
    [row] = found["R1"]
    assert row["answer"]["reason"] == "The credit price is above the price of the sale. Finance decides."
    assert row["answer"]["sentence"].startswith("Your return R1 is known to us and its parcel has not come yet")
    assert [each["text"] for each in row["promises"]] == ["by Friday"]


def test_everybody_who_waits_is_listed_page_by_page_without_a_search(shop: Shop) -> None:
    for ref in ("R/3", "R1", "R 2"):
        shop.trouble(ref)
    desk, found, after = shop.token(Role.OPERATOR), list[str](), ""
    while True:
        told = shop.call("GET", "/acme/waiting", desk, limit=2, after=after).json()
        found += [row["ref"] for row in told["waiting"]]
        if not (after := told["next"]):
            break

    assert found == ["R 2", "R/3", "R1"]
    for wrong in ("yesterday|R1", "2026-03-02T12:00:00Z", "2026-03-02T12:00:00|R1", "|R1"):
        assert shop.call("GET", "/acme/waiting", desk, after=wrong).status_code == 400, wrong


def test_a_role_is_proposed_and_approved_by_two_admins_and_revoked_by_one(shop: Shop) -> None:
    shop.token(None, subject="newcomer")
    one, two = shop.token(Role.ADMIN, subject="one"), shop.token(Role.ADMIN, subject="two")
    with shop.store.begin() as tx:
        [newcomer] = [each.number for each in tx.people() if each.subject == "newcomer"]

    asked = shop.call("POST", "/acme/grants", one, json={"person": newcomer, "role": "viewer", "entities": ["gb"], "reason": "new"}).json()
    boss = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", shop.token(Role.APPROVER), json={"shown": asked["shown"]})
    own = shop.call("POST", f"/acme/grants/{asked['id']}/approve", one, json={"shown": asked["shown"]})
    done = shop.call("POST", f"/acme/grants/{asked['id']}/approve", two, json={"shown": asked["shown"]})

    assert (boss.status_code, own.status_code, done.status_code) == (404, 409, 201)
    listed = shop.call("GET", "/acme/people", one).json()["grants"]
    [kept] = [row["id"] for row in listed if row["person"] == newcomer]
    me = shop.call("GET", "/acme/me", shop.token(None, subject="newcomer"))
    assert me.json()["actions"]["see"] == ["gb"]
    assert shop.call("POST", f"/acme/grants/{kept}/revoke", one).status_code == 201
    assert shop.call("GET", "/acme/me", shop.token(None, subject="newcomer")).status_code == 403


def test_one_holds_a_customer_two_let_go_and_what_is_due_on_a_day_is_told_beforehand(shop: Shop) -> None:
    shop.trouble("R1")
    with shop.store.begin() as tx:
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="done", at=NOON, actor="ann")
        tx.save_case(replace(tx.cases("acme", ["R1"])["R1"], state=ReturnState.SETTLED))
    admin, boss, viewer = shop.token(Role.ADMIN), shop.token(Role.APPROVER), shop.token(Role.VIEWER)
    later = {"on": f"{NOON + timedelta(days=9999):%Y-%m-%d}"}

    due = shop.call("GET", "/acme/retention", viewer, **later).json()["classes"]["customers"]
    today = shop.call("GET", "/acme/retention", viewer).json()
    held = shop.call("POST", "/acme/holds", admin, json={"subject": "C-4711", "reason": "C-4711 sues us"}).json()
    seen = [shop.call("GET", "/acme/holds", who).json()["holds"] for who in (viewer, boss)]
    kept = shop.call("GET", "/acme/retention", viewer, **later).json()
    asked = shop.call("POST", f"/acme/holds/{held['hold']}/end", admin, json={"reason": "settled"}).json()
    done = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", boss, json={"shown": asked["shown"]})

    assert (due["term_days"], due["due"], due["would_be_proposed"], due["under_hold"]) == (365, 1, ["R1"], [])
    assert today["classes"]["extracts"]["term_days"] is None
    assert held == {"hold": 1, "returns": ["R1"]}
    assert [row["reason"] for rows in seen for row in rows] == ["*** sues us", "C-4711 sues us"]
    assert kept["classes"]["customers"]["would_be_proposed"] == []
    assert (kept["classes"]["customers"]["under_hold"], kept["holds"][0]["reason"]) == (["R1"], "*** sues us")
    assert done.status_code == 201
    assert shop.call("GET", "/acme/holds", viewer).json() == {"holds": []}
    assert shop.call("POST", f"/acme/holds/{held['hold']}/end", admin, json={"reason": "again"}).status_code == 404
    assert shop.call("GET", "/acme/retention", viewer, on="soon").status_code == 400


def test_one_pauses_and_two_let_writes_leave_again(shop: Shop) -> None:
    clerk, boss = shop.token(Role.FINANCE), shop.token(Role.APPROVER)

    number = shop.call("POST", "/acme/pauses", clerk, json={"legal_entity": "gb", "reason": "wrong accounts"}).json()["pause"]
    seen = shop.call("GET", "/acme/pauses", shop.token(Role.VIEWER)).json()["pauses"]
    asked = shop.call("POST", f"/acme/pauses/{number}/end", clerk, json={"reason": "mended"}).json()
    done = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", boss, json={"shown": asked["shown"]})

    assert [row["reason"] for row in seen] == ["wrong accounts"]
    assert done.status_code == 201
    assert shop.call("GET", "/acme/pauses", clerk).json() == {"pauses": []}
    assert shop.call("POST", f"/acme/pauses/{number}/end", clerk, json={"reason": "again"}).status_code == 404


def test_a_proposal_is_withdrawn_by_its_own_and_refused_by_an_approver(shop: Shop) -> None:
    number, clerk, boss = shop.trouble(), shop.token(Role.FINANCE), shop.token(Role.APPROVER)

    def ask() -> Any:
        return shop.call("POST", f"/acme/exceptions/{number}/decisions", clerk, json={"decision": "close", "reason": "kept"}).json()["id"]

    first = ask()
    theirs = shop.call("POST", f"/acme/proposals/{first}/withdraw", boss, json={"reason": "no"})
    own = shop.call("POST", f"/acme/proposals/{first}/withdraw", clerk, json={"reason": "mistaken"})
    refused = shop.call("POST", f"/acme/proposals/{ask()}/refuse", boss, json={"reason": "not agreed"})

    assert (theirs.status_code, own.json()["state"], refused.json()["state"]) == (403, "withdrawn", "refused")
    every = shop.call("GET", "/acme/proposals", boss, which="every").json()["proposals"]
    assert [row["state"] for row in every] == ["withdrawn", "refused"]


@pytest.mark.parametrize(("words", "status"), [
    ({"decision": "match", "order": "SO-1", "unit_price": "6.25", "customer": "C1"}, 201),
    ({"decision": "match"}, 400),
    ({"decision": "debit", "goods": "leave"}, 409),
    ({"decision": "settle", "found": "CN-1"}, 409),
    ({"decision": "settle", "absent": True}, 409),
    ({"decision": "settle"}, 400),
    ({"decision": "settle", "found": " "}, 400),
    ({"decision": "settle", "found": "CN-1", "absent": True}, 400),
    ({"decision": "claim"}, 409),
    ({"decision": "waive"}, 201),
    ({"decision": "burn"}, 400),
])
def test_each_decision_says_what_it_needs_and_fits_what_was_found(shop: Shop, words: Mapping[str, Any], status: int) -> None:
    number = shop.trouble(code="BLIND", blind=True)

    answer = shop.call("POST", f"/acme/exceptions/{number}/decisions", shop.token(Role.FINANCE), json={"reason": "agreed", **words})

    assert answer.status_code == status


@pytest.mark.parametrize(("goods", "status"), [("leave", 201), ("write-off", 201), ("", 409)])
def test_a_debit_says_what_becomes_of_the_goods_when_it_is_proposed(shop: Shop, goods: str, status: int) -> None:
    number = shop.trouble(code="REJECTED_AFTER_CREDIT")

    answer = shop.call("POST", f"/acme/exceptions/{number}/decisions", shop.token(Role.FINANCE), json={
        "decision": "debit", "goods": goods, "reason": "worn"})

    assert answer.status_code == status


def test_one_decision_about_all_of_a_cause_is_planned_proposed_approved_and_can_be_stopped(shop: Shop) -> None:
    cause = {"kind": "PRICE_ABOVE_SOLD", "legal_entity": "gb", "currency": "GBP", "decision": "waive"}
    for ref in ("R1", "R2"):
        shop.trouble(ref)
    clerk, boss = shop.token(Role.FINANCE), shop.token(Role.APPROVER)

    plan = shop.call("GET", "/acme/plan", clerk, **cause).json()
    theirs = shop.call("GET", "/acme/plan", shop.token(Role.FINANCE, "de"), **cause)
    asked = shop.call("POST", "/acme/groups", clerk, json={**cause, "reason": "price list"}).json()
    early = shop.call("GET", f"/acme/groups/{asked['id']}", clerk)
    done = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", boss, json={"shown": asked["shown"]})
    stopped = shop.call("POST", f"/acme/groups/{asked['id']}/cancel", clerk).json()

    assert (len(plan["exceptions"]), plan["money"], theirs.status_code) == (2, {"amount": "25.00", "currency": "GBP"}, 404)
    assert (early.status_code, done.status_code) == (409, 201)
    assert (stopped["todo"], stopped["cancelled"]) == (2, True)
    assert shop.call("GET", f"/acme/groups/{asked['id']}", clerk).json()["todo"] == 2


def test_a_plan_of_many_is_narrowed_by_a_value_and_what_was_not_refused_is_not_tried_again(shop: Shop) -> None:
    cause, clerk = {"kind": "PRICE_ABOVE_SOLD", "legal_entity": "gb", "currency": "GBP"}, shop.token(Role.FINANCE)
    shop.trouble()
    shop.trouble("R2", "ERP_REJECTED")

    same = shop.call("GET", "/acme/plan", clerk, **cause, decision="close", what="order", told="SO-1").json()
    other = shop.call("GET", "/acme/plan", clerk, **cause, decision="close", what="order", told="SO-9").json()
    wrong = shop.call("GET", "/acme/plan", clerk, **cause, decision="close", what="order", told="SO-1", value="SO-2")
    again = shop.call("GET", "/acme/plan", clerk, **{**cause, "kind": "ERP_REJECTED"}, decision="retry").json()

    assert (len(same["exceptions"]), same["same"], other["exceptions"]) == (1, {"what": "order", "told": "SO-1"}, {})
    assert (wrong.status_code, again["exceptions"]) == (409, {})


def test_one_correction_of_all_in_which_the_same_value_is_wrong_is_listed_planned_and_proposed_by_who_may_correct_it(shop: Shop) -> None:
    cause = {"kind": "PRICE_ABOVE_SOLD", "legal_entity": "gb", "currency": "GBP"}
    for ref in ("R1", "R2"):
        shop.trouble(ref)
    clerk, lead = shop.token(Role.FINANCE), shop.token(Role.WAREHOUSE)

    [wrong] = [each for each in shop.call("GET", "/acme/wrong-values", clerk, **cause).json()["values"] if each["what"] == "unit-price"]
    correction = {**cause, "decision": "correct", "what": "unit-price", "told": wrong["told"], "value": "1"}
    plan = shop.call("GET", "/acme/plan", clerk, **correction).json()
    other = shop.call("POST", "/acme/groups", lead, json={**correction, "reason": "price list"})
    strange = shop.call("GET", "/acme/plan", clerk, **{**correction, "what": "colour"})
    asked = shop.call("POST", "/acme/groups", clerk, json={**correction, "reason": "price list"})

    assert (wrong["count"], len(plan["exceptions"]), plan["of"]["value"]) == (2, 2, "1")
    assert (other.status_code, strange.status_code, asked.status_code) == (403, 409, 201)
    assert {name: asked.json()["content"][name] for name in ("what", "told", "value")} == {
        "what": "unit-price", "told": wrong["told"], "value": "1"}


def test_what_becomes_of_goods_that_are_not_accepted_is_said_alone_or_proposed(shop: Shop) -> None:
    shop.trouble()
    clerk, wanted = shop.token(Role.OPERATOR), {"return_ref": "R1", "reason": "worn"}

    can_say = shop.call("GET", "/acme/return", clerk, ref="R1").json()["outcomes"]
    looks = shop.call("POST", "/acme/outcomes", shop.token(Role.VIEWER), json={**wanted, "outcome": "sent-back"})
    asked = shop.call("POST", "/acme/outcomes", clerk, json={**wanted, "outcome": "sent-back"})
    consent = shop.call("POST", "/acme/outcomes", clerk, json={**wanted, "outcome": "kept"})
    nobodys = shop.call("POST", "/acme/outcomes", clerk, json={**wanted, "return_ref": "R9", "outcome": "kept"})

    assert [(each["standing"], each["outcomes"], each["alone"]) for each in can_say] == [("held", ["sent-back", "kept", "disposed"], [])]
    assert [each.status_code for each in (looks, asked, consent, nobodys)] == [403, 201, 409, 404]
    assert asked.json()["proposal"]["kind"] == "outcome"


def test_only_what_carries_no_mark_is_settled_and_the_route_of_its_company_says_what_that_is(shop: Shop) -> None:
    number, clerk, boss = shop.trouble(code="UNCONFIRMED_TOO_LONG"), shop.token(Role.FINANCE), shop.token(Role.APPROVER)
    path, told = f"/acme/exceptions/{number}/decisions", {"decision": "settle", "found": "INV-1", "reason": "seen"}
    nothing = shop.call("POST", path, clerk, json=told)
    doubted = Effect(key=PostingKey(tenant="acme", legal_entity="gb", return_ref="R1", subject="fees", kind=PostingKind.FEE_RELEASE),
                      document=Release(return_ref="R1", lines=()), currency="GBP")
    with shop.store.begin() as tx:
        tx.fix(doubted, mapping_version="m1", window="W1", at=NOON)
        tx.set_state(doubted.key, PostingState.UNCONFIRMED, note="no answer", at=NOON)

    asked = shop.call("POST", path, clerk, json=told).json()
    answer = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", boss, json={"shown": asked["shown"]})

    assert (nothing.status_code, "nothing of it is in doubt" in nothing.json()["detail"]) == (409, True)
    assert (answer.status_code, answer.json()["result"]) == (201, f"exception {number}: 1 settled")
    with shop.store.begin() as tx:
        [kept] = tx.postings("acme", ["R1"])["R1"]
    assert (kept.state, kept.document and kept.document.number) == (PostingState.VERIFIED, "INV-1")


def test_the_sale_of_goods_that_nobody_placed_is_looked_for_by_who_may_propose_it(shop: Shop) -> None:
    number, path = shop.trouble(code="ORDER_UNKNOWN"), "/acme/exceptions/{}/candidates"

    told = shop.call("GET", path.format(number), shop.token(Role.OPERATOR), order="SO-1").json()
    nobody = shop.call("GET", path.format(shop.trouble("R2", "PRICE_ABOVE_SOLD")), shop.token(Role.OPERATOR), customer="C-4711")

    assert (told["line_id"], told["matches"], told["sought"]["sku"]) == ("MUG#1", False, "MUG")
    assert [(each["order"], each["unit_price"], each["against"]) for each in told["found"]] == [
        ("SO-1", "6.25", ["it was sold at 6.25, not at 10.00"])]
    days = shop.call("GET", path.format(number), shop.token(Role.OPERATOR), sold_from="2026-02-01", sold_to="2026-03-01").json()
    far = shop.call("GET", path.format(number), shop.token(Role.OPERATOR), sold_from="2020-02-01", sold_to="2026-03-01")

    assert nobody.status_code == 409
    assert (days["sought"]["span"], days["more"], far.status_code) == (["2026-02-01", "2026-03-01"], False, 409)
    assert shop.call("GET", path.format(number), shop.token(Role.VIEWER), order="SO-1").status_code == 403


def test_the_warehouse_matches_a_blind_parcel_without_learning_whose_it_is(shop: Shop) -> None:
    number, wanda, boss = shop.trouble(code="BLIND", blind=True), shop.token(Role.WAREHOUSE), shop.token(Role.APPROVER)
    with shop.store.begin() as tx:
        tx.save_case(replace(tx.cases("acme", ["R1"])["R1"], customer=""))
    path = f"/acme/exceptions/{number}"

    seen = shop.call("GET", f"{path}/candidates", shop.token(Role.FINANCE), order="SO-1").json()
    told = shop.call("GET", f"{path}/candidates", wanda, order="SO-1").json()
    by_customer = shop.call("GET", f"{path}/candidates", wanda, customer="C1")
    [candidate] = told["found"]
    match = {"decision": "match", "reason": "the slip", **{name: candidate[name] for name in ("order", "unit_price", "customer")}}
    asked = shop.call("POST", f"{path}/decisions", wanda, json=match).json()
    [waits] = shop.call("GET", "/acme/proposals", boss).json()["proposals"]

    assert [each["customer"] for each in seen["found"]] == ["C1"]
    assert (candidate["customer"], "C1" in str(told), by_customer.status_code) == ("***", False, 403)
    assert (asked["content"]["customer"], waits["content"]["customer"]) == ("***", "C1")


def test_what_a_proposal_would_post_is_told_before_it_is_approved_with_its_customer_as_it_may_be_seen(shop: Shop) -> None:
    with shop.store.begin() as tx:
        tx.add_facts("acme", [replace(fact, return_ref="R1") for fact in (
            builders.received((builders.line(order=None), 1)), builders.inspected(builders.accepted()), builders.reached(Stage.INSPECTED))])
    number = shop.trouble(code="BLIND", blind=True)
    with shop.store.begin() as tx:
        tx.add_facts("acme", [replace(builders.announced(builders.line(order=None), blind=True, customer=None, retailer="QX501"),
                                      return_ref="R1", at=builders.after(1))])
    match = {"decision": "match", "reason": "found", "order": "SO-1", "unit_price": "6.25", "customer": "C-4711"}
    asked = shop.call("POST", f"/acme/exceptions/{number}/decisions", shop.token(Role.FINANCE), json=match).json()["id"]
    close = shop.call("POST", f"/acme/exceptions/{number}/decisions", shop.token(Role.FINANCE), json={
        "decision": "close", "reason": "no"}).json()["id"]

    told = [shop.call("GET", f"/acme/proposals/{asked}/documents", shop.token(role)).json() for role in (Role.FINANCE, Role.VIEWER)]
    nothing = shop.call("GET", f"/acme/proposals/{close}/documents", shop.token(Role.VIEWER))

    credits_ = [next(each for each in one["foreseen"]["documents"] if each["kind"] == "credit-note") for one in told]
    assert [(each["net"], each["customer"], each["held"]) for each in credits_] == [("-6.25", "C-4711", True), ("-6.25", "***", True)]
    assert told[0]["foreseen"]["totals"]["net"] == "-6.25"
    assert "C-4711" not in str(told[1])
    assert (nothing.status_code, nothing.json()["foreseen"]) == (200, None)


def test_a_parcel_is_registered_once_under_its_key_and_what_cannot_be_is_told_by_field(shop: Shop) -> None:
    wanda = shop.token(Role.WAREHOUSE, "gb")
    item = {"sku": "MUG", "units": 1, "condition": "A", "disposition": "RESELL", "accepted": True}
    parcel = {"legal_entity": "gb", "parcel": "1Z99", "items": [item]}

    made = [shop.call("POST", "/acme/parcels", wanda, json=parcel, key="parcel-0001") for _ in range(2)]
    wrong = shop.call("POST", "/acme/parcels", wanda, json={**parcel, "came_on": "soon", "items": [item | {"units": 0}]})
    theirs = shop.call("POST", "/acme/parcels", wanda, json=parcel | {"legal_entity": "de"})
    none = shop.call("POST", "/acme/parcels", shop.token(Role.WAREHOUSE), json=parcel | {"legal_entity": "fr"})

    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert made[0].json()["return"].startswith("HAND-")
    assert (wrong.status_code, {each["key"] for each in wrong.json()["errors"]}) == (400, {"came_on", "items[0].units"})
    assert (theirs.status_code, none.status_code, none.json()["errors"][0]["key"]) == (404, 400, "legal_entity")
    with shop.store.begin() as tx:
        assert [each.source for each in tx.undigested("acme", 10)] == [BY_HAND]


def test_a_return_that_names_its_customer_is_matched_for_that_one(shop: Shop) -> None:
    number = shop.trouble(code="BLIND", blind=True)

    asked = shop.call("POST", f"/acme/exceptions/{number}/decisions", shop.token(Role.WAREHOUSE), json={
        "decision": "match", "reason": "the slip", "order": "SO-1", "unit_price": "6.25", "customer": "***"}).json()

    assert asked["content"]["customer"] == ""


def test_a_refused_document_is_looked_for_again(shop: Shop) -> None:
    number = shop.trouble(code="ERP_REJECTED")

    answer = shop.call("POST", f"/acme/exceptions/{number}/retry", shop.token(Role.WAREHOUSE))

    assert answer.json() == {"retried": 0}


def test_ones_tokens_are_listed_without_themselves_and_ended(shop: Shop) -> None:
    token = shop.token(Role.FINANCE)

    [row] = shop.call("GET", "/acme/tokens", token).json()["tokens"]
    ended = shop.call("POST", f"/acme/tokens/{row['id']}/revoke", token)

    assert token not in str(row)
    assert "sha256" not in row
    assert ended.status_code == 201
    assert shop.call("GET", "/acme/me", token).status_code == 401


def test_an_exception_says_what_it_means_to_each_team_and_which_ways_out_fit(shop: Shop) -> None:
    shop.trouble()

    asked = {"kind": "PRICE_ABOVE_SOLD", "owner": "finance", "limit": 0}

    [row] = shop.call("GET", "/acme/exceptions", shop.token(Role.VIEWER), **asked).json()["exceptions"]

    assert row["resolutions"] == ["waive", "correct", "close"]
    assert set(row["means"]) == {"finance", "warehouse", "customer-service", "integration"}
    assert row["manual"] == "reference/exceptions.md#price_above_sold"
    assert row["money"] == {"amount": "12.50", "currency": "GBP"}


def test_an_exception_tells_what_the_erp_said_with_the_name_of_its_request_and_leads_to_its_messages(shop: Shop) -> None:
    number = shop.trouble()
    travels(shop)

    seen = shop.call("GET", f"/acme/exceptions/{number}", shop.token(Role.FINANCE)).json()
    masked = shop.call("GET", f"/acme/exceptions/{number}", shop.token(Role.VIEWER)).json()

    [said] = seen["said_by_erp"]
    assert (said["document"], said["attempt"], said["batch"]) == ("order", 1, "B1")
    assert said["words"] == "Customer 'C-4711' is on hold. Request 7d1f, activity 91ac."
    assert "C-4711" not in str(masked)
    assert "Request 7d1f" in masked["said_by_erp"][0]["words"]


def travels(shop: Shop) -> None:
    """Send an order of R1 in a window of January, which the ERP refused; and keep a message that nobody has read yet."""
    head = Effect(key=PostingKey(tenant="acme", legal_entity="gb", return_ref="R1", subject="order:1", kind=PostingKind.ORDER),
                  document=ReturnOrder(return_ref="R1", customer="C-4711", currency="GBP", warehouse="11"), currency="GBP")
    with shop.store.begin() as tx:
        tx.close_window(KeptWindow(key="gb/2011-01/1", tenant="acme", legal_entity="gb", period="2011-01", number=1, closed_at=NOON))
        tx.fix(head, mapping_version="m1", window="gb/2011-01/1", at=NOON)
        tx.start(PostingBatch(key="B1", tenant="acme", legal_entity="gb", kind=PostingKind.ORDER, period="2011-01", postings=(head,)),
                 at=NOON)
        tx.finish(head, "B1", outcome="rejected", detail="Customer 'C-4711' is on hold. Request 7d1f, activity 91ac.", at=NOON)
        keep(tx, [Delivery(tenant="acme", source="zigzag", identity="e-1", body=b'{"return": "R1"}', received_at=NOON)])


def test_a_message_of_many_returns_is_shown_to_nobody_who_may_not_see_the_last_of_them(shop: Shop) -> None:
    refs = [f"R{number:03}" for number in range(60)]
    for ref in refs:
        shop.trouble(ref, entity="de" if ref == refs[-1] else "gb")
    with shop.store.begin() as tx:
        keep(tx, [Delivery(tenant="acme", source="zigzag", identity="e-60", body=b"[60]", received_at=NOON)])
        delivery = tx.undigested("acme", 1)[0]
        tx.digested(delivery, [replace(builders.reached(Stage.RECEIVED), return_ref=ref, delivery=delivery.id) for ref in refs])

    whole, british = shop.token(Role.FINANCE), shop.token(Role.FINANCE, "gb")

    assert shop.call("GET", f"/acme/messages/{delivery.id}", whole).content == b"[60]"
    assert shop.call("GET", f"/acme/messages/{delivery.id}", british).status_code == 404


def test_what_the_pages_show_can_be_read_batch_by_batch_and_row_by_row(shop: Shop) -> None:
    shop.trouble()
    travels(shop)
    finance, german = shop.token(Role.FINANCE), shop.token(Role.FINANCE, "de")

    def read(path: str, token: str = finance, **query: Any) -> Any:
        return shop.call("GET", f"/acme{path}", token, **query).json()

    [window], batch = read("/batches")["batches"], read("/batch", ref="gb/2011-01/1")
    flows, mappings, kinds = read("/flows"), read("/mappings"), {each["kind"]: each for each in read("/catalogue")["kinds"]}

    assert (window["period"], window["waits_for_approval"], batch["key"]) == ("2011-01", False, "gb/2011-01/1")
    assert [(each["return"], each["kind"], each["mapping_version"]) for each in batch["documents"]] == [("R1", "order", "m1")]
    assert (flows["unread"], flows["sources"][0]["name"], flows["sources"][0]["silent"], len(flows["days"])) == (1, "zigzag", False, 14)
    assert {row["when"]["legal_entity"] for row in mappings["rows"]} <= {"gb", "de"}
    assert mappings["version"]
    assert [(each["kind"], each["count"], each["money"]) for each in read("/causes")["causes"]] == [("PRICE_ABOVE_SOLD", 1, "12.50")]
    assert (kinds["PRICE_ABOVE_SOLD"]["open"], kinds["BLIND"]["open"], kinds["PRICE_ABOVE_SOLD"]["owner"]) == (1, 0, "finance")
    assert set(kinds["PRICE_ABOVE_SOLD"]["resolutions"]) == {"waive", "correct", "close"}
    assert read("/profile")["text"].startswith('tenant = "acme"')
    assert all(set(each) >= {"listed", "code", "standing"} for each in read("/comparison", legal_entity="gb")["compared"])
    assert shop.call("GET", "/acme/messages/1", finance).content == b'{"return": "R1"}'
    assert shop.call("GET", "/acme/messages/1", shop.token(Role.VIEWER)).status_code == 403
    assert read("/batches", german)["batches"] == []
    assert shop.call("GET", "/acme/batch", german, ref="gb/2011-01/1").status_code == 404
    assert shop.call("GET", "/acme/comparison", german, legal_entity="gb").status_code == 404
    assert shop.call("GET", "/acme/comparison", finance, legal_entity="fr").status_code == 404
    assert shop.call("GET", "/acme/profile", german).status_code == 403
    assert shop.call("GET", "/acme/messages/9", finance).status_code == 404
    assert shop.call("GET", "/acme/batches", finance, after="rubbish").status_code == 400
    assert len({read("/batches", limit=1)["next"], read("/batches", after="1")["next"]}) == 1


def test_an_admin_signs_somebody_out_everywhere(shop: Shop) -> None:
    shop.token(Role.FINANCE)
    with shop.store.begin() as tx:
        someone = tx.person(issuer="https://login.example", subject="finance-acme-")
        assert someone is not None
        tx.open_session(KeptSession(hash="h", issuer="https://login.example", subject="finance-acme-", name="Fi", began_at=NOON,
                                    proven_at=NOON, seen_at=NOON))

    ended = shop.call("POST", f"/acme/people/{someone.number}/end-sessions", shop.token(Role.ADMIN))
    again = shop.call("POST", f"/acme/people/{someone.number}/end-sessions", shop.token(Role.ADMIN))

    assert (ended.json(), again.json()["ended"]) == ({"person": someone.number, "ended": 1}, 0)


# --- errors and description


def test_what_is_ours_to_mend_tells_a_number_and_nothing_of_how_we_are_built(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    token = shop.token(Role.FINANCE)
    shop.store.engine.dispose()
    Path(str(shop.store.engine.url.database)).unlink()

    answer = shop.call("GET", "/acme/exceptions", token)

    assert answer.status_code == 500
    assert answer.json()["number"]
    assert "sqlite" not in answer.text.casefold()
    assert any(record.message == "api_failed" and record.number == answer.json()["number"] for record in caplog.records)


def test_the_description_is_openapi_and_names_every_route(shop: Shop) -> None:
    answer = shop.client.get("/api/openapi.json")

    told = answer.json()
    assert answer.status_code == 200
    assert told["openapi"].startswith("3.1")
    paths = {path.replace("{tenant}", "{tenant:str}").replace("{number}", "{number:int}") for path in told["paths"]}
    assert paths == {path for _, path, _ in routes(shop)}


def test_nothing_but_the_description_is_open_and_it_tells_no_data(shop: Shop) -> None:
    shop.trouble("R-OURS")

    filled = {route.path: route.path.replace("{tenant:str}", "acme").replace("{number:int}", "1").replace("{path:str}", "x")
              for route in shop.client.app.routes}
    crawled = {path: shop.client.get(where) for path, where in filled.items()}

    assert {path for path, answer in crawled.items() if answer.status_code == 200} == {"/api/openapi.json"}
    assert {answer.status_code for path, answer in crawled.items() if path != "/api/openapi.json"} == {401, 404, 405}
    assert {shop.client.get(path).status_code for path in ("/api", "/api/")} == {404}
    assert not [word for word in ("R-OURS", "C-4711", "acme") if word in crawled["/api/openapi.json"].text]


def test_every_answer_carries_the_security_headers(shop: Shop) -> None:
    for answer in (shop.call("GET", "/acme/me"), shop.client.get("/api/nothing"), shop.client.get("/api/openapi.json"),
                   shop.call("GET", "/acme/me", shop.token(Role.VIEWER)), shop.client.request("TRACE", f"{PREFIX}/acme/me")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("path", "goes_to"), [
    ("/api", "api"), ("/api/v1/acme/me", "api"), ("/", "pages"), ("/apiary", "pages"), ("/hooks/x", "pages"), ("", "pages")])
def test_only_what_begins_with_api_goes_to_the_api(path: str, goes_to: str) -> None:
    called: list[str] = []

    def named(name: str) -> Any:
        async def app(*_: object) -> None:
            called.append(name)

        return app

    asyncio.run(beside(named("api"), named("pages"))({"path": path} if path else {}, None, None))

    assert called == [goes_to]
