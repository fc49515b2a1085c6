"""Is a month signed as it was shown, by the right people in the right order, and does a signature fall when its numbers move?"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from formulas import ExcelModel
from formulas.ranges import Ranges
from openpyxl import load_workbook
from typer.testing import CliRunner

from backhaul.application import close, pack as packs
from backhaul.application.close import Close, Month
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptException
from backhaul.bootstrap import connect
from backhaul.domain.access import Grant, Person, Role
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.signature import TEAMS, Signer
from backhaul.entrypoints import months, packing, spreadsheet
from backhaul.entrypoints.cli import app
from backhaul.entrypoints.journaling import month_end
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.packing import archive
from tests.journeys.stage import DAILY, EXAMPLES, MORNING, TENANT, World, life, line, open_world, sold

D = Decimal
GOOD = ("A", "RESELL", 2, True)
ONE = ("A", "RESELL", 1, True)
MONEY = ["broken: 0 → 1", "broken_amount: 0.00 → 2.95", "credit_difference: 0.00 → -2.95 GBP", "lines: 1 → 2"]
UNITS = ["stock_difference: 0 → -1"]
JANUARY = datetime(2011, 1, 3, 9, tzinfo=UTC)


@pytest.fixture
def december(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December in which one return was credited, at the beginning of January, proved."""
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY)
    world.house.settings = replace(world.house.settings, state_dir=tmp_path)
    world.tell(*life("C900001", [line("TEA", 2, "4.25", received=2, grades=[GOOD])], at=MORNING))
    world.pass_evenings(6)
    world.at = JANUARY
    proved(world)
    yield world
    world.house.close()


def proved(world: World) -> None:
    """Prove December as of today."""
    with prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at):
        pass


def month(world: World, period: str = "2010-12") -> Close:
    profile = world.house.profiles[TENANT]
    return Close(rules=profile.rules, period=period, legal_entity="gb01", sources=[each.name for each in profile.sources])


def shown(world: World) -> Month:
    return close.status(world.house.store, month(world), world.at)


def sign(world: World, signer: Signer, actor: str = "") -> None:
    """Sign a list as it stands."""
    told = next(each for each in shown(world).lists if each.signer is signer)
    close.sign(world.house.store, month(world), signer, shown=told.sha256, actor=actor or f"person of {signer.value}", now=world.at)


def work(world: World) -> list[KeptException]:
    """Give the work that fallen signatures make."""
    return [row for row in world.open() if row.case.kind == "SIGNATURE_FELL"]


def standing(world: World) -> list[str]:
    return [each.signer.value for each in shown(world).lists if each.holds]


def test_a_late_line_fells_what_was_signed_and_says_what_moved_and_nothing_else_falls(december: World) -> None:
    for signer in Signer:
        sign(december, signer)
    everybody = standing(december)
    done = {step["state"] for step in shown(december).steps if step["state"] != "by people"}

    december.tell(*life("C900009", [line("CUP", 1, "2.95", received=1, grades=[ONE])], at=datetime(2010, 12, 30, 9, tzinfo=UTC)))
    december.turn()
    proved(december)
    fallen = close.check(december.house.store, month(december).rules, sources=month(december).sources, now=december.at)

    assert (everybody, done) == ([signer.value for signer in Signer], {"done"})
    assert [(each.signer.value, list(each.moved)) for each in fallen] == [
        ("finance", MONEY), ("warehouse", UNITS), ("reviewer", [*MONEY, *UNITS])]
    assert standing(december) == ["customer-service", "integration"]
    assert [(row.case.line_id, row.case.owner, "lines: 1 → 2" in row.case.findings[0].sentence) for row in work(december)] == [
        ("gb01 finance", "finance", True), ("gb01 warehouse", "warehouse", False), ("gb01 reviewer", "finance", True)]
    with december.house.store.look() as tx:
        trail = [(entry.action, entry.detail.get("signer")) for entry in tx.trail(TENANT, subject="close:2010-12")
                 if entry.action.startswith("close.")]
    assert trail == [*(("close.signed", signer.value) for signer in Signer), *(("close.fell", signer) for signer in (
        "finance", "warehouse", "reviewer"))]


