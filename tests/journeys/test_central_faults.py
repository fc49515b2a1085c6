"""Whatever Business Central does to a request, every accepted line is credited once, and nothing is left that could be credited again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backhaul.adapters.business_central.central import Write
from backhaul.application import resolve
from backhaul.application.ports import PostingState
from tests.journeys.stage import TENANT, WIRE, World, life, line

WRITES: Mapping[str, Mapping[str, str]] = {
    "heads": {"path": r"\$batch", "body": '"POST","url":"companies\\([^)]*\\)/sales(CreditMemos|Invoices)"'},
    "lines": {"path": r"\$batch", "body": '"POST","url":"companies\\([^)]*\\)/sales(CreditMemo|Invoice)Lines"'},
    "posting": {"path": r"Microsoft\.NAV\.post"},
}
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "the answer is lost": {"kind": "answer-lost"},
    "the answer is lost three times": {"kind": "answer-lost", "times": 3},
    "it lands after two calls": {"kind": "late-commit", "after": 2},
    "it lands when the clock moves on": {"kind": "late-commit"},
    "an error before": {"kind": "error-before", "status": 500},
    "cancelled after eight minutes": {"kind": "error-after", "status": 408},
    "throttled for seconds": {"kind": "throttle", "retryAfter": "7"},
    "the body is cut": {"kind": "cut-body"},
    "a page afterwards": {"kind": "html", "commit": True},
    "another record": {"kind": "other-record"},
    "the token expired": {"kind": "token-expired"},
}
BATCH: Mapping[str, Mapping[str, Any]] = {
    "a part is missing": {"kind": "batch-part-missing", "part": 1},
    "a part is throttled": {"kind": "batch-part-429", "part": 0},
    "a part fails": {"kind": "batch-part-500", "part": 1},
}
POSTING: Mapping[str, Mapping[str, Any]] = {"it is posted and says 400": {"kind": "posted-but-400"}}
CREDITS = [("CUP", Decimal(2), Decimal("5.90")), ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(1), Decimal("4.25")),
           ("TEA", Decimal(2), Decimal("8.50"))]
LIKE_HEADS = {"the answer is lost three times", "an error before", "throttled for seconds",
              "a page afterwards", "another record", "the token expired"}
"""What heads have taught already, a line does not teach again."""
CASES = [pytest.param(fault, where, id=f"{name} | {at}") for at, where in WRITES.items()
         for name, fault in (FAULTS | (POSTING if at == "posting" else BATCH)).items() if at != "lines" or name not in LIKE_HEADS]


def story(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
                             line("POST", 1, "7.50", order=None)], at=datetime(2010, 12, 1, 9, tzinfo=UTC)),
               *life("R-2", [line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 2, True)])],
                     at=datetime(2010, 12, 1, 9, tzinfo=UTC)))


@pytest.mark.parametrize(("fault", "where"), CASES)
def test_every_accepted_line_is_credited_once_whatever_happens_to_a_request(
    central: World, fault: Mapping[str, Any], where: Mapping[str, str],
) -> None:
    story(central)
    central.turn()
    central.arm(**{**fault, **where})

    central.pass_evenings(2, turns=3)

    ledgers = central.ledgers
    assert central.credits == CREDITS
    assert (central.exceptions(), ledgers["balanced"], ledgers["unitsReceived"]) == ({}, True, 5)
    assert [draft for draft in ledgers["drafts"] if draft["gross"]] == [], "what landed late is an empty head at most"
    assert {row.state for row in central.postings()} == {PostingState.VERIFIED}


def test_a_memo_that_was_never_posted_is_posted_later_and_not_written_again(central: World) -> None:
    story(central)
    central.turn()
    central.arm(kind="error-before", status=503, times=2, path=r"Microsoft\.NAV\.post")

    central.pass_evenings(1, turns=1)
    waiting = [draft["reference"] for draft in central.ledgers["drafts"]]
    central.pass_evenings(1, turns=3)

    assert waiting, "it stands as a draft while posting is away"
    assert central.credits == CREDITS
    assert {memo["reference"] for memo in central.ledgers["creditNotes"]} >= set(waiting)


def test_what_posting_refuses_stays_a_draft_with_an_owner_until_a_person_has_mended_it(central: World) -> None:
    central.control("seed", {"settings": {"exactCostReversingMandatory": True}, "rows": {}})
    central.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=central.at))
    central.pass_evenings(2, turns=1)

    (refused,) = central.open()
    with central.house.store.look() as tx:
        (said,) = {each.detail for each in tx.attempts([row.posting.key for row in central.postings()]) if each.outcome == "rejected"}
    asked = {call["clientRequestId"] for call in central.control("calls")["log"]}
    drafted = [draft["reference"] for draft in central.ledgers["drafts"]]
    central.control("seed", {"settings": {"exactCostReversingMandatory": False}, "rows": {}})
    resolve.retry(central.house.store, TENANT, refused.id, route=central.house.desk(TENANT, "gb01").route, actor="an operator",
                  now=central.at)
    central.pass_evenings(1, turns=2)

    assert refused.case.kind == "ERP_REJECTED"
    assert "only modes A and B can name the entry" in refused.case.findings[0].sentence
    assert said.rpartition("(request ")[2].removesuffix(")") in asked
    assert len(drafted) == 1
    assert central.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert [memo["reference"] for memo in central.ledgers["creditNotes"]] == drafted


def test_a_memo_somebody_posted_by_hand_is_ours_all_the_same(central: World) -> None:
    story(central)
    central.turn()
    central.arm(kind="error-before", status=503, times=99, path=r"Microsoft\.NAV\.post")
    central.pass_evenings(1, turns=1)
    erp: Any = central.house.desk(TENANT, "gb01").erp
    heads = [row.document for row in central.postings() if row.posting.key.kind == "order" and row.document]
    WIRE.delete(f"{central.erp}/control/faults")

    for head in heads:
        assert erp.central.act(f"salesCreditMemos({head.ids['id']})/Microsoft.NAV.post").status == 204
    central.pass_evenings(2, turns=3)

    assert central.credits == CREDITS
    assert central.exceptions() == {}


def test_a_line_somebody_added_to_our_draft_stops_it(central: World) -> None:
    story(central)
    central.turn()
    central.arm(kind="answer-lost", path=r"\$batch", body='"POST","url":"companies\\([^)]*\\)/salesCreditMemoLines"', times=1)
    erp: Any = central.house.desk(TENANT, "gb01").erp
    written = erp.central.write

    def with_a_stranger(writes: Any) -> Any:
        answers = written(writes)
        ids = {write.body["documentId"] for write in writes if write.address == "salesCreditMemoLines"}
        stranger = {"lineType": "Item", "lineObjectNumber": "SVC-MANUAL", "quantity": 1, "unitPrice": 5}
        written([Write(method="POST", address="salesCreditMemoLines", body={"documentId": identity, **stranger}) for identity in ids])
        return answers

    erp.central.write = with_a_stranger
    central.pass_evenings(1, turns=2)

    assert central.credits == []
    assert set(central.exceptions()) == {"TOTALS_DIFFER"}
