"""Nothing that strangers or colleagues write runs in anybody's browser: every text that is kept, on every page that shows it.

Texts are kept by the application's own functions, several payloads in each. A sign at the end of each tells which one a page shows, so that
a field which no page shows any more is noticed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

import msgspec
import pytest
from playwright.sync_api import Browser

from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application import approvals, casework, conclude, correct, pairing, pausing, people, receive
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptCase, KeptWindow, PostingState
from backhaul.application.proof_ports import KeptProof, KeptStatement, KeptStray, KeptWithin
from backhaul.config import SignIn
from backhaul.domain.access import Action, Grant, Role, Scope
from backhaul.domain.availability import Compared, Standing
from backhaul.domain.correction import LONGEST
from backhaul.domain.delivery import Delivery
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import HandedIn
from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.oversight import Irregular
from backhaul.domain.pairing import Loose, Waiting, suggest
from backhaul.domain.posting import ErpDocument, Posting, PostingBatch, PostingKey, PostingKind, ReturnOrder
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.roll_forward import Account, Flow, Movement, Rolled, Tie, Whose, roll
from backhaul.domain.valuation import Figures, Owing, Policy, Returned, Where
from backhaul.entrypoints import rolling, valuing
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.counting import count
from backhaul.entrypoints.web.serving import serve
from backhaul.secret import Secret
from tests.browser.conftest import PASSPHRASE, Now, Stage, looking
from tests.browser.test_days import PAYLOADS
from tests.entrypoints.test_hooks import House
from tests.entrypoints.test_web import PROFILE, TENANT
from tests.journeys.stage import life, line
from tests.stores import open_store

ROUNDS: Final = 4
"""So many payloads stand in each field, each in a return of its own."""
PERIOD: Final = "2010-12"
NONE_OF_OURS: Final = """[...document.querySelectorAll('*')].filter(each => each.getAttributeNames().some(name => name.startsWith('on'))
    || (each.getAttribute('href') || '').startsWith('javascript:')
    || (each.closest('main') && ['SCRIPT', 'IFRAME', 'OBJECT', 'BASE', 'STYLE', 'META', 'LINK', 'MATH'].includes(each.tagName)))
    .map(each => each.outerHTML.slice(0, 200))"""


@dataclass(slots=True)
class Hand:
    """Writes hostile texts, each with another payload, and remembers in which field it wrote."""

    payloads: Iterator[str] = field(default_factory=lambda: cycle(PAYLOADS))
    fields: set[str] = field(default_factory=set)
    written: int = 0

    def __call__(self, name: str, longest: int = 1000) -> str:
        self.fields.add(name)
        self.written += 1
        return next(text for payload in self.payloads if len(text := f"{payload}@{name}@") <= longest)


@dataclass(frozen=True, slots=True)
class Filled:
    """A console whose every text is hostile: what was written, and where returns, batches, exceptions and proposals stand."""

    stage: Stage
    hand: Hand
    paths: tuple[str, ...]


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Filled]:
    store = open_store(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    clock, hand = Now(datetime.now(UTC)), Hand()
    employ(store, TENANT, clock.at)
    paths: list[str] = []
    for _ in range(ROUNDS):
        paths += one_return(store, hand, clock.at)
    paths += a_month(store, hand, clock.at)
    while count(store, PROFILE.rules):
        pass
    app = create_app(House(store, {TENANT: PROFILE}), clock=clock, sign_in=SignIn(passphrase=Secret("env:P", {"P": PASSPHRASE})))
    with serve(app) as server:
        yield Filled(Stage(url=server.base_url, world=cast("Any", None), clock=clock, server=server), hand, tuple(dict.fromkeys(paths)))
    store.close()


def somebody(store: SqlStore, hand: Hand, now: datetime) -> str:
    """Add somebody with a hostile name and token, and give the pseudonym the record knows them by."""
    number = people.add(store, issuer="local", subject=hand("subject"), name=hand("name"), actor="set-up", now=now)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=Role.OPERATOR, tenant=TENANT, entities=None), granted_by="set-up", approved_by="board", now=now)
        fiona = next(person for person in tx.people() if person.name == "Fiona Finance")
    people.issue_token(store, fiona, name=hand("token"), scopes=[Action.SEE], lasts=timedelta(days=1), secret=f"{number:032}", now=now)
    return f"person {number}"


def one_return(store: SqlStore, hand: Hand, now: datetime) -> list[str]:
    """Keep a return of which the platform, the ERP and people say hostile things; give the addresses where it stands."""
    ref, actor, customer = hand("return"), somebody(store, hand, now), hand("customer")
    with store.look() as tx:
        operator = next(person for person in tx.people() if person.actor == actor)
    goods = line(hand("sku"), 1, "1.00", order=hand("order"), received=1, reason=hand("reason"),
                 grades=[(hand("condition"), hand("disposition"), 1, False)])
    goods |= {"description": hand("description"), "parcelId": hand("parcel of a line"), "fees": [{"code": hand("fee"), "amount": "1.00"}]}
    messages = life(ref, [goods], at=now - timedelta(days=3), customer=customer, warehouse=hand("warehouse"))
    for number, each in enumerate(messages):
        each["return"] |= {"parcelId": hand("parcel")}
        each["eventId"] = f"{number}{hand('event')}"
    with store.begin() as tx:
        receive.keep(tx, [Delivery(tenant=TENANT, source=PROFILE.sources[0].name, identity=each["eventId"], body=msgspec.json.encode(each),
                                   received_at=now) for each in messages])
    receive.digest(store, ZigZagWire(PROFILE.wire), PROFILE.rules, now=now)
    with store.begin() as tx:
        tx.save_case(KeptCase(tenant=TENANT, ref=ref, legal_entity="gb01", state=ReturnState.HELD, stage="inspected", customer=customer,
                              currency="GBP", net=Decimal(1), updated_at=now, waits_since=now - timedelta(days=2)))
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref=ref, line_id="", money=Money(amount=Decimal(-1), currency="GBP"), now=now,
            teams={"SKU_UNKNOWN": hand("team")}, findings=(Finding(code="SKU_UNKNOWN", sentence=hand("sentence"), hint=hand("hint"),
                                                                   line_id=hand("line")),)))
        tx.add_facts(TENANT, [HandedIn(return_ref=ref, at=now, label=hand("label"), note=hand("note of a parcel"),
                                       evidence=hand("where a parcel is"), actor=actor)])
    casework.comment(store, TENANT, number, text=hand("comment"), actor=actor, now=now)
    casework.attach(store, TENANT, number, name=hand("evidence"), body=b"%PDF-1.4 ...", actor=actor, now=now)
    casework.hand_over(store, PROFILE.rules, number, team=hand("handed to"), note=hand("hand-over"), actor=actor, now=now)
    casework.promise(store, Scope(tenant=TENANT, entities=None), ref, text=hand("promise"), due_at=now + timedelta(days=2), actor=actor,
                     now=now)
    asked = [propose(store, ProposalKind.CLOSE, {"exception": number}, actor, hand("proposal"), now)]
    refused = propose(store, ProposalKind.GRANT, {"person": 1, "role": "viewer", "entities": None}, actor, hand("grant"), now)
    approvals.refuse(store, EFFECTS, TENANT, refused, actor=actor, reason=hand("refusal"), now=now)
    with store.look() as tx:
        right = [each for each in correct.correctable(tx, TENANT, next(row for row in tx.exceptions(TENANT) if row.id == number))
                 if each.what.value == "sku"]
    for each in right:
        with store.look() as tx:
            content = correct.content_of(tx, TENANT, number, what="sku", value=hand("correction", LONGEST), line_id=each.line_id)
        asked.append(propose(store, ProposalKind.CORRECT, content, actor, hand("why it is corrected"), now))
    conclude.ask(store, PROFILE.rules, operator, ref, outcome="kept", evidence=hand("consent"), reason=hand("outcome"), now=now)
    window = the_erp_says(store, hand, ref, now)
    return [f"/returns/{quote(ref, safe='')}", f"/exceptions/{number}", f"/batches/{quote(window, safe='')}",
            *(f"/approvals/{each}" for each in (*asked, refused)), f"/search?{urlencode({'q': ref})}",
            f"/waiting?{urlencode({'who': ref})}", f"/trail?{urlencode({'subject': ref})}"]


def propose(store: SqlStore, kind: ProposalKind, content: Any, actor: str, reason: str, now: datetime) -> int:
    return approvals.propose(store, EFFECTS, PROFILE.rules, kind, content, proposer=actor, reason=reason, now=now).id


def the_erp_says(store: SqlStore, hand: Hand, ref: str, now: datetime) -> str:
    """Let the ERP refuse one document of a return and record another, in its own words; give the batch they were in."""
    batch = f"B{now.timestamp()}{hand.written}"
    window = f"gb01:2010-12:{hand.written}"  # of a legal entity, a period and a number: nobody writes one
    heads = [Posting(key=PostingKey(tenant=TENANT, legal_entity="gb01", return_ref=ref, subject=f"order:{hand('subject of a document')}",
                                    kind=kind),
                     document=ReturnOrder(return_ref=ref, customer="15834", currency="GBP", warehouse="11"),
                     currency="GBP") for kind in (PostingKind.ORDER, PostingKind.FEE_ORDER)]
    with store.begin() as tx:
        tx.close_window(KeptWindow(key=window, tenant=TENANT, legal_entity="gb01", period=PERIOD, number=1, closed_at=now,
                                   returns=1, controls={"net": hand("control total")}))
        tx.save_ledger(window, {"says": hand("ledger")})
        for kind, head in zip("ab", heads, strict=True):
            tx.fix(head, mapping_version="m1", window=window, at=now)
            tx.start(PostingBatch(key=f"{batch}{kind}", tenant=TENANT, legal_entity="gb01", kind=head.key.kind, period="2010-12",
                                  postings=(head,)), at=now)
            tx.finish(head, f"{batch}{kind}", outcome="rejected" if kind == "a" else "posted", detail=hand("the ERP's words"), at=now)
        tx.set_state(heads[0].key, PostingState.REJECTED, note=hand("note"), at=now)
        tx.set_state(heads[1].key, PostingState.POSTED, document=ErpDocument(number=hand("document"), voucher=hand("voucher")), at=now)
    return window


def a_month(store: SqlStore, hand: Hand, now: datetime) -> list[str]:
    """Keep a proof of a month, its roll-forwards and figures, suggested matches, a shop's file and a pause, each in hostile words."""
    day, first, last = date(2010, 12, 4), date(2010, 12, 1), date(2010, 12, 31)
    whose = Whose(entity="gb01", brand=hand("brand"), warehouse=hand("warehouse of figures"), currency="GBP")
    refs = [hand("return of a proof") for _ in range(ROUNDS)]
    moves = tuple(Movement(flow=Flow.PAID, whose=whose, name="payouts", item=hand("payment"), day=day, amount=Decimal("10.20"),
                           return_ref=ref, document=hand("document of a movement")) for ref in refs)
    ties = tuple(Tie(flow=Flow.PAID, whose=whose, account="202900", document=hand("voucher of a tie"), day=day, open=Decimal(9),
                     text=hand("posting text")) for _ in refs)
    rows = roll(moves, ties, {(Flow.PAID, "gb01"): Account(name=hand("account of the profile"))},
                {"gb01": Period(name=PERIOD, first=first, last=last)})
    rolling.keep(store, TENANT, PERIOD, Rolled(first=first, day=last, rows=rows, movements=moves, ties=ties,
                                               reasons=tuple(hand("why it is incomplete") for _ in refs)))
    valuing.keep(store, TENANT, PERIOD, Figures(
        first=first, day=last, policy=Policy(source=hand("policy"), write_down={}), reasons=(hand("why figures are incomplete"),),
        returned=tuple(Returned(whose=whose, kind="quarantine", units=Decimal(1), day=day, booked=Decimal(1), original=Decimal(1),
                                return_ref=ref, line_id=hand("line of a figure")) for ref in refs),
        owing=tuple(Owing(whose=whose, where=Where.EXPECTED, kind="ungraded", units=Decimal(1), net=Decimal(1), books="GBP", since=day,
                          return_ref=ref, line_id=hand("line that is owed")) for ref in refs), ties=()))
    strays = [KeptStray(line=f"{number}", return_ref=ref, line_id=hand("line of a break"), standing="broken", kind="WRONG_AMOUNT",
                        amount=Decimal(1), entity="gb01", currency="GBP", document=hand("document of a break"), also="LATE",
                        other=hand("the other line")) for number, ref in enumerate(refs)]
    within = [KeptWithin(line=f"{number}", return_ref=ref, line_id=hand("line within"), measure="tax", amount=Decimal(1), row="tax GBP",
                         entity="gb01", currency="GBP", document=hand("document within")) for number, ref in enumerate(refs)]
    house = [Irregular(kind="EVENT_GAP", subject=hand("subject of the house"), sentence=hand("what is wrong with the house"), count=1)
             for _ in refs]
    figures = {"lines": 4, "proved": 0, "in_timing": 0, "broken": 4, "orphans": 0, "reasons": [hand("why the proof is incomplete")],
               "stock_difference": "0", "by_class": {"WRONG_AMOUNT": {"count": 4, "amount": "4"}}, "credit_difference": "0",
               "ledger_difference": "0", "awaited": {}, "house": {"EVENT_GAP": {"count": 4, "amount": "0"}},
               "within": 4, "roll_forward": [rolling.figures(row) for row in rows]}
    with store.begin() as tx:
        tx.keep_proof(KeptProof(tenant=TENANT, period=PERIOD, day=last, at=now, actor="backhaul", complete=False, figures=figures,
                                extracts=[{"side": "accepted", "rows": 4, "sha256": "abc"}]), strays, house, within)
        tx.keep_statement(KeptStatement(tenant=TENANT, sort="availability", name=hand("file of the shop"), sha256="ab", body=b"x", rows=4,
                                        actor="x", at=now),
                          [Compared(sku=hand("sku of the shop"), at=hand("the shop's place"), entity="gb01", warehouse="GB-DC-01",
                                    shop=Decimal(3), erp=Decimal(1), told=None, standing=Standing.DIFFERS) for _ in refs])
        tx.take_lease(TENANT, "gb01", holder=hand("process"), now=now, until=now + timedelta(minutes=5))
    company: dict[str, Any] = {"entity": "gb01", "customer": "C1", "currency": "GBP"}
    pairing.keep(store, TENANT, PERIOD, suggest(
        [Loose(key="a-1", document=hand("credit by hand"), units=Decimal(1), net=Decimal("2.95"), posted_on=day, **company)],
        [Waiting(return_ref=refs[0], line_id=hand("line to match"), units=Decimal(1), net=Decimal("2.95"), **company)]))
    pausing.pause(store, PROFILE.rules, "gb01", actor="person 1", reason=hand("pause"), now=now)
    line_of = {"period": PERIOD, "entity": "gb01", "brand": whose.brand, "warehouse": whose.warehouse, "currency": "GBP"}
    return [f"/proof?period={PERIOD}", f"/proof/{PERIOD}/WRONG_AMOUNT", f"/proof/{PERIOD}/NOT_PROVED", f"/proof/{PERIOD}/EVENT_GAP",
            f"/proof/{PERIOD}/WITHIN_TOLERANCE", f"/proof/match?period={PERIOD}", "/roll-forward", "/figures", "/journals", "/close",
            f"/roll-forward/lines?{urlencode(line_of | {'flow': 'paid', 'cell': 'closing'})}",
            f"/roll-forward/lines?{urlencode(line_of | {'flow': 'paid', 'cell': 'balance'})}",
            f"/figures/lines?{urlencode(line_of | {'kind': 'quarantine'})}", f"/figures/lines?{urlencode(line_of | {'where': 'expected'})}",
            "/availability"]