def test_a_late_line_of_one_company_fells_no_signature_of_another(december: World, tmp_path: Path) -> None:
    house, desk = december.house, december.house.desk(TENANT, "gb01")
    other = replace(desk.entity, id="ie01", retailers=frozenset({"QX777"}))
    rules = replace(desk.rules, entities=(desk.entity, other), mapping=(*desk.rules.mapping, *(
        replace(row, when=replace(row.when, legal_entity="ie01")) for row in desk.rules.mapping)))
    house.profiles = {TENANT: replace(house.profiles[TENANT], rules=rules)}
    sold(december.erp, tmp_path / "second", ("500001", "TEA", 3, "5.00"), company="ie01")
    for entity in rules.entities:
        house.adopt(replace(desk, entity=entity, rules=rules, erp=connect(house.profiles[TENANT], entity.id)))
    proved(december)
    closes = [replace(month(december), rules=rules, legal_entity=entity.id) for entity in rules.entities]
    for each in closes:
        for told in close.status(house.store, each, december.at).lists:
            close.sign(house.store, each, told.signer, shown=told.sha256, actor=f"{told.signer.value}", now=december.at)

    december.tell(*[each | {"retailerCode": "QX777"} for each in life("C900009", [line("TEA", 1, "5.00", received=1, grades=[ONE])],
                                                                      at=datetime(2010, 12, 30, 9, tzinfo=UTC))])
    december.turn()
    proved(december)
    fallen = close.check(house.store, rules, sources=month(december).sources, now=december.at)

    assert {(each.legal_entity, each.signer.value) for each in fallen} == {("ie01", name) for name in ("finance", "warehouse", "reviewer")}
    assert [list(each.moved) for each in fallen if each.signer is Signer.WAREHOUSE] == [UNITS]
    assert all(each.holds for each in close.status(house.store, closes[0], december.at).lists)
    told = {sheet.name: sheet.rows for sheet in packs.pack(packs.gather(house.store, rules, "2010-12", lambda *_: None))}
    assert [(row[0], row[7], row[13], {row[column].value for column in (8, 14, 18)}) for row in told["Tie-out"]] == [
        ("gb01", D(0), D(0), {"ties"}), ("ie01", D(-5), D(-1), {"ties"})]


def test_what_fell_is_signed_again_as_it_stands_now_and_its_work_is_done(december: World) -> None:
    for signer in Signer:
        sign(december, signer)
    december.tell(*life("C900009", [line("CUP", 1, "2.95", received=1, grades=[ONE])], at=datetime(2010, 12, 30, 9, tzinfo=UTC)))
    december.turn()
    proved(december)
    before = [each.moved for each in shown(december).lists if each.signer is Signer.FINANCE]

    sign(december, Signer.FINANCE)
    sign(december, Signer.WAREHOUSE)
    owned = [row.case.line_id for row in work(december)]
    sign(december, Signer.REVIEWER)

    assert before == [tuple(MONEY)]
    assert (owned, work(december)) == (["gb01 reviewer"], [])
    assert len(standing(december)) == len(Signer)


def test_the_worker_looks_every_hour_whether_what_was_signed_still_holds(december: World) -> None:
    sign(december, Signer.INTEGRATION)
    look = months.steps(december.house)["signed"]
    first = look(TENANT, december.at)
    december.tell({"no": "return"})

    at_once, later = look(TENANT, december.at), look(TENANT, december.at + timedelta(hours=2))

    assert (first, at_once, later) == ({}, {}, {})  # a message of January is none of December's
    assert standing(december) == ["integration"]


