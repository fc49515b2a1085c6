"""Is every payment a provider tells compared with what is credited, owned where it differs, and rolled forward with the month?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.payments.emulator import serve
from backhaul.adapters.payments.provider import Api
from backhaul.adapters.payments.sheet import Columns, rows_of
from backhaul.adapters.zigzag.files.layout import Layout
from backhaul.application import approvals, pack as packs
from backhaul.application.claims import claims, settlings, uncredited
from backhaul.application.effects import EFFECTS
from backhaul.application.payment_ports import KeptSheet
from backhaul.application.take_payments import take
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.payments import Clock, PayoutRules
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.rules import Booking, TiedTo
from backhaul.entrypoints import asking, rolling
from backhaul.entrypoints.months import prove_month
from backhaul.profile import PaymentApi
from backhaul.secret import Secret
from tests.journeys.stage import DAILY, MORNING, TENANT, WIRE, World, life, line, message, open_world

D = Decimal
PSP = PayoutRules(providers=("psp",), pay_within=5, credit_within=10, clocks={"United Kingdom": Clock(days=7, source="a notice")})
HEAD = "reference,status,amount,currency,day,returns,orders,notes,fee"
TEA = line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])
POT = line("POT", 1, "12.50", order="500002", received=1, grades=[("A", "RESELL", 1, True)])


@pytest.fixture
def shop(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December in which two returns were credited, 10.20 and 15.00 at gross, and a provider tells what was paid."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.change_rules(payouts=PSP)
    world.tell(*life("R-1", [TEA], at=MORNING), *life("R-2", [POT], at=MORNING))
    world.pass_evenings(6)
    yield world
    world.house.close()


def told(world: World, *rows: str) -> dict[str, Any]:
    """Take in a file of the provider."""
    content = "\n".join((HEAD, *rows)).encode()
    kept = KeptSheet(tenant=TENANT, provider="psp", name="psp.csv", sha256=sha256(content).hexdigest(), body=content, at=world.at)
    lines = rows_of("psp.csv", content, Columns(provider="psp"), Layout())
    return dict(take(world.house.store, world.house.profiles[TENANT].rules, kept, lines, now=world.at))


def proved(world: World, period: str = "2010-12", day: date | None = None) -> dict[str, Any]:
    """Prove a month as the command does; give what it says of payments."""
    with prove_month(world.house, TENANT, period, day or world.at.date(), now=world.at) as (proof, _, _more):
        return dict(proof.payouts)


def owned(world: World) -> list[tuple[str, str, str]]:
    return [(row.case.return_ref, row.case.owner, row.case.kind.removeprefix("PROOF_")) for row in world.open()
            if row.case.kind.startswith("PROOF_")]


def test_payments_by_return_by_order_and_by_note_match_and_nothing_is_alarmed(shop: World) -> None:
    note = next(each["number"] for each in shop.ledgers["creditNotes"] if len(each["lines"]) == 1 and each["lines"][0]["item"] == "POT")

    assert told(shop, "P-1,paid,5.20,GBP,2010-12-04,R-1,,,", "P-2,paid,5.00,GBP,2010-12-05,,500001,,",
                f"P-3,paid,14.00,GBP,2010-12-05,,,{note},1.00")["new"] == 3

    found = proved(shop)
    assert (found["count"], found["matched"], found["broken"], found["source"]) == (2, 2, 0, "psp")
    assert owned(shop) == []
    assert [(each.note, each.other, each.amount) for each in settlings(claims(shop.house.store, shop.house.profiles[TENANT].rules))
            if each.returns == ("R-2",)] == [(note, "P-3", D("14.00"))]


def test_what_is_wrong_is_owned_by_its_class_and_closes_by_itself_once_the_provider_tells_it_otherwise(shop: World) -> None:
    told(shop, "P-1,paid,10.20,GBP,2010-12-04,R-1,,,", "P-2,paid,10.20,GBP,2010-12-05,R-1,,,", "P-3,failed,15.00,GBP,2010-12-04,R-2,,,",
         "P-4,paid,3.00,GBP,2010-11-20,R-9,,,")

    proved(shop, day=date(2030, 1, 1))  # somebody looks ahead, which is nobody's work
    found = proved(shop)

    assert {kind: row["amount"] for kind, row in found["by_class"].items()} == {
        "PAID_TWICE": D("10.20"), "PAYOUT_FAILED": D("-15.00"), "PAYOUT_WITHOUT_CREDIT": D("3.00")}
    assert sorted(owned(shop)) == [("proof:payouts", "customer-service", "PAYOUT_FAILED"), ("proof:payouts", "finance", "PAID_TWICE"),
                                   ("proof:payouts", "finance", "PAYOUT_WITHOUT_CREDIT")]
    told(shop, "P-2,reversed,10.20,GBP,2010-12-07,R-1,,,", "P-5,paid,15.00,GBP,2010-12-07,R-2,,,",
         "P-4,reversed,3.00,GBP,2010-12-07,R-9,,,")
    assert proved(shop)["broken"] == 0
    assert owned(shop) == []


def test_a_credit_nobody_pays_is_in_timing_until_it_is_late(shop: World) -> None:
    assert proved(shop)["awaited"] == {"PAYOUT_AWAITED": {"count": 2, "amount": D("-25.20")}}

    shop.pass_evenings(6)

    assert proved(shop)["by_class"] == {"CREDIT_WITHOUT_PAYOUT": {"count": 2, "amount": D("-25.20")}}
    assert len(owned(shop)) == 2
    assert proved(shop, "2011-01", date(2011, 1, 2))["broken"] == 2, "what is not answered is looked at in every month after"


def test_the_same_again_changes_nothing_and_what_is_told_otherwise_is_set_aside_for_finance(shop: World) -> None:
    first = told(shop, "P-1,pending,10.20,GBP,2010-12-04,R-1,,,")
    assert (first["new"], told(shop, "P-1,pending,10.20,GBP,2010-12-04,R-1,,,")["seen"]) == (1, True)

    again = told(shop, "P-1,paid,10.20,GBP,2010-12-05,R-1,,,", "P-1,paid,10.20,GBP,2010-12-05,R-1,,,",
                 "P-1,pending,9,GBP,2010-12-05,R-1,,,", "P-1,paid,11.00,GBP,2010-12-05,R-1,,,", "P-2,done,1,GBP,2010-12-05,R-1,,,")

    assert {name: again[name] for name in ("new", "known", "aside")} == {"new": 1, "known": 1, "aside": 3}
    cases = [row.case for row in shop.open() if row.case.return_ref.startswith("payments:")]
    assert sorted((case.kind, case.owner, case.line_id) for case in cases) == [
        ("PAYMENT_CONFLICT", "finance", "row 4"), ("PAYMENT_CONFLICT", "finance", "row 5"), ("PAYMENT_UNREADABLE", "integration", "row 6")]


def test_payments_without_a_note_stand_in_the_list_of_their_vat_period_with_the_clock_of_the_country(shop: World) -> None:
    bare = TEA | {"quantityReceived": None, "grades": None}
    shop.tell(message("R-3", "ReturnCreated", 1, [bare], at=shop.at))
    shop.turn()
    told(shop, "P-1,paid,10.20,GBP,2010-12-04,R-3,,,", "P-2,paid,25.20,GBP,2010-12-04,R-1;R-2,,,")

    rules = shop.house.profiles[TENANT].rules
    (open_one,) = uncredited(claims(shop.house.store, rules), date(2010, 12, 1), date(2010, 12, 31))

    assert (open_one.payment.reference, open_one.open, open_one.country, open_one.due_on, open_one.late, open_one.source) == (
        "P-1", D("10.20"), "United Kingdom", date(2010, 12, 11), True, "a notice")
    assert proved(shop)["by_class"] == {}


def test_without_a_provider_what_the_platform_announces_stands_in_and_a_credit_is_never_called_unpaid(shop: World) -> None:
    shop.change_rules(payouts=PayoutRules())
    refund = message("R-1", "RefundIssued", 5, [TEA], at=shop.at)
    refund["return"]["refund"] = {"amount": "10.20", "currency": "GBP", "reference": "PAY-1", "paidAt": "2010-12-06T09:00:00Z"}
    shop.tell(refund)
    shop.pass_evenings(30)

    found = proved(shop)

    assert (found["source"], found["count"], found["matched"], found["broken"]) == ("platform", 1, 1, 0)


def test_a_proof_keeps_the_roll_forward_and_a_difference_is_finances_until_the_account_agrees(shop: World) -> None:
    entity = replace(shop.house.desk(TENANT, "gb01").entity, refund_booking=Booking.CLEARING)
    shop.change_rules(entities=(entity,), accounts={"gb01": TiedTo(clearing="202900", received=("140110",), since=date(2010, 12, 1))})
    day = (shop.at - timedelta(days=1)).date().isoformat()
    told(shop, f"P-9,paid,4.00,GBP,{day},R-9,,,")

    with prove_month(shop.house, TENANT, "2010-12", shop.at.date(), now=shop.at) as (proof, _, _more):
        assert [(row["closing"], row["difference"]) for row in proof.roll_forward if row["difference"]] == [(D(4), D(-4))]

    rolled = rolling.kept(shop.house.store, TENANT, "2010-12")
    assert rolled is not None
    assert [row.difference for row in rolled.rows if row.difference] == [D(-4)]
    (case,) = [row.case for row in shop.open() if row.case.kind == "ROLL_FORWARD_DIFFERS"]
    assert (case.owner, case.money.amount) == ("finance", D(-4))
    shop.control("payouts", {"payouts": [{"legalEntity": "gb01", "customer": "10001", "amount": "4.00", "currency": "GBP",
                                          "reference": "P-9", "date": day, "booking": "clearing"}]})
    proved(shop)
    assert [row.case.kind for row in shop.open() if row.case.kind == "ROLL_FORWARD_DIFFERS"] == []


def test_a_provider_is_asked_from_where_its_last_whole_answer_ended_and_a_proof_says_when_that_is_long_ago(shop: World) -> None:
    with serve("sk_test") as running:
        api = Api(provider="psp", base_url=running.base_url, key="env:K", items="data.refunds", paging="cursor", first="0",
                  path="/v1/refunds?changedFrom={since}&changedTo={until}&cursor={page}", next="data.nextCursor",
                  columns={"day": "changedAt"})
        profile = shop.house.profiles[TENANT]
        shop.house.profiles = {TENANT: replace(profile, payment_api=PaymentApi(api=api, key=Secret("env:K", {"K": "sk_test"})))}
        paid = {"reference": "P-1", "status": "paid", "amount": "10.20", "currency": "GBP", "returns": "R-1",
                "changedAt": f"{shop.at:%Y-%m-%d}T10:00:00Z"}
        WIRE.post(f"{running.base_url}/control/refunds", json=[paid | {"id": "a"}]).raise_for_status()

        assert asking.unasked(shop.house, TENANT, shop.at) == ["what psp paid was told whole never"]
        first = asking.ask_when_due(shop.house, TENANT, shop.at)
        again = asking.ask_when_due(shop.house, TENANT, shop.at + timedelta(minutes=30))
        later = asking.ask_when_due(shop.house, TENANT, shop.at + timedelta(minutes=90))

        assert (first["new"], dict(again), later["new"], later["since"]) == (1, {}, 0, (shop.at - timedelta(days=2)).isoformat())
        assert asking.unasked(shop.house, TENANT, shop.at + timedelta(hours=26)) == []
        WIRE.post(f"{running.base_url}/control/answer", json={"status": 503}).raise_for_status()
        trouble = asking.ask_when_due(shop.house, TENANT, shop.at + timedelta(hours=30))
        assert "busy" in trouble["trouble"]
        (reason,) = asking.unasked(shop.house, TENANT, shop.at + timedelta(hours=30))
        assert "busy" in reason
        with prove_month(shop.house, TENANT, "2010-12", shop.at.date(), now=shop.at + timedelta(hours=30)) as (proof, _, _more):
            assert (proof.reasons, proof.payouts["matched"]) == ((reason,), 1)


# --- payments that name no return


def agreed(world: World, kind: ProposalKind, content: Mapping[str, Any]) -> None:
    """Have one person propose it and another approve."""
    rules = world.house.profiles[TENANT].rules
    asked = approvals.propose(world.house.store, EFFECTS, rules, kind, dict(content), proposer="ann", reason="a typing error at the till",
                              now=world.at)
    approvals.approve(world.house.store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="bob", now=world.at)


def offered(world: World) -> list[Mapping[str, Any]]:
    proved(world)
    with world.house.store.look() as tx:
        return list(tx.suggested(TENANT, "2010-12"))


def test_a_payment_that_names_a_return_nobody_knows_is_its_only_claims_once_two_people_say_so(shop: World) -> None:
    told(shop, "P-1,paid,10.20,GBP,2010-12-04,R-I,,,", "P-2,pending,15.00,GBP,2010-12-05,R-2,,,", "P-3,paid,15.00,GBP,2010-12-05,R-X,,,")
    (each,) = offered(shop)
    assert (each["side"], each["rule"], each["ambiguous"], each["lines"]) == (
        "payment", "one to one", False, [["R-1", "", "0", "10.20"]]), "the other one waits for a payment that is on its way"

    agreed(shop, ProposalKind.PAIR, each)

    found = proved(shop)
    assert (found["matched"], offered(shop)) == (1, [])
    assert [(one.other, one.amount) for one in settlings(claims(shop.house.store, shop.house.profiles[TENANT].rules))
            if one.returns == ("R-1",)] == [("P-1", D("10.20"))]
    material = packs.gather(shop.house.store, shop.house.profiles[TENANT].rules, "2010-12", lambda *_: None)
    sheet = next(one for one in packs.pack(material) if one.name == "Credited or received by hand")
    assert [row[1:6] for row in sheet.rows] == [("payment", "gb01", "R-1", "", "P-1")]
    with pytest.raises(NeedsOperator, match="match 1 stands already: paid by P-1, confirmed by ann and bob"):
        agreed(shop, ProposalKind.PAIR, each)
    agreed(shop, ProposalKind.PAIR, {**each, "key": "later", "records": {"x": "P-9"}})  # a return may be paid more than once
    shop.pass_evenings(1)
    assert shop.exceptions() == {}, "nothing of the return is held by it"

    agreed(shop, ProposalKind.UNPAIR, {"match": 1})
    assert proved(shop)["matched"] == 0


def test_a_payment_that_names_a_return_we_come_to_know_is_that_returns_whatever_was_confirmed_before(shop: World) -> None:
    told(shop, "P-1,paid,10.20,GBP,2010-12-04,R-9,,,")
    agreed(shop, ProposalKind.PAIR, offered(shop)[0])
    assert proved(shop)["matched"] == 1

    shop.tell(*life("R-9", [TEA], at=shop.at))
    shop.pass_evenings(6)

    owed = {each.refs: each.claim.paid for each in claims(shop.house.store, shop.house.profiles[TENANT].rules)}
    assert owed == {("R-1",): D(0), ("R-2",): D(0), ("R-9",): D("10.20")}
