"""Does a signature stay as it was given, fall once, and never have one person on both sides of a month, whatever the code above does?"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.application.people_ports import KeptPromise
from backhaul.application.ports import KeptWindow
from backhaul.application.proof_ports import KeptProof, KeptStray
from backhaul.domain.signature import TEAMS, Signature, Signer


def signature(story: Any, signer: Signer = Signer.FINANCE, actor: str = "", **more: Any) -> Signature:
    return Signature(tenant="acme", period="2011-02", legal_entity="gb", signer=signer, numbers={"broken": "0"},
                     actor=actor or signer.value, at=story.noon, **more)


def test_signatures_are_given_back_by_month_and_legal_entity_and_those_that_fell_say_why(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        first = tx.add_signature(signature(story))
        other = tx.add_signature(replace(signature(story), legal_entity="fr", period="2011-03"))
        fell = tx.fell(first, moved=["broken: 0 → 1"], at=story.at(5)), tx.fell(first, moved=["broken: 0 → 2"], at=story.at(6))

    with store.look() as tx:
        kept = tx.signatures("acme", "2011-02", "gb")
        standing = tx.signatures("acme", standing=True)
        nobody = tx.signatures("other")
    assert fell == (True, False)
    assert kept == [signature(story, id=first, fallen_at=story.at(5), moved=("broken: 0 → 1",))]
    assert ([each.id for each in standing], list(nobody)) == ([other], [])


def test_a_list_has_one_signature_that_stands_and_another_after_it_fell(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        first = tx.add_signature(signature(story))

    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.add_signature(signature(story, actor="felix"))
    with store.begin() as tx:
        tx.fell(first, moved=["broken: 0 → 1"], at=story.noon)
        tx.add_signature(signature(story, actor="felix"))

    with store.look() as tx:
        assert [each.actor for each in tx.signatures("acme", standing=True)] == ["felix"]


@pytest.mark.parametrize(("signer", "actor"), [(Signer.REVIEWER, " FINANCE "), (Signer.FINANCE, "Rita")])
def test_nobody_prepares_and_reviews_one_month_even_when_what_they_signed_fell(
    store: SqlStore, story: Any, signer: Signer, actor: str,
) -> None:
    with store.begin() as tx:
        numbers = [tx.add_signature(signature(story, team)) for team in TEAMS]
        numbers.append(tx.add_signature(signature(story, Signer.REVIEWER, "rita")))
        for number in (numbers[0], numbers[-1]):
            tx.fell(number, moved=["broken: 0 → 1"], at=story.noon)
        if signer is Signer.REVIEWER:
            tx.add_signature(signature(story, Signer.FINANCE, "felix"))

    with pytest.raises(IntegrityError, match="different people"), store.begin() as tx:
        tx.add_signature(signature(story, signer, actor))


def test_the_reviewer_signs_after_all_four_teams(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        for team in TEAMS[:-1]:
            tx.add_signature(signature(story, team))

    with pytest.raises(IntegrityError, match="after all teams"), store.begin() as tx:
        tx.add_signature(signature(story, Signer.REVIEWER))
    with store.begin() as tx:
        tx.add_signature(signature(story, TEAMS[-1]))
        tx.add_signature(signature(story, Signer.REVIEWER))

    with store.look() as tx:
        assert len(tx.signatures("acme", standing=True)) == len(Signer)


@pytest.mark.parametrize("statement", [
    "DELETE FROM signatures", "UPDATE signatures SET numbers = '{}'", "UPDATE signatures SET actor = 'felix'",
    "UPDATE signatures SET fallen_at = NULL, moved = ''"])
def test_the_database_lets_nobody_change_what_was_signed(store: SqlStore, story: Any, statement: str) -> None:
    with store.begin() as tx:
        tx.fell(tx.add_signature(signature(story)), moved=["broken: 0 → 1"], at=story.noon)

    with pytest.raises(IntegrityError), store.engine.begin() as raw:
        raw.execute(text(statement))


def test_the_numbers_of_a_month_are_those_of_its_legal_entity_as_of_its_end(store: SqlStore, story: Any) -> None:
    until = story.at(60)
    with store.begin() as tx:
        tx.keep([story.delivery()])
        tx.save_case(story.case(waits_since=story.noon, due_at=story.at(30)))
        tx.save_case(story.case("R2", legal_entity="fr", waits_since=story.noon, due_at=story.at(30)))
        tx.open_exception(story.trouble())
        tx.add_promise(KeptPromise(tenant="acme", return_ref="R1", text="soon", actor="oskar", at=story.noon, due_at=story.at(10)))
        tx.keep_proof(KeptProof(tenant="acme", period="2011-02", day=story.noon.date(), at=story.noon, actor="a", complete=True, figures={},
                                extracts=[]),
                      [KeptStray(line=f"R1|{line}", return_ref="R1", line_id=line, standing=standing, kind="LATE", amount=Decimal(amount),
                                 entity=entity, currency="GBP")
                       for line, standing, entity, amount in (("1", "broken", "gb", "1.50"), ("2", "broken", "fr", "1.50"),
                                                              ("3", "timing", "gb", "1.50"), ("4", "orphan", "", "-1.50"))])
        told = tx.counted("acme", "gb", "2011-02", until=until, now=until, sources=["zigzag", "files"])
        before = tx.counted("acme", "gb", "2011-02", until=story.noon, now=until, sources=["zigzag"])

    assert (told.broken, told.broken_amount, told.held, told.waiting_late, told.promises_due, told.unread) == (
        2, {"GBP": Decimal("3.00")}, 1, 1, 1, 1), "money that cancels is added up without its sign"
    assert told.last_heard == {"zigzag": story.noon, "files": None}
    assert (before.held, before.waiting_late, before.promises_due, before.unread, before.last_heard) == (0, 0, 0, 0, {"zigzag": None})


def test_a_document_of_a_months_batch_counts_as_unconfirmed_after_a_day_and_as_credited_once_it_is_read_back(
    store: SqlStore, story: Any,
) -> None:
    late = story.noon + timedelta(days=2)
    story.sending(store, story.posting())
    with store.begin() as tx:
        tx.close_window(KeptWindow(key="W1", tenant="acme", legal_entity="gb", period="2011-03", leg="", number=1, closed_at=story.noon,
                                   returns=1, controls={}))

    with store.look() as tx:
        young = tx.counted("acme", "gb", "2011-03", until=story.at(10), now=story.at(10), sources=())
        old = tx.counted("acme", "gb", "2011-03", until=late, now=late, sources=())

    assert (young.unconfirmed, young.unsettled, old.unconfirmed, old.credited) == (0, 1, 1, 0)
