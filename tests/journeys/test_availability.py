"""Does the shop sell what the warehouse has on sale, and is a difference that is only on its way told from one that is not?"""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openpyxl import Workbook

from backhaul.adapters.sql.statements import differing, latest
from backhaul.domain.errors import BackhaulError, Misconfigured
from backhaul.entrypoints import worker
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.stating import take, told_of
from tests.journeys.reaching import adopt
from tests.journeys.stage import TENANT, World
from tests.journeys.test_push import PUSH, lie, platform, profile, shop

TABLES = PUSH + """
[availability]
columns = { sku = "Article", warehouse = "Store", units = "Qty" }

[availability.warehouses.gb01]
WEB = "GB-SHOP"
"""


@pytest.fixture
def stated(shop: World, platform: str, tmp_path: Path) -> World:
    """Give a shop whose profile says how its availability is laid out, and that was told once what is on sale: seven TEA."""
    adopt(shop, profile(shop, platform, tmp_path, tables=TABLES))
    shop.house._desks.clear()
    worker.push_now(shop.house, TENANT, shop.at)
    return shop


def state(world: World, content: bytes, name: str = "shop.csv") -> Any:
    return take(world.house, TENANT, "availability", name, content, actor="wanda", now=world.at)


def rows(world: World) -> list[tuple[str, str, str]]:
    """Give what is not the same: SKU, units apart, and how it stands."""
    with world.house.store.read() as connection:
        told = [told_of(row) for row in differing(connection, TENANT)]
    return [(row["sku"], f"{row['apart']:f}", row["standing"]) for row in told]


def test_what_the_shop_offers_is_compared_unit_by_unit_and_the_file_stays_as_it_came(stated: World) -> None:
    content = b"Article;Store;Qty\nTEA;WEB;7\nCUP;WEB;2\nNOSUCH;WEB;1\nTEA;ELSEWHERE;1\n"

    told = state(stated, content)

    assert {name: told[name] for name in ("rows", "same", "differs", "in_flight", "unknown")} == {
        "rows": 4, "same": 1, "differs": 1, "in_flight": 0, "unknown": 2}
    assert rows(stated) == [("CUP", "2", "differs"), ("NOSUCH", "1", "unknown"), ("TEA", "1", "unknown")]
    with stated.house.store.read() as connection:
        (kept,) = latest(connection, TENANT, "availability")
    assert (kept.body, kept.sha256, kept.actor) == (content, told["sha256"], "wanda")


def test_units_that_came_since_the_shop_was_told_are_on_their_way_until_it_is_told_and_what_it_leaves_out_differs(stated: World) -> None:
    lie(stated, "TEA", 3, "GB-SHOP", "SALE")
    state(stated, b'{"Article": "TEA", "Store": "WEB", "Qty": 7}\n{"Article": "CUP", "Store": "WEB", "Qty": 0}\n', "shop.jsonl")
    before = rows(stated)
    worker.push_now(stated.house, TENANT, stated.at)
    state(stated, b'[{"Article": "TEA", "Store": "WEB", "Qty": 7}]', "shop.json")
    after = rows(stated)
    state(stated, b"Article,Store,Qty\nCUP,WEB,0\n")

    assert before == [("TEA", "-3", "in-flight")]
    assert after == [("TEA", "-3", "differs")]
    assert rows(stated) == [("TEA", "-10", "differs")]


def test_a_workbook_is_read_as_well_and_the_proof_of_its_month_names_what_differs_once_with_its_units(
    stated: World, tmp_path: Path,
) -> None:
    book, out = Workbook(), io.BytesIO()
    for row in (("Article", "Store", "Qty"), ("TEA", "WEB", 9)):
        book.active.append(row)
    book.save(out)
    state(stated, out.getvalue(), "shop.xlsx")
    stated.house.settings = stated.house.settings.__class__.from_env({"BACKHAUL_STATE_DIR": str(tmp_path / "state")})

    with prove_month(stated.house, TENANT, "2010-12", stated.at.date(), now=stated.at) as (proof, _, _more):
        found = [(each.kind, each.subject, each.count) for each in proof.house]
    with prove_month(stated.house, TENANT, "2010-11", stated.at.date(), now=stated.at) as (proof, _, _more):
        earlier = proof.house

    assert found == [("AVAILABILITY_DIFFERS", "TEA at WEB", 2)]
    assert earlier == ()


@pytest.mark.parametrize(("content", "why"), [
    (b"Article,Store\nTEA,WEB\n", "no column Qty"), (b"Article,Store,Qty\nTEA,WEB,many\n", "'many' is no number"),
    (b"Article,Store,Qty\n,WEB,1\n", "names no SKU"), (b"Article,Store,Qty\nTEA,WEB,1\nTEA,WEB,2\n", "a second time"),
    (b"Article,Store,Qty\nTEA,WEB,1,9\n", "row 2"), (b'{"Article": 1', "no valid JSON"), (b'{"Article": "TEA"}', "no list of rows"),
    (b"", "empty"), (b"Article,Store,Qty\n" + b"x" * 99, "bytes")])
def test_a_file_that_is_not_whole_is_refused_and_nothing_of_it_is_compared(stated: World, content: bytes, why: str) -> None:
    layout = stated.house.profiles[TENANT].files
    if why == "bytes":
        stated.house.profiles = {TENANT: smaller(stated, layout)}

    with pytest.raises(Misconfigured, match=why):
        state(stated, content, "shop.json" if b"{" in content else "shop.csv")

    with stated.house.store.read() as connection:
        assert latest(connection, TENANT, "availability") == []


def smaller(world: World, layout: Any) -> Any:
    """Let files be of no more than fifty bytes."""
    return replace(world.house.profiles[TENANT], files=msgspec.structs.replace(layout, max_bytes=50))


def test_without_the_erp_nothing_is_compared_and_nothing_is_kept(stated: World) -> None:
    stated.arm("forbidden", times=50)

    with pytest.raises(BackhaulError):
        state(stated, b"Article,Store,Qty\nTEA,WEB,7\n")

    with stated.house.store.read() as connection:
        assert latest(connection, TENANT, "availability") == []


@pytest.mark.parametrize(("tables", "why"), [
    ('[availability]\ncolumns = { sku = "a" }\n', "it names no column for warehouse"), ("[statements]\ntotals = { net = 'n' }\n", "day"),
    ("[availability]\ntolerance = -1\n", "nothing or more"), ("[availability.warehouses.us01]\nA = 'B'\n", "no legal entity 'us01'"),
    ("[availability.warehouses.gb01]\nA = 'NOWHERE'\n", "nothing there is on sale"),
    ("[availability]\ncolumns = { hue = 'x' }\n", "there is no such value")])
def test_a_profile_that_could_only_guess_is_refused_with_its_line(
    shop: World, platform: str, tmp_path: Path, tables: str, why: str,
) -> None:
    with pytest.raises(Misconfigured, match=why):
        profile(shop, platform, tmp_path / "other", tables=PUSH + "\n" + tables)


__all__ = ["platform", "shop"]
