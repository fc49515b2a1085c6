"""What becomes of goods that are not accepted: what can be said of a line as it stands, and what the customer is told by it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from backhaul.domain.disposition import Outcome, Place
from backhaul.domain.facts import Concluded, Decided, Decision, Fact, Instead
from backhaul.domain.outcome import OUTCOMES, Standing, credited_units, offered, told
from backhaul.domain.posting import CreditNote
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import Rules
from backhaul.testing.builders import NOON, accepted, arrived, line, plan, refused, row, rules, when

FACTS = arrived(line(quantity=2), grades=[accepted(), refused()])
REF = FACTS[0].return_ref
LINE = fold(REF, FACTS).lines[0].line_id
KEPT = row(when("GOODWILL", "NONE"), "", Outcome.WITHOUT_GOODS)


def concluded(outcome: str, decision: Decision | None = None, *, units: int = 1) -> Concluded:
    return Concluded(return_ref=REF, at=NOON + timedelta(days=1), line_id=LINE, outcome=outcome, units=Decimal(units), decision=decision,
                     actor="ann", approver="ben" if decision else None, reason="worn. ")


def decided(decision: Decision, *, goods: str = "", units: int = 1) -> Decided:
    return Decided(return_ref=REF, at=NOON + timedelta(days=1), decision=decision, line_id=LINE, units=Decimal(units), goods=goods,
                   actor="ann", approver="ben", reason="worn")


def case(*more: Fact, facts: Iterable[Fact] = FACTS) -> ReturnCase:
    return fold(REF, [*facts, *more])


def says(case: ReturnCase, profile: Rules | None = None) -> list[str]:
    here = profile or rules()
    return list(told(case, here, here.entities[0]))


def test_the_customer_is_told_what_was_said_and_that_nobody_said_anything_yet() -> None:
    nobody, back, more = case(), case(concluded("sent-back")), case(
        concluded("sent-back"), facts=arrived(line(quantity=2), grades=[refused("MUG", 2)]))

    assert says(nobody) == ["We could not accept 1 x MUG; we will tell you what becomes of it."]
    assert says(back) == ["We could not accept 1 x MUG: worn; it is on its way back to you."]
    assert says(more) == [*says(back), *says(nobody)]
    assert list(told(nobody, rules(), None)) == says(nobody)


@pytest.mark.parametrize(("outcome", "taken"), [
    ("kept", decided(Decision.CLOSE)), ("sent-back", decided(Decision.DEBIT, goods="leave")),
    ("goodwill", decided(Decision.CREDIT, goods="GOODWILL"))])
def test_what_was_decided_with_it_is_told_as_long_as_that_decision_stands(outcome: str, taken: Decided) -> None:
    standing, alone = case(concluded(outcome, taken.decision), taken), case(concluded(outcome, taken.decision))

    assert says(standing) == [f"We could not accept 1 x MUG: worn; {OUTCOMES[outcome].tells}."]
    assert says(alone) == says(case())


def test_what_the_mapping_sends_back_or_a_debit_lets_leave_is_told_to_be_on_its_way() -> None:
    here = rules()
    part = next(part for part in case().lines[0].parts if not part.accepted)
    back = row(when(part.disposition, part.condition), "RETURNS", Outcome.SENT_BACK, credit=False)
    others = [each for each in here.mapping if each.when != back.when]

    assert says(case(), replace(here, mapping=(*others, back))) == ["We could not accept 1 x MUG; it is on its way back to you."]
    assert says(case(decided(Decision.DEBIT, goods="leave"))) == ["We could not accept 1 x MUG; it is on its way back to you."]


def test_rejected_units_are_credited_without_goods_once_and_only_by_a_row_without_goods() -> None:
    granted = case(decided(Decision.CREDIT, goods="GOODWILL", units=9), decided(Decision.CREDIT, goods="GOODWILL", units=1))
    here = rules()

    good = plan(granted, decided=replace(here, mapping=(*here.mapping, KEPT)))
    wrong = plan(granted, decided=replace(here, mapping=(*here.mapping, replace(KEPT, outcome=Outcome.NON_SELLABLE,
                                                                              place=Place(warehouse="W", location="QUAR")))))
    none = plan(granted, decided=here)

    assert [(part.quantity, part.granted) for part in granted.lines[0].parts] == [(1, False), (1, True)]
    assert sorted(posting.document.outcome or "" for posting in good.postings if isinstance(posting.document, CreditNote)) == [
        Outcome.RESTOCKED, Outcome.WITHOUT_GOODS]
    assert {finding.code for finding in (*wrong.findings, *none.findings)} == {"UNMAPPED_DISPOSITION"}


def test_what_lay_in_the_place_of_the_goods_is_credited_by_no_goodwill_nor_is_what_was_debited() -> None:
    strange = case(facts=arrived(line(quantity=1), grades=[replace(refused(), instead=Instead.FOREIGN)])).lines[0]
    part_granted = case(decided(Decision.CREDIT, goods="GOODWILL"), facts=arrived(line(quantity=2), grades=[refused("MUG", 2)]))
    debited = case(decided(Decision.DEBIT, goods="leave")).lines[0]

    assert credited_units(strange) == 0
    assert "goodwill" not in {*offered(Standing.REJECTED, strange), *offered(Standing.REJECTED, debited)}
    assert offered(Standing.REJECTED, case().lines[0]) == tuple(OUTCOMES)
    assert offered(Standing.HELD, case().lines[0]) == ("sent-back", "kept", "disposed")
    assert [(part.quantity, part.accepted) for part in part_granted.lines[0].parts] == [(1, False), (1, True)]


def test_no_outcome_that_is_credited_is_debited_and_consent_is_asked_where_the_goods_stay_with_us() -> None:
    for name, rule in OUTCOMES.items():
        assert bool(rule.debited) != bool(rule.part), name
        assert rule.consent is (rule.debited == "write-off"), name
        assert set(rule.ways) >= {Standing.REJECTED, Standing.CREDITED}, name