EVERYWHERE: Final = ("/", "/exceptions", "/exceptions?kind=SKU_UNKNOWN", "/catalogue", "/catalogue/SKU_UNKNOWN", "/approvals", "/returns",
                     "/waiting", "/waiting?promise=made", "/messages/1", "/messages/5", "/batches", "/mappings", "/comparison", "/flows",
                     "/administration", "/tokens", "/causes?kind=SKU_UNKNOWN&entity=gb01&currency=GBP&decision=close",
                     "/causes?kind=SKU_UNKNOWN&entity=gb01&currency=GBP&decision=correct")
"""Pages that are about no one return."""
ROLES: Final = {"/trail": "Udo Auditor", "/administration": "Ada Admin"}
"""Who sees what Fiona of finance does not."""


def test_no_text_that_anybody_can_write_runs_on_any_page_that_shows_it(chromium: Browser, hostile: Filled) -> None:
    seen, bad = set[str](), dict[str, int]()
    asked: dict[str, list[str]] = {}
    for path in (*EVERYWHERE, *hostile.paths):
        name = next((who for begins, who in ROLES.items() if path.startswith(begins)), "Fiona Finance")
        asked.setdefault(name, []).append(path)

    for name, paths in asked.items():
        with looking(chromium, hostile.stage, name, audited=False) as page:
            for path in paths:
                answer = page.goto(path)
                assert answer is not None
                bad.update({path: answer.status} if answer.status != 200 else {})
                assert page.evaluate("window.pwned") is None, path
                assert page.evaluate(NONE_OF_OURS) == [], path
                seen |= set(re.findall(r"@([a-zA-Z' -]+)@", page.content()))

    assert bad == {}
    assert hostile.hand.written >= len(PAYLOADS)
    assert hostile.hand.fields - seen == set()