def test_nobody_signs_before_the_month_is_over_or_before_it_was_proved_or_what_is_not_what_was_shown(december: World) -> None:
    told = next(each for each in shown(december).lists if each.signer is Signer.FINANCE)

    for close_of, hash_, at, says in (
        (month(december, "2011-01"), told.sha256, december.at, "the month is not over"),
        (month(december, "2010-11"), told.sha256, december.at, "no proof of this month could read everything"),
        (month(december), "0" * 64, december.at, "not what was shown to you"),
        (month(december), told.sha256, MORNING, "the month is not over"),
    ):
        with pytest.raises(NeedsOperator, match=says):
            close.sign(december.house.store, close_of, Signer.FINANCE, shown=hash_, actor="fiona", now=at)
    with pytest.raises(NeedsOperator, match="there is no legal entity 'xx'; there are gb01"):
        close.status(december.house.store, replace(month(december), legal_entity="xx"), december.at)
    assert standing(december) == []


def test_the_reviewer_signs_last_and_is_nobody_who_prepared(december: World) -> None:
    with pytest.raises(NeedsOperator, match="the reviewer signs last"):
        sign(december, Signer.REVIEWER)
    for team in TEAMS:
        sign(december, team)

    with pytest.raises(NeedsOperator, match="preparers and reviewer are different people"):
        sign(december, Signer.REVIEWER, " Person of Warehouse")
    with pytest.raises(NeedsOperator, match="has signed already"):
        sign(december, Signer.WAREHOUSE)
    sign(december, Signer.REVIEWER)

    assert len(standing(december)) == len(Signer)


def test_somebody_whose_role_does_not_sign_a_list_does_not_sign_it(december: World) -> None:
    wanda, fiona = (Person(number=number, issuer="i", subject="s", name="n", grants=(Grant(role=role, tenant=TENANT, entities=None),))
                    for number, role in enumerate((Role.WAREHOUSE, Role.FINANCE)))
    told = next(each for each in shown(december).lists if each.signer is Signer.FINANCE)

    with pytest.raises(NotAllowed, match="do not sign the list of finance"):
        close.sign_as(december.house.store, month(december), wanda, Signer.FINANCE, shown=told.sha256, now=december.at)
    nobody = standing(december)
    close.sign_as(december.house.store, month(december), fiona, Signer.FINANCE, shown=told.sha256, now=december.at)

    assert (nobody, standing(december)) == ([], ["finance"])


def test_signatures_of_a_legal_entity_that_is_gone_are_left_alone(december: World) -> None:
    sign(december, Signer.WAREHOUSE)
    rules = replace(month(december).rules, entities=())

    assert close.check(december.house.store, rules, sources=(), now=december.at) == []


def test_a_month_is_shown_and_signed_from_a_terminal(december: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BACKHAUL_DATABASE_URL": december.house.settings.database_url, "BACKHAUL_ERP_URL": december.erp,
                        "BACKHAUL_PROFILE": str(EXAMPLES / "profiles" / "online-retail.toml"), "BACKHAUL_ERP_SECRET": "secret",
                        "BACKHAUL_ERP_TOKEN_URL": f"{december.erp}/demo/oauth2/v2.0/token", "BACKHAUL_ZIGZAG_SECRET": "0" * 32}.items():
        monkeypatch.setenv(name, value)

    first = CliRunner().invoke(app, ["close", "status", "--period", "2010-12", "--json"])
    lists = json.loads(first.stdout)["closes"][0]["lists"]
    signed = [CliRunner().invoke(app, ["close", "sign", "--period", "2010-12", "--for", each["signer"], "--shown", each["sha256"],
                                       "--actor", each["signer"], *(["--json"] if each is lists[0] else [])]) for each in lists]
    last = CliRunner().invoke(app, ["close", "status", "--period", "2010-12"], env={"COLUMNS": "200"})
    monkeypatch.setenv("BACKHAUL_STATE_DIR", str(december.house.settings.state_dir / "archive"))
    packed = [CliRunner().invoke(app, ["close", "pack", "--period", "2010-12", *more]) for more in ([], ["--json"])]
    stalled = CliRunner().invoke(app, ["close", "status", "--period", "2011-01"], env={"COLUMNS": "200"})
    wrong = CliRunner().invoke(app, ["close", "sign", "--period", "2010-12", "--for", "me", "--shown", "x", "--actor", "a"])
    nobody = CliRunner().invoke(app, ["close", "status", "--period", "2010-12", "--entity", "xx"])

    assert (first.exit_code, [each.exit_code for each in signed], last.exit_code) == (1, [0] * 5, 0), signed[0].stderr
    assert json.loads(signed[0].stdout)["signer"] == "finance"
    assert "reviewer: signed by reviewer" in last.stdout
    assert "Credit notes of the month's batches" in last.stdout
    assert (wrong.exit_code, nobody.exit_code, stalled.exit_code) == (2, 2, 1)
    files = json.loads(packed[1].stdout)["files"]
    assert {Path(file).suffix for file in files.values() if Path(file).is_file()} == {".xlsx", ".pdf"}
    assert json.loads(packed[1].stdout)["sha256"]["pdf"] in packed[0].stdout


