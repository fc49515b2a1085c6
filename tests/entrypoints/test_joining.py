"""Are credits by hand brought to their lines by a program and on a page, by two people, as shown, and only by whom it may?"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.entrypoints.test_api import NOON, Shop, shop
from tests.entrypoints.test_web import PROFILE, REF, TENANT, Now, clock, filled, inside, proved, server, store

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import pairing
from backhaul.application.proof_ports import KeptProof
from backhaul.domain.access import Role
from backhaul.domain.entry import Side
from backhaul.domain.pairing import Loose, Suggested, Waiting, suggest
from backhaul.domain.trail import digest
from backhaul.entrypoints.web.serving import Running
from backhaul.testing import builders

__all__ = ["Now", "clock", "filled", "server", "shop", "store"]
D = Decimal
SAME: dict[str, Any] = {"customer": "C-4711", "currency": "GBP"}


def credit(document: str, net: str = "12.50", entity: str = "gb") -> Loose:
    return Loose(**SAME, key=f"{digest(document)[:24]}-1", entity=entity, document=document, units=D(1), net=D(net),
                 posted_on=date(2011, 2, 11))


def waits(ref: str, net: str = "12.50", entity: str = "gb", line: str = "MUG#1") -> Waiting:
    return Waiting(**SAME, return_ref=ref, line_id=line, entity=entity, units=D(1), net=D(net))


def proof_suggests(store: SqlStore, found: Suggested, tenant: str = "acme", period: str = "2011-02") -> None:
    pairing.keep(store, tenant, period, found)


def accepted(store: SqlStore, ref: str, tenant: str = "acme") -> None:
    """Have one mug announced, received and accepted."""
    with store.begin() as tx:
        tx.add_facts(tenant, [replace(fact, return_ref=ref) for fact in builders.arrived(
            builders.line(price="12.50"), grades=[builders.accepted()])])


def listed(shop: Shop, token: str, **query: Any) -> dict[str, Any]:
    told: dict[str, Any] = shop.call("GET", "/acme/matches", token, period="2011-02", **query).json()
    return told


def proposed(shop: Shop, token: str, told: Mapping[str, Any], key: str = "", **more: Any) -> Any:
    return shop.call("POST", "/acme/matches", token, key=key, json={
        "period": "2011-02", "key": told["key"], "shown": told["shown"], "reason": "the branch paid it out"} | more)


def test_a_program_proposes_what_was_shown_another_person_approves_and_two_revoke_it(shop: Shop) -> None:
    accepted(shop.store, "R1")
    proof_suggests(shop.store, suggest([credit("CN-HAND")], [waits("R1")]))
    clerk, boss = shop.token(Role.FINANCE), shop.token(Role.APPROVER)
    [told] = listed(shop, clerk)["suggested"]

    asked = proposed(shop, clerk, told, key="pair-once").json()
    again = proposed(shop, clerk, told, key="pair-once")
    alone = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", clerk, json={"shown": asked["shown"]})
    [waiting] = listed(shop, clerk)["suggested"]
    done = shop.call("POST", f"/acme/proposals/{asked['id']}/approve", boss, json={"shown": asked["shown"]})
    after = listed(shop, clerk)
    [revoking] = [shop.call("POST", "/acme/matches/1/revoke", clerk, json={"reason": "the wrong branch"}).json()]
    [asked_for] = listed(shop, clerk)["matches"]
    shop.call("POST", f"/acme/proposals/{revoking['id']}/approve", boss, json={"shown": revoking["shown"]})
    [over] = listed(shop, clerk)["matches"]

    assert (told["rule"], told["ambiguous"], told["records"], told["lines"]) == (
        "one to one", False, [{"document": "CN-HAND", "units": "1", "net": "12.50", "posted_on": "2011-02-11"}],
        [{"return": "R1", "line": "MUG#1", "units": "1", "net": "12.50"}])
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (asked["id"], "true")
    assert (alone.status_code, done.status_code) == (403, 201)
    assert (waiting["proposal"], after["suggested"][0]["match"], after["total"]) == (asked["id"], 1, {"suggested": 1, "matches": 1})
    assert (after["matches"][0]["standing"], after["matches"][0]["documents"], after["matches"][0]["reason"]) == (
        "stands", ["CN-HAND"], "the branch paid it out")
    assert (asked_for["proposal"], over["standing"], over["revoked_why"]) == (revoking["id"], "revoked", "the wrong branch")


def test_what_was_not_shown_is_not_proposed(shop: Shop) -> None:
    accepted(shop.store, "R1")
    proof_suggests(shop.store, suggest([credit("CN-HAND")], [waits("R1")]))
    clerk = shop.token(Role.FINANCE)
    [told] = listed(shop, clerk)["suggested"]

    proof_suggests(shop.store, suggest([credit("CN-HAND")], [waits("R1"), waits("R2")]))
    late = proposed(shop, clerk, told)

    assert (late.status_code, late.json()["detail"]) == (
        409, "2011-02: what the latest proof suggests is not what was shown to you; look at it again and propose that")
    both = listed(shop, clerk)["suggested"]
    assert [each["ambiguous"] for each in both] == [True, True]
    chosen = next(each for each in both if each["lines"][0]["return"] == "R1")
    assert chosen["key"] == told["key"], "the same records and lines"
    assert proposed(shop, clerk, chosen).status_code == 201


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.ADMIN, Role.AUDITOR])
def test_who_proposes_nothing_sees_what_is_suggested_and_proposes_no_match(shop: Shop, role: Role) -> None:
    accepted(shop.store, "R1")
    proof_suggests(shop.store, suggest([credit("CN-HAND")], [waits("R1")]))
    [told] = listed(shop, shop.token(role))["suggested"]

    assert proposed(shop, shop.token(role), told).status_code == 403
    assert shop.call("POST", "/acme/matches/1/revoke", shop.token(role), json={"reason": "no"}).status_code == 403


def test_another_tenants_and_another_companys_matches_are_not_there(shop: Shop) -> None:
    accepted(shop.store, "R1")
    many = [waits(f"S{number}", "1.00", line="POT#1") for number in range(20)]
    proof_suggests(shop.store, suggest([credit("CN-HAND"), credit("CN-SUM", "15.00")], [waits("R1"), *many]))
    all_of_it, german = shop.token(Role.FINANCE), shop.token(Role.FINANCE, "de")
    whole = listed(shop, all_of_it)
    [told] = whole["suggested"]
    asked = proposed(shop, all_of_it, told).json()
    hidden = listed(shop, german)
    refused = proposed(shop, german, told)
    shop.call("POST", f"/acme/proposals/{asked['id']}/approve", shop.token(Role.APPROVER), json={"shown": asked["shown"]})

    assert (len(whole["not_looked_for"]), hidden["suggested"], hidden["not_looked_for"]) == (1, [], [])
    assert refused.status_code == 409
    assert listed(shop, german)["matches"] == []
    assert shop.call("POST", "/acme/matches/1/revoke", german, json={"reason": "no"}).status_code == 404
    stranger = shop.token(Role.FINANCE, tenant="other")
    assert [shop.call("GET", "/acme/matches", stranger, period="2011-02").status_code,
            shop.call("POST", "/other/matches/1/revoke", stranger, json={"reason": "no"}).status_code] == [403, 404]


def test_a_program_is_told_which_match_fell(shop: Shop) -> None:
    accepted(shop.store, "R1")
    proof_suggests(shop.store, suggest([credit("CN-HAND")], [waits("R1")]))
    clerk = shop.token(Role.FINANCE)
    asked = proposed(shop, clerk, listed(shop, clerk)["suggested"][0]).json()
    shop.call("POST", f"/acme/proposals/{asked['id']}/approve", shop.token(Role.APPROVER), json={"shown": asked["shown"]})
    said = "match 1 of R1|MUG#1: CN-HAND is not in the books as person 1 and person 2 confirmed it; revoke it or mend the record"

    with shop.store.begin() as tx:
        tx.keep_proof(KeptProof(tenant="acme", period="2011-02", day=NOON.date(), at=NOON, actor="backhaul", complete=False, extracts=[],
                                figures={"reasons": ["gb: the ERP was not read", said]}), [], [], [])

    [told] = listed(shop, clerk)["matches"]
    assert (told["standing"], told["fell"]) == ("fallen", said)


# --- on a page


def month(store: SqlStore, *more: Waiting) -> str:
    """Have December proved with one credit by hand like the line that was accepted, and give the line."""
    proved(store, REF)
    with store.look() as tx:
        ((_, line), (units, net)) = next(each for each in pairing.accepted(tx, PROFILE.rules, [REF]).items() if each[1][0])
    by_hand = replace(credit("=CN<1>", str(net), "gb01"), units=units, posted_on=date(2010, 12, 13))
    waiting = replace(waits(REF, str(net), "gb01", line=line), units=units)
    proof_suggests(store, suggest([by_hand], [waiting, *(replace(each, units=units, net=net) for each in more)]), TENANT, "2010-12")
    return line


def form(page: str, address: str, **told: str) -> dict[str, str]:
    """Fill in the form of a page that is sent to this address."""
    found = re.search(rf'<form[^>]* action="{re.escape(address)}".*?</form>', page, re.DOTALL)
    assert found, address
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0])) | told


def test_a_credit_by_hand_is_proposed_on_a_page_approved_by_another_and_revoked_by_two(store: SqlStore, server: Running) -> None:
    line = month(store)
    fiona, anton = inside(server), inside(server, "Anton Approver")

    assert 'href="/proof/match?period=2010-12"' in fiona.get("/proof").text
    page = fiona.get("/proof/match").text
    asked = fiona.send("POST", "/proof/match/propose", form(page, "/proof/match/propose", reason="paid at the till"))
    waiting = fiona.get("/proof/match").text
    number = asked.headers["location"].split("?")[0]
    offer = anton.get(number)
    said_yes = anton.send("POST", f"{number}/approve", anton.fill(offer))
    after = fiona.get("/proof/match").text
    revoking = fiona.send("POST", "/proof/match/revoke", form(after, "/proof/match/revoke", reason="another branch"))
    undoing = revoking.headers["location"].split("?")[0]
    before_and_after = anton.get(undoing)
    anton.send("POST", f"{undoing}/approve", anton.fill(before_and_after))
    over = fiona.get("/proof/match").text

    for told in ("=CN&lt;1&gt;", "13 Dec 2010", f'href="/returns/{REF}"', line, "One credit is like one line", "the same customer"):
        assert told in page, told
    assert (asked.status_code, "waits for somebody else" in waiting, "/proof/match/propose" in waiting) == (303, True, False)
    for told in ("Before and after", "posted on 2010-12-13", "not credited again by us", "paid at the till"):
        assert told in offer.text, told
    assert said_yes.status_code == 303
    for told in ("Stands", "Fiona Finance and Anton Approver", "paid at the till", "Confirmed since"):
        assert told in after, told
    assert "we may credit them" in before_and_after.text
    assert "Fiona Finance and Anton Approver confirmed" in before_and_after.text
    assert ("another branch" in over, "Revoked" in over, "/proof/match/revoke" in over) == (True, True, False)


def received_by_hand(store: SqlStore) -> str:
    """Have December proved with goods received by hand on sale, like the line that was accepted, and give the line."""
    proved(store, REF)
    with store.look() as tx:
        ((_, line), (units, net)) = next(each for each in pairing.accepted(tx, PROFILE.rules, [REF], Side.STOCK).items() if each[1][0])
    told: dict[str, Any] = {"side": Side.STOCK, "entity": "gb01", "item": "MUG", "units": units, "warehouse": "GB-DC-01"}
    proof_suggests(store, suggest(
        [Loose(**told, key=f"{digest('PS')[:24]}-1", document="PS-HAND", sellable=units, posted_on=date(2010, 12, 13))],
        [Waiting(**told, return_ref=REF, line_id=line, net=net, currency="GBP", sellable=D(0))]), TENANT, "2010-12")
    return line


def test_goods_received_by_hand_are_told_apart_from_credits_wherever_they_are_shown(store: SqlStore, server: Running) -> None:
    line = received_by_hand(store)
    fiona, anton = inside(server), inside(server, "Anton Approver")

    page = fiona.get("/proof/match").text
    (_, *suggested) = csv.reader(io.StringIO(fiona.get("/exports/suggested-matches.csv").content.decode("utf-8-sig")))
    number = fiona.send("POST", "/proof/match/propose", form(page, "/proof/match/propose", reason="found in the warehouse")).headers[
        "location"].split("?")[0]
    offer = anton.get(number)
    anton.send("POST", f"{number}/approve", anton.fill(offer))
    after = fiona.get("/proof/match").text
    (_, match) = csv.reader(io.StringIO(fiona.get("/exports/matches.csv").content.decode("utf-8-sig")))
    undoing = fiona.send("POST", "/proof/match/revoke", form(after, "/proof/match/revoke", reason="another")).headers["location"]

    for told in ("Receipt, one to one", "One receipt is like one line", "PS-HAND is the receipt of", "stays a break: DAMAGED_ON_SALE"):
        assert told in page, told
    for told in (" units, posted on 2010-12-13: without our mark, of no line", "DAMAGED_ON_SALE",
                 "received by PS-HAND, and not received again, nor credited, by us"):
        assert told in offer.text, told
    assert ("Is the receipt of" in after, suggested[0][5], match[2], match[7]) == (True, "receipt", "receipt", line)
    assert "we may receive their goods and credit them" in anton.get(undoing.split("?")[0]).text


def test_a_payment_that_names_no_return_is_shown_beside_the_return_that_is_owed_it(store: SqlStore, server: Running) -> None:
    proved(store, REF)
    proof_suggests(store, suggest(
        [Loose(side=Side.PAYMENT, key="p" * 24, entity="gb01", document="P-1", voucher="psp", currency="GBP", net=D("10.20"),
               posted_on=date(2010, 12, 14))],
        [Waiting(side=Side.PAYMENT, return_ref=REF, line_id="", entity="gb01", units=D(0), net=D("10.20"), currency="GBP")],
    ), TENANT, "2010-12")
    fiona, anton = inside(server), inside(server, "Anton Approver")

    page = fiona.get("/proof/match").text
    number = fiona.send("POST", "/proof/match/propose", form(page, "/proof/match/propose", reason="a typing error")).headers[
        "location"].split("?")[0]
    offer = anton.get(number)
    anton.send("POST", f"{number}/approve", anton.fill(offer))
    after = fiona.get("/proof/match").text
    undoing = fiona.send("POST", "/proof/match/revoke", form(after, "/proof/match/revoke", reason="another")).headers["location"]

    for told in ("Payment, one to one", "One payment is exactly what one claim is owed", "P-1 is the payment of", "Credited, and not paid",
                 "P-1 of psp pays 10.20 GBP"):
        assert told in page, told
    for told in ("posted on 2010-12-14: of no return we know", "paid by P-1, and counted as its payment"):
        assert told in offer.text, told
    assert "Is the payment of" in after
    assert "The payment is of no return, which is owed it again." in anton.get(undoing.split("?")[0]).text


def test_of_two_that_would_do_none_is_chosen_and_each_says_so(store: SqlStore, server: Running) -> None:
    month(store, waits("R000", entity="gb01"))

    page = inside(server).get("/proof/match?period=2010-12").text

    assert page.count("Ambiguous: a credit or a line of it is in another suggestion as well") == 2
    assert page.count('action="/proof/match/propose"') == 2
    assert "checked" not in page


def test_what_a_page_showed_before_is_not_proposed_any_more(store: SqlStore, server: Running) -> None:
    month(store)
    fiona = inside(server)
    told = form(fiona.get("/proof/match").text, "/proof/match/propose", reason="paid at the till")
    month(store, waits("R000", entity="gb01"))

    assert fiona.send("POST", "/proof/match/propose", told).status_code == 409
    assert fiona.send("POST", "/proof/match/propose", told | {"form_token": "x"}).status_code == 403
    assert fiona.send("POST", "/proof/match/revoke", {"form_token": told["form_token"], "match": "1", "reason": "no"}).status_code == 409
    assert fiona.get("/proof/match?period=2009-01").status_code == 404
    with store.look() as tx:
        assert list(tx.matches(TENANT, standing=False)) == []


def test_who_proposes_nothing_reads_the_page_and_finds_no_form_on_it(store: SqlStore, server: Running) -> None:
    month(store)
    told = form(inside(server).get("/proof/match").text, "/proof/match/propose", reason="mine")

    vera = inside(server, "Vera Viewer")
    page = vera.get("/proof/match")
    refused = vera.send("POST", "/proof/match/propose", told | {"form_token": vera.fill(vera.get("/tokens"))["form_token"]})

    assert "One credit is like one line" in page.text
    assert 'action="/proof/match' not in page.text
    assert refused.status_code == 403


def test_both_lists_leave_as_sheets_in_which_nothing_is_a_formula(store: SqlStore, server: Running) -> None:
    line = month(store)
    fiona, anton = inside(server), inside(server, "Anton Approver")
    asked = fiona.send("POST", "/proof/match/propose", form(fiona.get("/proof/match").text, "/proof/match/propose", reason="=1+1"))
    number = asked.headers["location"].split("?")[0]
    anton.send("POST", f"{number}/approve", anton.fill(anton.get(number)))

    (_, *suggested) = csv.reader(io.StringIO(fiona.get("/exports/suggested-matches.csv").content.decode("utf-8-sig")))
    (_, match) = csv.reader(io.StringIO(fiona.get("/exports/matches.csv").content.decode("utf-8-sig")))
    book = load_workbook(io.BytesIO(fiona.get("/exports/matches.xlsx").content))

    assert [(row[0], *row[5:9]) for row in suggested] == [
        ("2010-12", "credit", "'=CN<1>", "", "2010-12-13"), ("2010-12", "line", REF, line, suggested[1][8])]
    assert (match[1], match[2], match[5], match[6], match[7], match[14]) == ("stands", "credit", "'=CN<1>", REF, line, "'=1+1")
    assert [cell.value for cell in book["matches"][2]][:2] == [1, "stands"]
