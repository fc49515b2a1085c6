"""Another version of the profile: drafted, shown with what it changes, approved by somebody else, and worked by from the next turn on."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import approvals, versions
from backhaul.application.effects import EFFECTS
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptProfile
from backhaul.bootstrap import House, build, kept_as
from backhaul.config import Settings
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.entrypoints import versioning, worker
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web import counting
from backhaul.entrypoints.web.app import create_app, serve
from backhaul.profile import Misconfigured, load_profile
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import EXAMPLES, TENANT, World, life, line

NOTHING = Money(amount=Decimal(0), currency="")
NOON = datetime(2010, 12, 1, 12, tzinfo=UTC)
FILE = EXAMPLES / "profiles" / "online-retail.toml"
ENVIRON = dict.fromkeys(("BACKHAUL_ERP_URL", "BACKHAUL_ERP_TOKEN_URL", "BACKHAUL_ERP_SECRET", "BACKHAUL_ZIGZAG_SECRET"), "http://127.0.0.1:1")
DONATE = {"legal_entity": "gb01", "warehouse": "GB-DC-01", "disposition": "DONATE", "condition": "A", "reason": ["Changed my mind"],
          "outcome": "scrapped", "erp_disposition": "ZSCRAP", "location": "SCRAP"}
SIZE = "cap = 300"


def written(folder: Path, name: str, change: tuple[str, str] = (SIZE, SIZE)) -> Path:
    """Write the example profile as another version."""
    text = FILE.read_text(encoding="utf-8")
    assert change[0] in text
    file = folder / f"{name}.toml"
    file.write_text(text.replace('version = "2026-01"', f'version = "{name}"', 1).replace(*change), encoding="utf-8")
    return file


def started(folder: Path, file: Path) -> House:
    """Start Backhaul with a file, on the same database as before."""
    return build(Settings.from_env(ENVIRON | {"BACKHAUL_DATABASE_URL": f"sqlite:///{folder / 'backhaul.sqlite'}",
                                              "BACKHAUL_PROFILE": str(file)}))


def proposed(house: House, text: str, *, by: str = "ann") -> Proposal:
    holds, draft = house.profiles[TENANT], house.drafted(TENANT, text)
    told = versioning.difference(house.store, holds, draft)
    return versioning.propose(house.store, holds, draft, told, proposer=by, reason="agreed with the warehouse", now=NOON)


def approved(house: House, proposal: Proposal, *, by: str = "bob", at: datetime = NOON) -> Proposal:
    return approvals.approve(house.store, EFFECTS, house.profiles[TENANT].rules, proposal.id, shown=proposal.sha256, approver=by, now=at)


def held(house: House) -> list[tuple[str, str, bool]]:
    with house.store.begin() as tx:
        return [(row.version, row.by, row.proposal is not None) for row in tx.reigns(TENANT)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = started(tmp_path, FILE)
    yield house
    house.close()


def test_the_first_version_holds_and_while_nobody_approves_any_a_file_holds_as_it_stands(tmp_path: Path) -> None:
    for name in ("2026-01", "2026-02", "2026-02"):
        started(tmp_path, written(tmp_path, name)).close()

    house = started(tmp_path, written(tmp_path, "2026-03"))

    assert held(house) == [("2026-03", "file", False), ("2026-02", "file", False), ("2026-01", "first", False)]
    house.close()


def test_a_version_holds_from_the_approval_of_somebody_else_on_and_a_file_is_a_draft_from_then_on(house: House, tmp_path: Path) -> None:
    asked = proposed(house, written(tmp_path, "2026-02", (SIZE, "cap = 200")).read_text(encoding="utf-8"))
    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        approved(house, asked, by="Ann")
    before = house.profiles[TENANT].name

    approved(house, asked)
    turned = worker.take_version(house, TENANT)
    house.close()
    again = started(tmp_path, written(tmp_path, "2026-09", (SIZE, "cap = 7")))

    assert (before, turned["version"].partition("+")[0]) == ("2026-01", "2026-02")
    assert "2026-09.toml is version 2026-09" in again.waiting[TENANT]
    assert "backhaul profile propose" in again.waiting[TENANT]
    assert (again.profiles[TENANT].name, again.profiles[TENANT].rules.window.cap) == ("2026-02", 200)
    assert held(again) == [("2026-02", "bob", True), ("2026-01", "first", False)]
    with again.store.begin() as tx:
        assert tx.draft(TENANT, load_profile(tmp_path / "2026-09.toml", ENVIRON).sha256), "it can be proposed as it stands"
    again.close()


def test_in_production_nothing_but_the_first_version_holds_without_approval(house: House, tmp_path: Path) -> None:
    other = kept_as(load_profile(written(tmp_path, "2026-02"), ENVIRON))

    with house.store.begin() as tx:
        holds = versions.begin(tx, other, by_approval=True, now=NOON)

    assert (holds.version, held(house)) == ("2026-01", [("2026-01", "first", False)])


def test_an_approver_is_shown_the_lines_that_change_and_what_was_shown_is_what_is_approved(house: House, tmp_path: Path) -> None:
    text = written(tmp_path, "2026-02", (SIZE, "cap = 200")).read_text(encoding="utf-8")

    asked = proposed(house, text)

    assert {"-cap = 300", "+cap = 200", '-version = "2026-01"', '+version = "2026-02"'} <= {
        line.partition("#")[0].rstrip() for line in asked.content["changes"]}
    with pytest.raises(NeedsOperator, match="not what was shown"):
        approvals.approve(house.store, EFFECTS, house.profiles[TENANT].rules, asked.id, shown="0" * 64, approver="bob", now=NOON)


def test_of_two_drafts_of_one_version_the_second_has_to_be_drafted_anew(house: House, tmp_path: Path) -> None:
    one, other = (proposed(house, written(tmp_path, name, (SIZE, f"cap = {cap}")).read_text(encoding="utf-8"))
                  for name, cap in (("2026-02", 200), ("2026-03", 100)))
    approved(house, one)
    house.refresh(TENANT)

    with pytest.raises(NeedsOperator, match="is not what it was when this was proposed"):
        approved(house, other)

    assert house.profiles[TENANT].rules.window.cap == 200


@pytest.mark.parametrize(("change", "version", "says"), [
    ((SIZE, "cap = 200"), "2026-01", "was in force already"),
    (('tenant = "online-retail"', 'tenant = "other"'), "2026-02", "not of 'online-retail'"),
    (('disposition = "SCRAP"', 'disposition = "SCRAP*"'), "2026-02", "wildcard"),
])
def test_what_cannot_hold_cannot_be_proposed(house: House, tmp_path: Path, change: tuple[str, str], version: str, says: str) -> None:
    text = written(tmp_path, version, change).read_text(encoding="utf-8")

    with pytest.raises((NeedsOperator, Misconfigured), match=says):
        proposed(house, text)


def test_the_same_version_again_is_no_proposal(house: House) -> None:
    with pytest.raises(NeedsOperator, match="nothing to approve"):
        proposed(house, FILE.read_text(encoding="utf-8"))


def test_a_version_that_cannot_be_used_here_is_told_and_the_one_before_it_goes_on(house: House, tmp_path: Path) -> None:
    text = written(tmp_path, "2026-02").read_text(encoding="utf-8")
    asked = proposed(house, text)
    approved(house, asked)
    house.settings = Settings.from_env({name: value for name, value in ENVIRON.items() if name != "BACKHAUL_ERP_SECRET"})

    told = worker.take_version(house, TENANT)

    assert "BACKHAUL_ERP_SECRET" in told["version_refused"]
    assert house.profiles[TENANT].name == "2026-01"


def test_either_database_lets_no_version_hold_without_two_people_once_one_did_with_them(store: SqlStore) -> None:
    def reign(number: int, proposal: int | None) -> KeptReign:
        return KeptReign(version=f"v{number}", sha256=f"{number:064d}", since=NOON, by="bob", proposal=proposal)

    def asked(approver: str) -> int:
        with store.begin() as tx:
            made, _ = tx.add_proposal(Proposal(
                tenant="acme", legal_entity="", kind=ProposalKind.PROFILE, subject="profile v", content={"v": approver}, basis="b",
                money=NOTHING, reason="r", proposer="ann", proposed_at=NOON, expires_at=NOON + timedelta(days=1)))
            if approver:
                tx.save_proposal(replace(made, approver=approver, approved_at=NOON))
        return made.id

    with store.begin() as tx:
        tx.crown("acme", reign(1, None))
    unapproved, yes = asked(""), asked("bob")
    with pytest.raises(IntegrityError, match="approval of somebody other"), store.begin() as tx:
        tx.crown("acme", reign(2, unapproved))
    with store.begin() as tx:
        tx.crown("acme", reign(2, yes))
        tx.keep_draft(KeptProfile(tenant="acme", version="v3", sha256="3", text="t"), actor="ann", at=NOON)
    with pytest.raises(IntegrityError, match="approval of somebody other"), store.begin() as tx:
        tx.crown("acme", reign(3, None))

    with store.begin() as tx:
        assert [(row.version, row.proposal) for row in tx.reigns("acme")] == [("v2", yes), ("v1", None)]
        assert tx.reign("other") is None


def mapped(world: World) -> dict[str, Any]:
    """Bring back what nobody mapped yet, and count it."""
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "DONATE", 2, True)])], at=world.at))
    world.pass_days(2)
    rules = world.house.profiles[TENANT].rules
    while counting.count(world.house.store, rules):
        pass
    return world.exceptions()


def test_a_code_that_is_mapped_by_an_approved_version_lets_go_what_waited_for_it(world: World) -> None:
    waited = mapped(world)
    holds, draft = world.house.profiles[TENANT], world.house.mapped(TENANT, DONATE, version="2026-01.1", remark="charity shop closed")
    told = versioning.difference(world.house.store, holds, draft)

    asked = versioning.propose(world.house.store, holds, draft, told, proposer="ann", reason="destroyed, not donated", now=world.at)
    untouched = world.exceptions()
    approvals.approve(world.house.store, EFFECTS, holds.rules, asked.id, shown=asked.sha256, approver="bob", now=world.at)
    world.pass_days(40)

    assert (waited, untouched) == ({"UNMAPPED_DISPOSITION": 1}, {"UNMAPPED_DISPOSITION": 1})
    assert [(each.before, each.units, each.net, each.currency) for each in told.moved] == [("held", 2, Decimal("8.50"), "GBP")]
    assert "charity shop closed" in draft.text
    assert draft.text.startswith(holds.text[:60]), "what somebody wrote stays"
    assert (world.exceptions(), world.credits) == ({}, [("TEA", 2, Decimal("8.50"))])
    assert {row.mapping_version.partition("+")[0] for row in world.postings() if row.mapping_version} == {"2026-01.1"}


def test_the_mix_of_grades_of_a_warehouse_is_told_in_units_and_per_cent(world: World) -> None:
    world.tell(*life("R-2", [line("CUP", 1, "2.95", received=1, grades=[("D", "SCRAP", 1, True)])], at=world.at))
    mapped(world)
    employ(world.house.store, TENANT, datetime.now(UTC))

    with serve(create_app(world.house, sign_in=SIGN_IN)) as server:
        wanda = Browser(server.base_url)
        wanda.enter("Wanda Warehouse", PASSPHRASE)
        page, taken = wanda.get("/flows").text, wanda.get("/exports/grades.csv").text

    assert taken.split()[-2:] == ["GB-DC-01,A,2,66.7", "GB-DC-01,D,1,33.3"]
    assert '<th scope="row">GB-DC-01</th><td>A</td><td class="amount">2</td><td class="amount">66.7 %</td>' in page


def test_damaged_goods_cannot_be_mapped_to_where_goods_are_sold(world: World) -> None:
    with pytest.raises(Misconfigured, match="not sellable, yet its target"):
        world.house.mapped(TENANT, DONATE | {"condition": "D", "location": "SALE", "outcome": "restocked"}, version="2026-01.1")


def test_a_fee_nobody_mapped_leads_from_its_exception_to_its_place_in_the_profile_and_is_mapped_there_by_two(world: World) -> None:
    with world.house.store.begin() as tx:
        number = tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="R-1", line_id="", money=Money(amount=Decimal(3), currency="GBP"), now=world.at, teams={},
            findings=(Finding(code="UNMAPPED_FEE", sentence="The return comes with 3.00 GBP of 'GIFT', which nobody mapped."),)))
    employ(world.house.store, TENANT, datetime.now(UTC))
    with serve(create_app(world.house, sign_in=SIGN_IN)) as server:
        fiona, anton, vera = (Browser(server.base_url) for _ in range(3))
        for browser, name in ((fiona, "Fiona Finance"), (anton, "Anton Approver"), (vera, "Vera Viewer")):
            browser.enter(name, PASSPHRASE)
        page, hers = fiona.get(f"/exceptions/{number}").text, vera.get(f"/exceptions/{number}").text
        place = fiona.get("/profile/draft?table=fees&found=GIFT")
        (written,) = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", place.text, re.DOTALL)
        text = html.unescape(written)
        form = fiona.fill(place, version="2026-01.1")
        broken, wrong, plan = (fiona.post("/profile/compare", **form, text=each) for each in (
            "[fees]\nGIFT =", text.replace('GIFT = ""', "GIFT = 7"), text.replace('GIFT = ""', 'GIFT = "SVC-GIFT"').replace("\n", "\r\n")))
        stale = fiona.post("/profile/compare", **form | {"was": "0" * 64}, text=text)
        nowhere = fiona.get("/profile/draft?table=source")
        other = fiona.post("/profile/propose", **fiona.fill(plan, reason="gift wrap is a service") | {"shown": "0" * 64})
        told = fiona.post("/profile/propose", **fiona.fill(plan, reason="gift wrap is a service"))
        waits = anton.get(told.headers["location"])
        yes = anton.post(told.headers["location"].partition("?")[0] + "/approve", **anton.fill(waits))

    assert "/profile/draft?table=fees&found=GIFT" in html.unescape(page)
    assert "/profile/draft" not in hers
    assert text.startswith("[fees]")
    assert text.endswith('GIFT = ""')
    assert "is no TOML" in broken.text
    assert "This cannot hold" in wrong.text
    assert [each.status_code for each in (broken, wrong, plan, stale, nowhere, other)] == [200, 200, 200, 409, 409, 409]
    assert (told.status_code, yes.status_code) == (303, 303)
    assert "+GIFT = &#34;SVC-GIFT&#34;" in waits.text
    assert world.house.profiles[TENANT].name == "2026-01.1"
    assert world.house.profiles[TENANT].rules.fees["GIFT"].service_item == "SVC-GIFT"


def test_a_warehouse_lead_maps_a_code_in_the_console_and_an_approver_sees_what_it_moves(world: World) -> None:
    mapped(world)
    employ(world.house.store, TENANT, datetime.now(UTC))
    with serve(create_app(world.house, sign_in=SIGN_IN)) as server:
        wanda, anton = Browser(server.base_url), Browser(server.base_url)
        wanda.enter("Wanda Warehouse", PASSPHRASE)
        anton.enter("Anton Approver", PASSPHRASE)
        coverage = wanda.get("/mappings")
        form = {"legal_entity": "gb01", "warehouse": "GB-DC-01", "disposition": "DONATE", "condition": "A", "reason": "Changed my mind",
                "outcome": "scrapped", "location": "SCRAP", "erp_disposition": "ZSCRAP", "version": "2026-01.1"}
        wrong, plan = (wanda.get(f"/mappings/draft?{urlencode(form | {'outcome': outcome})}") for outcome in ("restocked", "scrapped"))
        told = wanda.post("/mappings/propose", **wanda.fill(plan, reason_why="destroyed, not donated"))
        page = anton.get(told.headers["location"])
        yes = anton.post(told.headers["location"].partition("?")[0] + "/approve", **anton.fill(page))
        after = wanda.get("/mappings")

    assert "Map this code" in coverage.text
    assert "This row cannot hold" in wrong.text
    assert told.status_code == yes.status_code == 303
    assert "held" in page.text
    assert "8.50 GBP" in page.text
    assert "disposition = &#34;DONATE&#34;" in page.text
    assert world.house.profiles[TENANT].name == "2026-01.1"
    assert "2026-01.1" in after.text
    assert "Map this code" not in after.text