# --- the pack


def recalculated(file: Path) -> dict[tuple[str, str], object]:
    """Let a spreadsheet engine that is not ours work a workbook out."""
    model = ExcelModel().loads(str(file)).finish()
    answer = model.calculate()
    return {(name.rpartition("]")[2].partition("'!")[0].upper(), name.rpartition("!")[2]): told.value[0, 0]
            for name, told in answer.items() if isinstance(told, Ranges) and told.value.shape == (1, 1)}


def test_a_pack_is_worked_out_again_by_another_spreadsheet_and_comes_to_what_paper_says(december: World, tmp_path: Path) -> None:
    december.tell(*life("=C900009", [line("CUP", 1, "2.95", received=1, grades=[ONE]), line("POT", 1, "99.00", order="500002", received=1,
                                                                                         grades=[ONE])],
                        at=datetime(2010, 12, 30, 9, tzinfo=UTC)))
    december.pass_evenings(2)
    proved(december)
    with december.house.store.begin() as tx:
        for day, line_id in ((2, "TEA#1"), (20, "TEA#2"), (21, "")):
            tx.open_exception(ExceptionCase.about(
                tenant=TENANT, return_ref="C900001", line_id=line_id, money=Money(amount=Decimal("1.10") * day, currency="GBP"), teams={},
                findings=(Finding(code="SKU_UNKNOWN" if line_id else "NO_CUSTOMER", sentence="=1+1"),),
                now=datetime(2010, 12, day, 9, tzinfo=UTC)))
    for team in TEAMS:
        sign(december, team)
    sheets = packs.pack(packs.gather(december.house.store, month(december).rules, "2010-12", lambda *_: None,
                                     month_end(december.house.store, month(december).rules, "2010-12")))

    made = archive(december.house.store, month(december).rules, "2010-12", state_dir=tmp_path, actor="fiona", now=december.at)
    again = archive(december.house.store, month(december).rules, "2010-12", state_dir=tmp_path / "b", actor="fiona", now=december.at)

    found = recalculated(made.files["xlsx"])
    compared = 0
    for sheet in sheets:
        for number, row in enumerate(sheet.rows, start=2):
            for column, value in zip(packs.COLUMNS, row, strict=False):
                if isinstance(value, packs.Formula):
                    told = found[sheet.name.upper(), f"{column}{number}"]
                    assert told == value.value if isinstance(value.value, str) else float(told) == pytest.approx(float(value.value)), sheet
                    compared += 1
    book = load_workbook(made.files["xlsx"])
    formulas = [cell.value for page in book for row in page.iter_rows() for cell in row if cell.data_type == "f"]
    told = {sheet.name: sheet.rows for sheet in sheets}
    assert (compared, len(formulas)) == (compared, compared)
    assert compared > 20
    assert not [value for value in formulas if "C900009" in value]
    assert [[row[column].value for column in (8, 14, 18)] for row in told["Tie-out"]] == [["ties"] * 3]
    assert any(row[3] == "=C900009" for row in told["Not proved"])
    assert [(row[1], row[3].value, [each.value for each in row[4:9]]) for row in told["Ageing"][:-1]] == [
        ("NO_CUSTOMER", 1, [D(0), D("23.10"), D(0), D(0), D("23.10")]), ("SKU_UNKNOWN", 2, [D(0), D("24.20"), D(0), D(0), D("24.20")])]
    assert told["Tie-out"][0][5] == D(99)
    assert {row[1] for row in told["Signatures"]} == {team.value for team in TEAMS}
    assert made.sha256 == again.sha256
    assert made.files["pdf"].read_bytes().startswith(b"%PDF")
    with december.house.store.look() as tx:
        entry = next(each for each in tx.trail(TENANT, subject="close:2010-12") if each.action == "close.packed")
    assert entry.detail["sha256"] == made.sha256


