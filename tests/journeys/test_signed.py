"""Does a signature fall with whatever number under it moves, and with nothing else?"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import close
from backhaul.domain.posting import PostingKind
from backhaul.domain.signature import TEAMS, Numbers, Signature, Signer
from tests.journeys.stage import TENANT, World
from tests.journeys.test_close import month, proved, shown, sign, standing
from tests.journeys.test_journals import entry
from tests.journeys.test_pack import DECEMBER, new_years_eve
from tests.journeys.test_proof_of_a_period import LEDGER, NOTE_LINES, change, one

D = Decimal


@pytest.fixture
def january(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December that is over and proved, with all four lists signed as they stand."""
    world = new_years_eve(erp, tmp_path)
    world.pass_days(1)
    proved(world)
    for team in TEAMS:
        sign(world, team)
    yield world
    world.house.close()


def fallen(world: World) -> dict[Signer, tuple[str, ...]]:
    """Prove December as of today, and give what fell by it."""
    proved(world)
    fell = close.check(world.house.store, month(world).rules, sources=month(world).sources, now=world.at)
    return {each.signer: tuple(each.moved) for each in fell}


def numbers(world: World, signer: Signer) -> Numbers:
    return next(each.numbers for each in shown(world).lists if each.signer is signer)


def test_what_somebody_posts_by_hand_on_an_account_of_returns_fells_what_finance_signed(january: World) -> None:
    before = numbers(january, Signer.FINANCE)
    entry(january, "HAND-1", "202900", date(2010, 12, 20), D("7.00"), Description="correction")
    entry(january, "HAND-2", "202900", date(2011, 1, 2), D("3.00"), Description="of the next month")

    told = fallen(january)

    names = ("paid_difference", "received_difference", "by_hand", "by_hand_amount")
    assert [before[name] for name in names] == ["0.00", "0.00", "0", "0.00"]
    assert told == {Signer.FINANCE: ("by_hand: 0 → 1", "by_hand_amount: 0.00 → 7.00", "paid_difference: 0.00 → 7.00 GBP")}
    assert standing(january) == ["warehouse", "customer-service", "integration"]


def test_what_the_ledger_and_a_credit_say_differently_fells_what_finance_signed(january: World) -> None:
    sales = next(row for row in january.rows(LEDGER) if row["PostingType"] == "SalesReturn")
    cup = one(january, NOTE_LINES, ProductNumber="CUP", InvoicedQuantity=-1)
    change(january, LEDGER, sales, TransactionCurrencyAmount=2.0, AccountingCurrencyAmount=2.0)
    change(january, NOTE_LINES, cup, LineAmount=-3.95)

    told = fallen(january)

    assert set(told) == {Signer.FINANCE}
    assert {"credit_difference: 0.00 → 1.00 GBP", "ledger_difference: 0.00 → -1.95 GBP"} <= set(told[Signer.FINANCE])


def test_days_that_pass_and_what_they_bring_of_the_next_month_fell_no_signature(january: World) -> None:
    told = []
    for _ in range(3):
        january.pass_days(2)
        told.append(fallen(january))

    assert told == [{}] * 3
    assert {row.posting.key.return_ref for row in january.postings() if row.posting.key.kind is PostingKind.CREDIT_NOTE} == {"R-1", "R-2"}


def test_a_signature_of_before_these_numbers_were_signed_holds_although_they_are_new(january: World) -> None:
    old = ("proof_complete", "lines", "broken", "broken_amount", "credited", "credited_net", "held", "held_amount", "unconfirmed")
    entry(january, "HAND-1", "202900", date(2010, 12, 20), D("7.00"), Description="correction")
    proved(january)
    with january.house.store.begin() as tx:
        mine = next(each.id for each in tx.signatures(TENANT, DECEMBER) if each.signer is Signer.FINANCE)
        tx.fell(mine, moved=(), at=january.at)
        tx.add_signature(Signature(tenant=TENANT, period=DECEMBER, legal_entity="gb01", signer=Signer.FINANCE, actor="fiona",
                                   at=january.at, numbers={name: numbers(january, Signer.FINANCE)[name] for name in old}))

    assert fallen(january) == {}
    assert "finance" in standing(january)
