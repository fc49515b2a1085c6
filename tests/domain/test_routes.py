"""However the ERP is deployed: each accepted unit comes into stock once, is credited once, and is lost at most once."""

from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st
from tests.journeys.stage import EXAMPLES

from backhaul.domain.disposition import MappingRow, Outcome
from backhaul.domain.facts import Grade, Stage
from backhaul.domain.posting import (
    CreditNote,
    Issue,
    OrderLine,
    Posting,
    PostingKey,
    PostingKind as K,
    Receipt,
    Release,
    Route,
    intake,
)
from backhaul.domain.return_line import LOST_UNITS
from backhaul.profile import load_profile
from backhaul.testing.builders import (
    BY_HAND,
    BY_INVOICE,
    MAPPING,
    ROUTE,
    ROUTES,
    accepted,
    after,
    announced,
    arrived,
    case_of,
    claimed,
    entity,
    inspected,
    line,
    of_kind,
    plan,
    reached,
    received,
    row,
    rules,
    when,
)

SCRAPPED = {Outcome.SCRAPPED, Outcome.WITHOUT_GOODS}
EXAMPLE = tuple(load_profile(EXAMPLES / "profiles" / "online-retail.toml", offline=True).rules.mapping)
ALIKE = tuple({(each.when.disposition, each.when.condition): each for each in EXAMPLE
               if each.when.warehouse == "GB-DC-02"}.values())


def stock(route: Route, postings: Iterable[Posting]) -> tuple[Decimal, Decimal, Decimal]:
    """Count by the route what comes into stock, what is credited, and what is booked as a loss (books 1)."""
    came = credit = lost = Decimal(0)
    for posting in postings:
        document, kind = posting.document, posting.key.kind
        if isinstance(document, CreditNote) and kind is K.CREDIT_NOTE:
            credit += document.quantity
            came += document.quantity if route.receives is K.CREDIT_NOTE else 0
        elif isinstance(document, Receipt):
            came += document.quantity if route.receives is K.RECEIPT else 0
            lost += document.quantity if route.writes_off is K.RECEIPT and document.outcome in SCRAPPED else 0
        elif isinstance(document, Issue):
            lost += document.quantity
    return came, credit, lost


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("target", [*MAPPING, *ALIKE],
                         ids=lambda each: f"{each.when.warehouse}-{each.when.disposition}-{each.when.condition}")
def test_every_mapping_row_brings_each_unit_in_once_and_loses_it_at_most_once(target: MappingRow, name: str) -> None:
    grade = accepted(quantity=2, disposition=target.when.disposition, condition=target.when.condition)
    goods = line(quantity=3, reason=target.when.reason)
    told = [announced(goods, warehouse=target.when.warehouse), reached(Stage.INSPECTED)]
    if (target.when.condition, target.when.disposition) == LOST_UNITS:
        case = case_of(*told, received((goods, 1)), claimed(units=2))
    else:
        case = case_of(*told, received((goods, 3)), inspected(grade))
    here = entity(warehouses={name: name for name in ("GB-DC-01", "GB-DC-02")})

    wanted = plan(case, decided=rules(mapping=[target], entities=(here,)), route=ROUTES[name])

    units = Decimal(2) if target.credit else Decimal(0)
    sent_back = Decimal(2) if target.outcome is Outcome.SENT_BACK and ROUTES[name].receives is K.RECEIPT else Decimal(0)
    assert stock(ROUTES[name], wanted.postings) == (units + sent_back, units, units if target.outcome in SCRAPPED else Decimal(0))
    assert wanted.findings == ()
    assert len({posting.key for posting in wanted.postings}) == len(wanted.postings)


@pytest.mark.parametrize("route", [BY_HAND, BY_INVOICE], ids=["by hand", "by invoice"])
@pytest.mark.parametrize("stage", [Stage.REGISTERED, Stage.RECEIVED, Stage.COMPLETED])
def test_nothing_the_erp_would_credit_by_itself_is_written_before_acceptance(route: Route, stage: Stage) -> None:
    facts = [announced(line(quantity=3)), received(("MUG", 3)), reached(stage)]

    assert plan(case_of(*facts), route=route).postings == ()
    assert (len(plan(case_of(*facts)).postings) > 0) is (stage is not Stage.REGISTERED), "a receipt of ours would hold it back"