def test_a_month_without_a_proof_or_with_an_extract_that_was_changed_has_no_pack(december: World, tmp_path: Path) -> None:
    rules = month(december).rules
    with pytest.raises(NeedsOperator, match="was never proved"):
        packing.made(december.house.store, rules, "2010-11", "xlsx")
    with december.house.store.look() as tx:
        file = Path(tx.proofs(TENANT, "2010-12")[0].extracts[0]["files"][0]["file"])
    file.write_bytes(file.read_bytes() + b" ")

    with pytest.raises(NeedsOperator, match="is not what was proved any more"):
        packing.made(december.house.store, rules, "2010-12", "pdf")


def test_a_pack_of_a_month_in_which_nothing_came_is_made_all_the_same(december: World) -> None:
    with prove_month(december.house, TENANT, "2010-11", december.at.date(), now=december.at):
        pass

    material = packs.gather(december.house.store, month(december).rules, "2010-11", lambda *_: None)
    sheets, decided = packs.pack(material), packs.pack(replace(
        material, reigns=(KeptReign(version="2010-12.2", sha256="ab", since=MORNING, by="anton", proposal=3),), proposals=(Proposal(
            id=3, tenant=TENANT, legal_entity="gb01", kind=ProposalKind.PROFILE, subject="profile 2010-12.2", content={}, basis="",
            money=Money(amount=D(0), currency="GBP"), reason="a code", proposer="fiona", proposed_at=MORNING, expires_at=JANUARY),)))
    december_lines = [row[1] for sheet in sheets if sheet.name == "Cut-off sample" for row in sheet.rows]

    assert [row[:2] for sheet in decided if sheet.name in {"Approvals", "Mapping changes"} for row in sheet.rows] == [
        (3, "gb01"), ("2010-12.2", MORNING)]
    assert {sheet.name: len(sheet.rows) for sheet in sheets if sheet.name in {"Tie-out", "Ageing", "Open items"}} == {
        "Tie-out": 0, "Ageing": 0, "Open items": 0}
    assert december_lines == ["C900001|TEA#1"]
    assert packing.made(december.house.store, month(december).rules, "2010-11", "pdf").startswith(b"%PDF")


def test_what_is_longer_than_paper_says_how_much_more_the_workbook_has() -> None:
    rows = tuple((number, Decimal("1.50"), MORNING, "\u2192 a" * 40) for number in range(spreadsheet.ON_PAPER + 3))
    sheet = packs.Sheet(name="Long", headings=("Number", "Amount", "At", "Text"), rows=rows)

    told = spreadsheet.paper("Long \u2192", [sheet], MORNING)

    assert told == spreadsheet.paper("Long \u2192", [sheet], MORNING)
    assert [spreadsheet.said(value) for value in (Decimal("1.50"), Decimal("-0.0"), MORNING, None, "\u2192 \u6f22", packs.Formula(
        expression="A1", value=Decimal(100)))] == ["1.5", "0", "2010-12-01 09:00", "", "-> ?", "100"]
