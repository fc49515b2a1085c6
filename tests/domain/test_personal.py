"""Does an erasure take away a customer and leave what was counted?"""

from dataclasses import replace
from datetime import UTC, datetime

from backhaul.domain import facts
from backhaul.domain.facts import Concluded, Correctable, Corrected, Decided, Decision, Fact, HandedIn, Mapped, Matched, SentBack, kept_as
from backhaul.domain.personal import (
    ERASED,
    Erasure,
    accounts_of,
    is_erased,
    name_of,
    names_any,
    without,
    without_accounts,
    without_document,
)
from backhaul.domain.returns import fold
from backhaul.testing.builders import NOON, REASON, accepted, announced, arrived, corrected, line, unreadable

WHOM = Erasure(tenant="acme", proposal=7, returns=("R1",), accounts=frozenset({"C1", "C12"}), name=name_of(7), codes=frozenset({REASON}),
               at=datetime(2026, 4, 1, tzinfo=UTC))
DECIDED = Decided(return_ref="R1", at=NOON, decision=Decision.CLOSE, line_id="MUG#1", actor="ann", approver="bob", reason="Jane rang")
MATCHED = Matched(return_ref="R1", at=NOON, line_id="MUG#1", order="SO-1", unit_price=line().unit_price or 0, units=line().quantity,
                  customer="C1", actor="ann", approver="bob", reason="Jane rang")


def test_a_return_folds_into_the_same_goods_and_money_and_only_its_customer_is_another() -> None:
    told = (*arrived(line(description="for Jane", reason=REASON), grades=[accepted()]), DECIDED)

    was, now = fold("R1", told), fold("R1", [without(fact, WHOM) for fact in told])

    assert now.customer == "erased-7"
    assert [replace(each, description="") for each in was.lines] == list(now.lines)
    assert (was.net, was.reached, was.findings) == (now.net, now.reached, now.findings)


def test_every_fact_keeps_the_identity_it_was_kept_under_and_loses_its_words() -> None:
    told = [announced(line(reason="it was for Jane"), line("CUP", reason="")), DECIDED, MATCHED,
            corrected("customer", "C12", "C1", line_id=""), corrected("sku", "MUG", "CUP"), unreadable("Jane said no")]

    bare = [without(fact, WHOM) for fact in told]

    assert [fact.identity for fact in bare] == [fact.identity for fact in told]
    assert [word for word in ("Jane", "'C1'", "'C12'", "as they said") if word in repr(bare)] == []
    assert [each.reason for each in bare[0].lines] == [ERASED, ""]  # type: ignore[attr-defined]  # it is the announcement
    assert without(kept_as(told[0], "known"), WHOM).identity == "known"


def test_whatever_people_wrote_down_beside_a_decision_goes() -> None:
    outcome = Concluded(return_ref="R1", at=NOON, line_id="MUG#1", outcome="kept", units=line().quantity, evidence="Jane's mail",
                        actor="ann", reason="Jane wants it gone")
    back = SentBack(return_ref="R1", at=NOON, line_id="MUG#1", batch="W1", documents=("d",), actor="bob", reason="ask Jane first")

    chosen = Mapped(return_ref="R1", at=NOON, profile="v1", actor="ann", approver="bob", reason="Jane sent it before")

    held = HandedIn(return_ref="R1", at=NOON, label="Jane", note="Jane's box", evidence="Jane's mail", actor="wanda")

    bare = [without(fact, WHOM) for fact in (outcome, back, chosen, held, replace(outcome, evidence=""), replace(held, label="", note="",
                                                                                                              evidence=""))]

    assert "Jane" not in repr(bare)
    assert [fact.identity for fact in bare[:3]] == [outcome.identity, back.identity, chosen.identity]
    kinds = [each for each in vars(facts).values() if isinstance(each, type) and issubclass(each, Fact)]
    wordy = {each for each in kinds if "reason" in each.__annotations__}
    assert wordy == {Matched, Decided, Corrected, Concluded, SentBack, Mapped}, "a fact that holds words has a row in `without`"


def test_a_correction_of_the_customer_holds_as_it_did() -> None:
    told = [announced(line(), customer="C12"), corrected("customer", "C12", "C1", line_id="")]

    assert fold("R1", told).customer == "C1"
    assert fold("R1", [without(fact, WHOM) for fact in told]).customer == "erased-7"
    assert accounts_of([*told, MATCHED, DECIDED, *(without(fact, WHOM) for fact in told)]) == {"C1", "C12"}
    assert isinstance(told[1], Corrected)
    assert told[1].what is Correctable.CUSTOMER


def test_a_document_loses_its_customer_and_a_reason_no_mapping_knows() -> None:
    head = {"customer": "C1", "reason": "ZZ", "net": "1"}
    entry = {"sku": "MUG", "description": "for Jane", "reason": "for Jane", "intake": {"reason": REASON, "place": {"warehouse": "11"}}}

    assert without_document(head, WHOM) == {"customer": "erased-7", "reason": "ZZ", "net": "1"}
    assert without_document(entry, WHOM) == {
        "sku": "MUG", "description": "", "reason": ERASED, "intake": {"reason": REASON, "place": {"warehouse": "11"}}}


def test_an_account_is_replaced_where_it_stands_as_a_word_and_not_within_another() -> None:
    told = {"left": {"1": "C12 owes C1, not C123."}, "numbers": [1, "C1"], "none": None}

    assert without_accounts(told, WHOM) == {"left": {"1": "erased-7 owes erased-7, not C123."}, "numbers": [1, "erased-7"], "none": None}
    assert without_accounts({"outcome": "kept", "evidence": "Jane's mail"}, WHOM) == {"outcome": "kept", "evidence": ERASED}
    assert names_any(b'{"return": "A\\/1"}', ["A/1"])
    assert not names_any(b'{"return": "A/10"}', ["A/1"])


def test_a_name_says_by_which_proposal_and_is_told_from_an_account() -> None:
    assert (name_of(7), is_erased("erased-7"), is_erased("erased-x"), is_erased("C1")) == ("erased-7", True, False, False)
