"""Are credits by hand shown with what the ERP says of them, and do the list and the pack of the month know which still are as confirmed?"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.application import pack as packs
from backhaul.domain.access import Scope
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints import joining
from backhaul.entrypoints.joining import Standing
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world
from tests.journeys.test_matches import LINE, agree, ask, suggested
from tests.journeys.test_proof_of_a_period import NOTE_LINES, NOTES, change, lived, one, proved


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December in which one more pot may be kept and waits for the evening, and somebody credited it by hand meanwhile."""
    world = lived(open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY), tmp_path)
    world.tell(*life("C900010", [line("POT", 1, "12.50", order="500002", grades=[("NONE", "KEEP", 1, True)])], at=world.at))
    world.later()
    credited(world, "-12.50")
    yield world
    world.house.close()


def credited(world: World, net: str) -> None:
    """Post a credit note like that of another pot, for so much, without anything of ours in it, as of now."""
    pot = next(row for row in world.rows(NOTE_LINES) if row["ProductNumber"] == "POT" and row["InvoicedQuantity"] == -1
               and row["InvoiceNumber"] != "CN-HAND")
    note = one(world, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    told = {"InvoiceNumber": "CN-HAND", "LedgerVoucher": "V-HAND", "InvoiceDate": world.at.isoformat()}
    change(world, NOTES, note, **told, SalesOrderNumber="", CustomersOrderReference="")
    change(world, NOTE_LINES, pot, **told, LineAmount=float(net))


def told(world: World) -> list[tuple[object, ...]]:
    """Give what the month's pack says of credits by hand, without moments."""
    material = packs.gather(world.house.store, world.house.profiles[TENANT].rules, "2010-12", lambda *_: None)
    sheet = next(each for each in packs.pack(material) if each.name == "Credited or received by hand")
    return [(*row[:11], row[12], row[13]) for row in sheet.rows]


def standing(world: World) -> list[tuple[Standing, bool]]:
    with world.house.store.read() as connection, world.house.store.look() as tx:
        return [(each.standing, bool(each.fell)) for each in joining.confirmed(tx, connection, Scope.whole(TENANT))]


def test_a_credit_by_hand_is_shown_beside_its_line_and_stands_in_the_pack_until_its_record_changes(world: World) -> None:
    suggested(world)
    with world.house.store.look() as tx:
        (offer,) = joining.offered(tx, Scope.whole(TENANT), "2010-12").offers
        days = joining.accepted_on(tx, world.house.profiles[TENANT].rules, [offer])
    (record,) = offer.records
    assert (record.document, Decimal(record.net), record.posted_on) == ("CN-HAND", Decimal("12.50"), world.at.date())
    assert set(days) >= {("C900010", "POT#1")}
    assert days["C900010", "POT#1"] is not None

    agree(world, ask(world, ProposalKind.PAIR, dict(offer.told)))
    world.at += timedelta(hours=1)
    proved(world)

    one_line = (1, "credit", "gb01", *LINE.split("|"), "CN-HAND", Decimal(1), Decimal("12.50"), "GBP", "ann", "bob",
                "the branch paid it out")
    assert standing(world) == [(Standing.STANDS, False)]
    assert told(world) == [(*one_line, "in the books as confirmed")]

    credited(world, "-11.00")
    proved(world)

    assert standing(world) == [(Standing.FALLEN, True)]
    assert [row[-1] for row in told(world)] == [
        f"match 1 of {LINE}: CN-HAND is not in the books as ann and bob confirmed it; revoke it or mend the record"]

    agree(world, ask(world, ProposalKind.UNPAIR, {"match": 1}))
    world.at += timedelta(hours=1)
    proved(world)
    assert (standing(world), told(world)) == ([(Standing.REVOKED, False)], [])
