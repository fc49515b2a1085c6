"""Does the emulated environment credit what Business Central would credit, by API v2.0 alone?"""

from __future__ import annotations

from typing import Any

import pytest
from tests.adapters.business_central.emulator.conftest import told_by


def test_a_draft_keeps_its_id_when_posting_changes_its_number(env: Any) -> None:
    env.sell()
    draft = env.draft()

    answer = env.post(draft)

    posted, note = env.read(draft), env.ledgers()["creditNotes"][0]
    assert (answer.status_code, answer.content) == (204, b"")
    assert (draft["status"], posted["status"]) == ("Draft", "Open")
    assert posted["id"] == draft["id"]
    assert posted["number"] != draft["number"]
    assert (note["net"], note["tax"], note["gross"], note["reference"]) == (-29.97, -5.99, -35.96, "ZZ-1")
    assert env.ledgers()["stock"] == {"MUG||RET|": 3}
    (entry,) = env.rows(f"itemLedgerEntries?$filter=documentNumber eq '{posted['number']}'")
    assert (entry["documentType"], entry["quantity"], entry["costAmountActual"]) == ("Sales_x0020_Credit_x0020_Memo", 3, 12)


def test_posting_again_is_refused_and_posts_nothing(env: Any) -> None:
    draft = env.draft()
    env.post(draft)
    before = env.ledgers()["digest"]

    again = env.post(draft)

    assert told_by(again) == (400, "Application_DialogException", "The action can be applied to a draft credit memo only.")
    assert env.ledgers()["digest"] == before


def test_a_draft_stays_when_posting_fails_and_gets_the_number_drawn_for_it_later(env: Any) -> None:
    draft = env.draft(env.line(at=None))

    failed = env.post(draft)

    assert told_by(failed)[1] == "Application_DialogException"
    assert "Location Code must have a value in Sales Line" in told_by(failed)[2]
    assert env.read(draft)["status"] == "Draft"
    line = env.read(draft)["salesCreditMemoLines"][0]
    mended = env.send("PATCH", f"salesCreditMemoLines({line['id']})", {"locationId": env.place("RET")}, **{"If-Match": line["@odata.etag"]})
    assert mended.status_code == 200
    assert env.post(draft).status_code == 204
    assert env.ledgers()["unitsReceived"] == 3


@pytest.mark.parametrize(("head", "line", "text"), [
    ({}, {"item": "STOPPED"}, "Blocked must be equal to 'No'  in Item: No.=STOPPED. Current value is 'Yes'."),
    ({}, {"item": "NOBODY"}, "Item does not exist."),
    ({"customer": "ALL"}, {}, "You cannot create this type of document when Customer ALL is blocked with type All"),
    ({"customer": "NOBODY"}, {}, "The sell-to customer cannot be found."),
    ({"customer": "ABROAD"}, {}, ("The VAT Posting Setup does not exist. Identification fields and values: "
                                  "VAT Bus. Posting Group='NOWHERE',VAT Prod. Posting Group='STD'")),
    ({"currencyCode": "EUR"}, {}, 'The "currencyCode" does not match to a Currency.'),
])
def test_what_master_data_forbids_is_refused_and_leaves_no_head(env: Any, head: dict[str, Any], line: dict[str, Any], text: str) -> None:
    told = {"customerNumber": head.get("customer", "C1"), "salesCreditMemoLines": [env.line(**line)]}
    told |= {name: value for name, value in head.items() if name != "customer"}

    answer = env.send("POST", "salesCreditMemos", told)

    assert answer.status_code == 400
    assert told_by(answer)[2] == text
    assert env.rows("salesCreditMemos") == []


def test_goods_that_may_not_be_sold_may_come_back_from_a_customer_that_may_not_be_shipped_to(env: Any) -> None:
    draft = env.draft(env.line("UNSOLD", 1, 2.5), customer="SHIP")

    answer = env.post(draft)

    assert answer.status_code == 204
    assert env.ledgers()["stock"] == {"UNSOLD||RET|": 1}


def test_a_posting_date_outside_the_allowed_range_is_refused(env: Any) -> None:
    env.control("periods", {"from": "2025-01-01", "to": "2025-01-31"})
    draft = env.draft(postingDate="2024-12-31")

    answer = env.post(draft)

    assert told_by(answer)[2] == "Posting Date is not within your range of allowed posting dates."
    assert env.rows("generalLedgerEntries") == []