@pytest.mark.parametrize("route", [BY_HAND, BY_INVOICE], ids=["by hand", "by invoice"])
def test_a_line_of_the_order_holds_what_was_accepted_and_says_where_it_goes(route: Route) -> None:
    case = case_of(*arrived(line(quantity=5), grades=[accepted(quantity=2), accepted(quantity=1, disposition="SCRAP", condition="D")]))

    lines = [posting.document for posting in plan(case, route=route).postings if isinstance(posting.document, OrderLine)]

    assert [(each.quantity, each.intake and each.intake.place.location) for each in lines] == [(2, "SALE"), (1, "SCRAP")]


def test_what_is_accepted_later_goes_on_an_order_of_its_own_because_the_first_may_be_closed() -> None:
    first = [announced(line(quantity=3)), received(("MUG", 3)), inspected(accepted(quantity=1)), reached(Stage.INSPECTED)]
    made = plan(case_of(*first), route=BY_INVOICE).postings

    later = plan(case_of(*first, inspected(accepted(quantity=3), at=after(1))), fixed=made, route=BY_INVOICE).postings

    assert stock(BY_INVOICE, made) == (1, 1, 0)
    assert stock(BY_INVOICE, later) == (2, 2, 0)
    assert not {posting.key for posting in made} & {posting.key for posting in later}
    assert [len(of_kind(each, K.ORDER)) for each in (made, later)] == [1, 1]


def test_a_release_names_exactly_the_lines_of_its_order_and_the_credit_waits_for_it() -> None:
    postings = plan(case_of(*arrived(line(quantity=3), line("CUP", 1, "2.00"), grades=[
        accepted(quantity=2), accepted(quantity=1, disposition="OUTLET", condition="B"), accepted("CUP")])), route=BY_INVOICE).postings

    (release,) = of_kind(postings, K.RELEASE)
    lines = of_kind(postings, K.ORDER_LINE)

    assert isinstance(release.document, Release)
    assert set(release.document.lines) == {each.key.marker for each in lines}
    assert len(lines) == 3
    assert all(release.key in each.needs for each in of_kind(postings, K.CREDIT_NOTE))


def test_a_loss_waits_for_the_credit_that_brought_the_units_in_and_leaves_from_the_same_place() -> None:
    scrap = accepted(quantity=1, disposition="SCRAP", condition="D")
    postings = plan(case_of(*arrived(line(), grades=[scrap])), route=BY_INVOICE).postings

    (loss,), (credit,) = of_kind(postings, K.ISSUE), of_kind(postings, K.CREDIT_NOTE)
    (brought,) = [taken for each in of_kind(postings, K.ORDER_LINE) if (taken := intake(each.document))]

    assert loss.needs == (credit.key,)
    assert isinstance(loss.document, Issue)
    assert loss.document.place == brought.place


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["RESELL-A", "OUTLET-B", "SCRAP-D", "KEEP-NONE"]), st.integers(1, 4)), min_size=1, max_size=4),
       st.sampled_from(sorted(ROUTES)))
def test_however_units_are_graded_over_time_stock_credit_and_loss_follow_acceptance_once(grades: list[tuple[str, int]], name: str) -> None:
    route, units = ROUTES[name], sum(quantity for _, quantity in grades)
    told: list[Grade] = []
    fixed: dict[PostingKey, Posting] = {}
    for grade, quantity in grades:
        disposition, condition = grade.split("-")
        told.append(accepted(quantity=quantity, disposition=disposition, condition=condition))
        sums = {(each.disposition, each.condition): each for each in told}
        merged = [accepted(quantity=sum(each.quantity for each in told if (each.disposition, each.condition) == key), disposition=key[0],
                           condition=key[1]) for key in sums]
        case = case_of(announced(line(quantity=units)), received(("MUG", units)), inspected(*merged), reached(Stage.INSPECTED))
        fixed |= {posting.key: posting for posting in plan(case, fixed=fixed.values(), route=route).postings}

    lost = sum(quantity for grade, quantity in grades if grade in {"SCRAP-D", "KEEP-NONE"})
    assert stock(route, fixed.values()) == (units, units, lost)


def test_a_row_that_gives_no_credit_brings_nothing_into_stock_in_any_route() -> None:
    target = row(when("GIFT"), "OUTLET", Outcome.NON_SELLABLE, credit=False)
    case = case_of(*arrived(line(), grades=[accepted(disposition="GIFT")]))

    for route in (BY_HAND, BY_INVOICE):
        assert plan(case, decided=rules(mapping=[target], entities=(entity(),)), route=route).postings == ()


def test_only_a_receipt_of_ours_holds_an_order_line_back() -> None:
    assert ROUTE.holds_back
    assert not BY_HAND.holds_back
    assert not BY_INVOICE.holds_back
