"""By which version's mapping does a return go, and what of the rules stays that of now?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from backhaul.domain import mapped
from backhaul.domain.disposition import MappingRow, Outcome, Sellability
from backhaul.domain.facts import Fact, Mapped
from backhaul.domain.outcome import told
from backhaul.domain.placement import unmapped
from backhaul.domain.posting import Posting, Receipt
from backhaul.domain.returns import fold
from backhaul.domain.rules import Effect, FeeRule, Rules
from backhaul.testing.builders import FEES, MAPPING, NOON, accepted, arrived, entity, line, plan, refused, row, rules, when

TOLD = arrived(line(quantity=1), grades=[accepted(condition="B", disposition="OUTLET")])
REF = TOLD[0].return_ref
NOW = rules(version="v2", mapping=[each for each in MAPPING if each.when.disposition != "OUTLET"])


def chosen(rows: Sequence[MappingRow] = MAPPING, *, profile: str = "v1", later: int = 0) -> Mapped:
    return Mapped(return_ref=REF, at=NOON + timedelta(days=9, hours=later), profile=profile, rows=tuple(rows) if profile else (),
                  actor="ann", approver="bob", reason="it was agreed so when they came")


def receipts(facts: Sequence[Fact], decided: Rules) -> list[tuple[str, Outcome]]:
    found = [posting.document for posting in plan(fold(REF, facts), decided=decided).postings]
    return [(each.place.location, each.outcome) for each in found if isinstance(each, Receipt)]


def codes(facts: Sequence[Fact], decided: Rules) -> list[str]:
    return [finding.code for finding in plan(fold(REF, facts), decided=decided).findings]


def test_a_return_goes_by_the_version_two_people_chose_for_it_and_any_other_by_the_one_that_holds() -> None:
    facts = (*TOLD, chosen())

    assert (receipts(TOLD, NOW), codes(TOLD, NOW)) == ([], ["UNMAPPED_DISPOSITION"])
    assert (receipts(facts, NOW), codes(facts, NOW)) == ([("OUTLET", Outcome.NON_SELLABLE)], [])
    assert [mapped.version_for(fold(REF, each), NOW) for each in (TOLD, facts)] == ["v2", "v1"]
    assert unmapped(fold(REF, facts), NOW, entity()) == ()


def test_the_newest_choice_decides_and_one_of_no_version_goes_back_to_what_holds() -> None:
    back = (*TOLD, chosen(profile="", later=1), chosen())

    assert fold(REF, back).mapped is None
    assert receipts(back, NOW) == []
    assert receipts((*back, chosen(later=2)), NOW) == [("OUTLET", Outcome.NON_SELLABLE)]


def test_an_earlier_mapping_puts_nothing_on_sale_that_is_not_sellable_by_now() -> None:
    facts = (*arrived(line(quantity=1), grades=[accepted()]), chosen())
    decided = replace(NOW, sellability=Sellability(places=NOW.sellability.places, dispositions=frozenset({"RESELL"}),
                                                   conditions=frozenset({"AA"})))

    assert (receipts(facts, NOW), receipts(facts, decided)) == ([("SALE", Outcome.RESTOCKED)], [])
    assert codes(facts, decided) == ["DAMAGED_TO_SELLABLE"]


def test_a_fee_of_an_earlier_mapping_that_nobody_knows_any_more_holds_the_line() -> None:
    facts = (*TOLD, chosen([replace(each, charge="RESTOCKING") for each in MAPPING]))
    known = replace(NOW, fees={**FEES, "RESTOCKING": FeeRule(service_item="SVC", effect=Effect.DEDUCT)})

    assert (receipts(facts, NOW), codes(facts, NOW)) == ([], ["UNMAPPED_FEE"])
    assert receipts(facts, known) == [("OUTLET", Outcome.NON_SELLABLE)]


def test_what_the_customer_is_told_of_refused_goods_follows_the_mapping_the_return_goes_by() -> None:
    facts = arrived(line(quantity=1), grades=[refused(disposition="RETURN", condition="B")])
    back = row(when("RETURN", "B"), "DOCK", Outcome.SENT_BACK, credit=False)

    now, then = (list(told(fold(REF, each), NOW, entity())) for each in (facts, (*facts, chosen([back]))))

    assert "we will tell you what becomes of it" in now[0]
    assert now != then


def test_goods_that_were_sent_by_one_version_are_not_judged_anew_by_another() -> None:
    case = fold(REF, (*TOLD, chosen()))
    made: list[Posting] = [posting for posting in plan(case, decided=NOW).postings if isinstance(posting.document, Receipt)]
    elsewhere = [replace(each, place=replace(each.place, location="QUAR")) for each in MAPPING]

    apart = [*mapped.sent_otherwise(case, [(posting, "v1") for posting in made], rows=elsewhere, by="v2", now=MAPPING)]

    assert [(each.legal_entity, each.disposition, each.condition) for each in apart] == [("gb01", "OUTLET", "B")]
    assert [*mapped.sent_otherwise(case, [(posting, "v2") for posting in made], rows=elsewhere, by="v2", now=MAPPING)] == []
    assert [*mapped.sent_otherwise(case, [(posting, "v1") for posting in made], rows=MAPPING, by="v2", now=MAPPING)] == []
    assert [*mapped.sent_otherwise(case, [(plan(case, decided=NOW).postings[0], "v1")], rows=elsewhere, by="v2", now=MAPPING)] == []


def test_rows_are_kept_in_a_proposal_as_they_are() -> None:
    assert mapped.read(mapped.written(MAPPING)) == MAPPING
