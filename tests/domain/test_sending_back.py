"""What was sent back is known again, whatever the judge adds to it; another document is another matter."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import Decided, Decision, Fact, SentBack
from backhaul.domain.posting import CreditNote, OrderLine, Posting, PostingKey, PostingKind
from backhaul.domain.returns import fold
from backhaul.domain.sending_back import essence, lines_of, unchanged
from backhaul.testing.builders import NOON, accepted, arrived, case_of, line, plan

FACTS = arrived(line(), grades=[accepted()])
WANTED = plan(case_of(*FACTS)).postings
REF, LINE = FACTS[0].return_ref, next(posting.line_id for posting in WANTED if posting.line_id)


def sent(documents: Iterable[str], line_id: str = LINE, *, hours: int = 1) -> SentBack:
    return SentBack(return_ref=REF, at=NOON + timedelta(hours=hours), line_id=line_id, batch="B1", documents=tuple(documents),
                    actor="ann", reason="wrong prices.")


def waived(*, hours: int, line_id: str = LINE) -> Decided:
    return Decided(return_ref=REF, at=NOON + timedelta(hours=hours), decision=Decision.WAIVE, line_id=line_id, code="BATCH_SENT_BACK",
                   actor="ben", approver="cleo", reason="corrected")


def found(*facts: Fact) -> list[Finding]:
    return list(unchanged(fold(REF, [*FACTS, *facts]), WANTED))


def test_a_document_is_known_again_after_the_judge_completed_it_and_not_at_another_price() -> None:
    order = next(posting for posting in WANTED if isinstance(posting.document, OrderLine))
    assert isinstance(order.document, OrderLine)

    judged = replace(order, document=replace(order.document, unit_cost=Decimal(3), tax_rate=Decimal(20), original_lot="L-1"))
    dearer = replace(order, document=replace(order.document, unit_price=order.document.unit_price + 1))

    assert essence(judged) == essence(order) != essence(dearer)


def test_a_line_waits_while_just_what_was_sent_back_is_wanted_of_it() -> None:
    (line_id, documents), *_ = lines_of(WANTED).items()

    same, another = found(sent(documents, line_id)), found(sent([*documents, "another"], line_id))

    assert [(each.code, each.line_id, each.hint) for each in same] == [("BATCH_SENT_BACK", line_id, "B1")]
    assert same[0].sentence.endswith(": wrong prices.")
    assert another == []


def test_a_waiver_ends_with_the_next_sending_back_of_the_line_of_a_component_or_of_the_return() -> None:
    before = [case.lines[0].waived for case in (
        fold(REF, [*FACTS, sent(["x"]), waived(hours=2)]), fold(REF, [*FACTS, sent(["x"], "another"), waived(hours=1)]))]
    after = [fold(REF, [*FACTS, waived(hours=2), sent(["x"], line_id, hours=3)]).lines[0].waived for line_id in (LINE, f"{LINE}/1", "")]

    assert before == [{"BATCH_SENT_BACK"}] * 2
    assert after == [frozenset()] * 3


def test_a_charge_is_held_with_its_line_or_with_the_return_and_a_debit_with_the_line_it_takes_back() -> None:
    def of(line_id: str) -> Posting:
        key = PostingKey(tenant="t", legal_entity="e", return_ref=REF, kind=PostingKind.FEE_CREDIT_NOTE, subject=line_id)
        return Posting(key=key, document=CreditNote(line_id=line_id, sku="FEE", quantity=Decimal(1), unit_price=Decimal(2),
                                                    net=Decimal(-2)))

    assert set(lines_of([of("charge:label:L-1"), of("charge:debit-1:L-2"), of("charge:carriage:")])) == {"L-1", "L-2", ""}
