"""Whatever the ERP does to a request, every accepted line is credited once, and nothing is left that could be credited again."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.application.ports import PostingState
from backhaul.domain.posting import OrderLine, ReturnOrder
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, open_world

DAILY = Window(close=Close.DAILY)
WRITES: Mapping[str, Mapping[str, str]] = {
    "heads": {"path": r"\$batch", "body": "POST [^ ]*/(ReturnOrderHeadersV2|SalesOrderHeadersV2) "},
    "lines": {"path": r"\$batch", "body": "POST [^ ]*/(ReturnOrderLinesV2|SalesOrderLines) "},
    "upload address": {"path": "GetAzureWriteUrl"},
    "upload": {"path": "^/blob/", "method": "PUT"},
    "import": {"path": "ImportFromPackage"},
    "import status": {"path": "GetExecutionSummaryStatus"},
    "release": {"path": r"\$batch", "body": "PATCH [^ ]*/SalesOrderHeadersV2"},
}
"""Every kind of request that has an effect or prepares one, as the emulator recognises it."""
LOOK = {"path": r"\$batch", "body": "GET [^ ]*(Headers|Lines)[^ ]*filter=[^ ]*ZZ[A-Z2-7]{18}"}
"""A request that looks for one of our marks."""
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "the answer is lost": {"kind": "answer-lost"},
    "the answer is lost three times": {"kind": "answer-lost", "times": 3},
    "it lands after the next call": {"kind": "late-commit", "after": 1},
    "it lands after two calls": {"kind": "late-commit", "after": 2},
    "it lands after four calls": {"kind": "late-commit", "after": 4},
    "it lands when the clock moves on": {"kind": "late-commit"},
    "an error before": {"kind": "error-before", "status": 500},
    "an error before, 503": {"kind": "error-before", "status": 503},
    "an error after": {"kind": "error-after", "status": 500},
    "an error after, 504": {"kind": "error-after", "status": 504},
    "throttled for seconds": {"kind": "throttle", "retryAfter": "7"},
    "throttled until a date": {"kind": "throttle", "retryAfter": format_datetime(datetime(2030, 1, 1, tzinfo=UTC))},
    "throttled for how long nobody says": {"kind": "throttle", "retryAfter": None},
    "the body is cut": {"kind": "cut-body"},
    "a page instead": {"kind": "html"},
    "a page afterwards": {"kind": "html", "commit": True},
    "another record": {"kind": "other-record"},
    "the token expired": {"kind": "token-expired"},
    "slow": {"kind": "slow", "seconds": 0.05},
    "drip": {"kind": "drip", "seconds": 0.00001},
}
BATCH_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "the first part is missing": {"kind": "batch-part-missing", "part": 0},
    "the last part is missing": {"kind": "batch-part-missing", "part": 2},
    "two parts are missing": {"kind": "batch-part-missing", "parts": [0, 1]},
    "one part is throttled": {"kind": "batch-part-429", "part": 1},
}
BATCHES = ("heads", "lines", "release")
FOR_A_PERSON = {("an error before", "import")}
"""Nothing ran and we can prove it; a person says when it is tried again."""
ALIKE: Mapping[str, tuple[str, ...]] = {
    "throttled until a date": ("import",), "throttled for how long nobody says": ("release",), "slow": ("lines",), "drip": ("release",),
    "the token expired": ("heads", "upload", "import"),
}
"""What is read in one place before anybody knows which request it answers is played at these; everything else at every request."""
CASES = [pytest.param(fault, where, id=f"{name} | {at}")
         for at, where in WRITES.items()
         for name, fault in (FAULTS | (BATCH_FAULTS if at in BATCHES else {})).items()
         if (name, at) not in FOR_A_PERSON and at in ALIKE.get(name, (at,))]
CREDITS = [("CUP", Decimal(2), Decimal("5.90")), ("POT", Decimal(1), Decimal("12.50")), ("SVC-CARRIAGE", Decimal(1), Decimal("3.25")),
           ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("SVC-DISCOUNT", Decimal(1), Decimal("2.00")),
           ("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]
CALM_CALLS = 30
"""More than a calm world of these three returns needs (measured in the first test below)."""


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    yield world
    world.house.close()


def tell_three_returns(world: World) -> None:
    """Goods in two grades with a fee, goods of another order, and fees alone."""
    world.tell(
        *life("R-1", [
            line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
            line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 2, True)]),
            line("POST", 1, "7.50", order=None)], at=world.at),
        *life("R-2", [line("POT", 1, "12.50", order="500002", received=1, grades=[("C", "QUARANTINE", 1, True)])], at=world.at),
        *life("R-3", [line("POST", 1, "3.25", order=None), line("D", 1, "2.00", order=None)], at=world.at))
    world.turn()
    world.control("calls/reset", {})


def loose_ends(world: World) -> list[str]:
    """Say which drafts with a mark of ours the ERP holds beside those we know, wherever they could still be posted."""
    kept = world.postings()
    known = {row.posting.key.marker: row.document.number for row in kept if row.document and isinstance(row.posting.document, ReturnOrder)}
    wanted = {row.posting.key.marker: row.posting.document.quantity for row in kept if isinstance(row.posting.document, OrderLine)}
    told = []
    for heads, number in (("ReturnOrderHeadersV2", "ReturnOrderNumber"), ("SalesOrderHeadersV2", "SalesOrderNumber")):
        told += [f"{row[number]} is a second head" for row in world.rows(heads)
                 if row["CustomersOrderReference"] in known and row[number] != known[row["CustomersOrderReference"]]]
    units: Counter[str] = Counter()
    for lines, quantity in (("ReturnOrderLinesV2", "ReturnSalesQuantity"), ("SalesOrderLines", "OrderedSalesQuantity")):
        for row in world.rows(lines):
            units[row["ExternalItemNumber"]] -= Decimal(str(row[quantity]))
    told += [f"{mark}: {units[mark]} units, wanted {quantity}" for mark, quantity in wanted.items() if units[mark] != quantity]
    journals = world.rows("ItemArrivalJournalHeadersV2")
    return told + [f"journal {row['JournalNumber']} is open" for row in journals if row["IsPosted"] != "Yes"]


def test_in_a_calm_world_three_returns_take_few_calls(daily: World) -> None:
    tell_three_returns(daily)

    daily.pass_evenings(4)

    assert daily.credits == CREDITS
    assert daily.exceptions() == {}
    assert daily.control("calls")["counted"] <= CALM_CALLS
    assert loose_ends(daily) == []


@pytest.mark.parametrize(("fault", "where"), CASES)
def test_whatever_happens_to_a_request_each_line_is_credited_once(daily: World, fault: Mapping[str, Any], where: Mapping[str, str]) -> None:
    tell_three_returns(daily)
    daily.arm(**fault, **where)

    daily.pass_evenings(5, turns=3)

    assert daily.credits == CREDITS
    assert daily.exceptions() == {}
    assert daily.control("calls")["counted"] <= 2 * CALM_CALLS
    assert loose_ends(daily) == []


def retry_all(world: World) -> int:
    """Let a person retry whatever is open; give how many postings that were."""
    route = world.house.desk(TENANT, "gb01").route
    return sum(resolve.retry(world.house.store, TENANT, row.id, route=route, actor="ada", now=world.at) for row in world.open())


@pytest.mark.parametrize(("fault", "where"), [
    pytest.param({"kind": "row-error", "rows": [2]}, WRITES["import"], id="one row of the package"),
    pytest.param({"kind": "row-error", "rows": [1]}, WRITES["import"], id="the journal's head"),
    pytest.param({"kind": "row-error", "rows": [2, 3, 4, 5]}, WRITES["import"], id="every row of the package"),
    pytest.param({"kind": "error-before"}, WRITES["import"], id="the import refused with an error"),
    *[pytest.param({"kind": "forbidden"}, WRITES[at], id=f"forbidden | {at}") for at in ("heads", "lines", "import", "release")],
])
def test_what_the_erp_refuses_waits_for_a_person_and_is_credited_once_after_the_retry(
    daily: World, fault: Mapping[str, Any], where: Mapping[str, str],
) -> None:
    tell_three_returns(daily)
    daily.arm(**fault, **where)
    daily.pass_evenings(2, turns=3)
    refused = daily.exceptions()

    retried = retry_all(daily)
    daily.pass_evenings(4, turns=3)

    assert set(refused) == {"ERP_REJECTED"}
    assert retried > 0
    assert daily.credits == CREDITS
    assert daily.exceptions() == {}
    assert loose_ends(daily) == []


def test_what_the_erp_refused_is_told_with_the_name_of_the_request_by_which_its_vendor_finds_it(daily: World) -> None:
    tell_three_returns(daily)
    daily.arm(kind="forbidden", **WRITES["heads"])
    daily.pass_evenings(1, turns=2)

    with daily.house.store.look() as tx:
        refused = [each.detail for each in tx.attempts([row.posting.key for row in daily.postings()]) if each.outcome == "rejected"]
    named = {detail.rpartition("(request ")[2].removesuffix(")").partition(",")[0] for detail in refused}

    assert named
    assert named <= {call["clientRequestId"] for call in daily.control("calls")["log"]}
    assert not [finding.sentence for row in daily.open() for finding in row.case.findings if "(request" in finding.sentence], \
        "what is found is the same however often it is asked"


@pytest.mark.parametrize("status", [400, 500])
def test_a_document_that_was_saved_although_its_answer_was_an_error_is_adopted_when_a_person_retries(daily: World, status: int) -> None:
    daily.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=daily.at))
    daily.turn()
    daily.arm("error-after", status=status, times=1, **WRITES["heads"])

    daily.pass_evenings(2, turns=2)
    retry_all(daily)
    daily.pass_evenings(3, turns=2)

    assert daily.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert len(daily.rows("ReturnOrderHeadersV2")) == 1
    assert daily.exceptions() == {}


@pytest.mark.parametrize("polls", [3, 10_000])
def test_an_import_that_hangs_is_waited_for_and_not_started_again(daily: World, polls: int) -> None:
    tell_three_returns(daily)
    daily.house.desk(TENANT, "gb01").erp.sleep = lambda _: None  # type: ignore[attr-defined]  # ten real seconds teach nothing
    daily.arm("import-stuck", polls=polls)

    daily.pass_evenings(4, turns=3)

    assert daily.credits == CREDITS
    assert daily.exceptions() == {}
    assert daily.control("calls")["by"]["POST ImportFromPackage"] == 1


@pytest.mark.parametrize("skip", range(4))
@pytest.mark.parametrize("first", [{}, {"kind": "answer-lost", **WRITES["heads"]}, {"kind": "answer-lost", **WRITES["lines"]}],
                         ids=["nothing else", "heads lost", "lines lost"])
def test_a_look_at_a_stale_copy_makes_no_second_credit(daily: World, skip: int, first: Mapping[str, Any]) -> None:
    tell_three_returns(daily)
    if first:
        daily.arm(**first)
    daily.arm("lagging-read", method="POST", skip=skip, **LOOK)

    daily.pass_evenings(5, turns=3)

    assert daily.credits == CREDITS
    assert daily.exceptions() == {}
    assert loose_ends(daily) == []


@pytest.mark.parametrize("kind", ["answer-lost", "error-before", "html", "cut-body", "throttle", "token-expired"])
def test_a_look_that_fails_is_made_again_and_nothing_is_sent_in_the_dark(daily: World, kind: str) -> None:
    tell_three_returns(daily)
    daily.arm("answer-lost", **WRITES["heads"])
    daily.arm(kind, times=2, **LOOK)

    daily.pass_evenings(4, turns=4)

    assert daily.credits == CREDITS
    assert daily.exceptions() == {}
    assert len([row for row in daily.rows("ReturnOrderHeadersV2") if row["CustomersOrderReference"].startswith("ZZ")]) == 2


@pytest.mark.parametrize("after", [1, 2, 3, 5, 1_000_000])
@pytest.mark.parametrize("at", ["heads", "lines", "release"])
def test_a_fee_that_lands_after_we_looked_is_not_credited_twice(daily: World, at: str, after: int) -> None:
    daily.tell(*life("R-3", [line("POST", 1, "3.25", order=None), line("D", 1, "2.00", order=None)], at=daily.at))
    daily.turn()
    daily.arm("late-commit", after=after, **WRITES[at])

    daily.pass_evenings(5, turns=3)

    assert daily.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("3.25")), ("SVC-DISCOUNT", Decimal(1), Decimal("2.00"))]
    assert daily.exceptions() == {}
    assert loose_ends(daily) == []


def test_a_fee_line_that_lands_between_the_check_and_the_release_stops_the_release(daily: World) -> None:
    daily.tell(*life("R-3", [line("POST", 1, "3.25", order=None)], at=daily.at))
    daily.turn()
    daily.arm("late-commit", after=1, times=2, **WRITES["lines"])
    daily.arm("answer-lost", **WRITES["release"])

    daily.pass_evenings(5, turns=3)

    assert daily.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("3.25"))]
    assert loose_ends(daily) == []


def test_an_erp_that_answers_nothing_at_all_is_not_asked_for_ever(daily: World) -> None:
    tell_three_returns(daily)
    daily.arm("answer-lost", times=10_000, path="ImportFromPackage")
    daily.arm("error-before", status=503, times=10_000, **WRITES["heads"])

    for _ in range(40):
        daily.later(60)

    attempts = [row.attempts for row in daily.postings()]
    assert max(attempts) <= daily.house.profiles[TENANT].rules.attempts
    assert set(daily.exceptions()) == {"ERP_REJECTED"}
    assert daily.credits == []
    assert all(row.state is not PostingState.SENDING for row in daily.postings())


ELSEWHERE: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "B": {"lines": WRITES["lines"]},
    "C": {"heads": {"path": r"\$batch", "body": "POST [^ ]*/SalesOrderHeadersV2 "}, "lines": {"path": r"\$batch",
          "body": "POST [^ ]*/SalesOrderLines "}, "release": WRITES["release"], "losses": WRITES["import"]},
}
"""What another deployment mode sends and mode A does not send like this."""
SAMPLED = ("the answer is lost", "it lands after two calls", "an error before, 503", "an error after, 504", "the body is cut")


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize(("mode", "at"), [(mode, at) for mode, kinds in ELSEWHERE.items() for at in kinds])
def test_in_the_other_modes_whatever_happens_to_a_request_each_line_is_credited_once_and_lies_where_it_belongs(
    erp: str, tmp_path: Path, mode: str, at: str, name: str,
) -> None:
    world = open_world(erp, f"sqlite:///{tmp_path / 'other.sqlite'}", window=DAILY, mode=mode)
    tell_three_returns(world)
    world.arm(**FAULTS[name], **ELSEWHERE[mode][at])

    for _ in range(6):
        if mode == "B":
            world.arrive()
        world.pass_evenings(1, turns=3)
    credited, stock, left = world.credits, world.ledgers["stock"], loose_ends(world)
    exceptions = world.exceptions()
    world.house.close()

    assert credited == CREDITS
    assert {place: units for place, units in stock.items() if units} == {
        "TEA|S1|GB-DC-01|SALE": 2, "CUP|S1|GB-DC-01|OUTLET": 2, "POT|S1|GB-DC-01|QUAR": 1}
    assert exceptions == {}
    assert left == []