def test_exact_cost_reversal_by_set_up_makes_api_v20_alone_useless(env: Any) -> None:
    env.begin(exactCostReversingMandatory=True)
    draft = env.draft()

    answer = env.post(draft)

    assert "Appl.-from Item Entry must have a value" in told_by(answer)[2]


def test_a_memo_is_applied_to_an_open_invoice_and_refused_for_a_closed_one(env: Any) -> None:
    unpaid, paid = env.sell("SO1", paid=False), env.sell("SO2")
    first, second = env.draft(invoiceId=unpaid["invoiceId"]), env.draft(reference="ZZ-2", invoiceId=paid["invoiceId"])

    answers = env.post(first), env.post(second)

    assert answers[0].status_code == 204
    assert told_by(answers[1])[2].startswith("There is no Cust. Ledger Entry within the filter.")
    assert env.read(first)["status"] == "Paid"
    (invoice,) = env.rows("salesInvoices?$filter=orderNumber eq 'SO1'&$select=remainingAmount,status")
    assert (invoice["remainingAmount"], invoice["status"]) == (83.92, "Open")


def test_a_fee_reduces_the_credit_and_may_not_turn_it_into_a_charge(env: Any) -> None:
    fair = env.draft(env.line(), env.line("FEE", -1, 2.5, at=None))
    greedy = env.draft(env.line(quantity=1), env.line("FEE", -1, 30, at=None), reference="ZZ-2")

    answers = env.post(fair), env.post(greedy)

    assert answers[0].status_code == 204
    assert told_by(answers[1])[2].startswith("Amount must be negative in Gen. Journal Line")
    assert env.ledgers()["creditNotes"][0]["net"] == -27.47


def test_vat_is_counted_per_identifier_so_a_line_may_be_a_cent_off(env: Any) -> None:
    draft = env.draft(*(env.line(quantity=1, price=0.03) for _ in range(3)))

    lines = env.read(draft)["salesCreditMemoLines"]

    assert [line["totalTaxAmount"] for line in lines] == [0.01, 0, 0.01]
    assert draft["totalTaxAmount"] == 0.02


def test_two_memos_may_carry_the_same_external_number(env: Any) -> None:
    drafts = [env.draft(reference="zz-9"), env.draft(reference="ZZ-9")]

    found = env.rows("salesCreditMemos?$filter=externalDocumentNumber eq 'zz-9'")

    assert {row["id"] for row in found} == {draft["id"] for draft in drafts}


def test_a_sequence_makes_a_line_unique(env: Any) -> None:
    draft = env.draft(env.line(sequence=10000))

    again = env.send("POST", f"salesCreditMemos({draft['id']})/salesCreditMemoLines", env.line(sequence=10000))

    assert told_by(again)[2] == "You cannot insert a line because a line already exists."
    assert len(env.read(draft)["salesCreditMemoLines"]) == 1


def test_payouts_are_booked_both_ways_and_settled_with_the_memo(env: Any) -> None:
    payout = {"legalEntity": "CRONUS", "customer": "C1", "amount": "35.96", "currency": "GBP", "date": "2025-01-09"}
    env.control("payouts", {"payouts": [payout | {"reference": "zz-1", "booking": "clearing"},
                                        payout | {"reference": "zz-2", "booking": "customer"}]})
    for reference in ("ZZ-1", "ZZ-2"):
        env.post(env.draft(reference=reference))

    told = env.ledgers()

    assert [payout["open"] for payout in told["payouts"]] == [0, 0]
    assert {row["status"] for row in env.rows("salesCreditMemos")} == {"Paid"}
    assert told["trialBalance"]["5990"] == told["trialBalance"]["2310"] == 0


def test_what_was_posted_is_there_after_a_restart(env: Any, state: Any) -> None:
    from backhaul.adapters.business_central.emulator import Emulator  # noqa: PLC0415 - a second life of the same file
    from backhaul.adapters.business_central.emulator.ledger import statement  # noqa: PLC0415 - the same

    env.sell()
    env.post(env.draft())
    before = env.ledgers()

    again = Emulator(state)

    told = statement(again.world)
    again.world.close()
    assert (told["digest"], told["balanced"]) == (before["digest"], True)
