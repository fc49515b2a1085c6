"""A setting or profile that is wrong is refused whole, with file, line and cure; secrets never show."""

import json
import pickle
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from backhaul.config import Secret, Settings, check_profile, load_profile, profile_schema
from backhaul.domain.disposition import Circumstance, Outcome, choose
from backhaul.domain.errors import Misconfigured
from backhaul.domain.fiscal_calendar import MONTHS
from backhaul.domain.routing import ESCALATION, Escalation
from backhaul.domain.rules import Close, Leg, Tolerances, Window
from backhaul.secret import Hidden

EXAMPLES = Path(__file__).parents[1] / "examples"
PROFILE = EXAMPLES / "profiles" / "online-retail.toml"
ENVIRON = {"BACKHAUL_ZIGZAG_SECRET": "s3cret", "BACKHAUL_ERP_URL": "http://erp", "BACKHAUL_ERP_TOKEN_URL": "http://token",
           "BACKHAUL_ERP_SECRET": "erp-s3cret", "BACKHAUL_SFTP_P": "open sesame"}
FOLDER = '[[folders]]\nname = "hub"\npath = "/returns"\npattern = ["*.xlsx", "*.csv"]\n'
SERVER = f"""{FOLDER}settle = "5m"
[folders.sftp]
host = "sftp.example.com"
port = 2222
user = "backhaul"
host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"]
password = "env:BACKHAUL_SFTP_P"

[tolerances]"""


POUNDS = 'currency = "GBP"'
PERIOD = '{{ name = "2026-{}", first = 2026-{}, last = 2026-{} }}'


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """Write the demo's profile with one thing changed."""
    text = PROFILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "profile.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    """Find the line of a text."""
    return next(number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1) if text in line)


def refusal(path: Path) -> str:
    """Load a profile that must be refused and give the reason."""
    with pytest.raises(Misconfigured) as refused:
        load_profile(path, ENVIRON)
    return str(refused.value)


def test_the_demo_profile_says_what_the_demo_needs() -> None:
    profile = load_profile(PROFILE, ENVIRON)

    entity = profile.rules.entity_of("QX501")
    assert entity is not None
    assert (entity.id, entity.deployment, entity.no_customer_limit) == ("gb01", "A", Decimal(250))
    assert dict(entity.options)["base_url"] == "http://erp"
    assert profile.rules.window.close is Close.PERIOD
    assert not profile.rules.fees["AMAZONFEE"].customer_return
    when = Circumstance(legal_entity="gb01", warehouse="GB-DC-02", disposition="RESELL", condition="A", reason="Changed my mind")
    row = choose(profile.rules.mapping, when)
    assert row is not None
    assert (row.outcome, row.place.warehouse, row.place.location) == (Outcome.RESTOCKED, "GB-DC-02", "SALE")
    assert not [row for row in profile.rules.mapping if row.when.disposition == "DONATE"]


def test_a_leg_may_have_a_window_of_its_own(tmp_path: Path) -> None:
    path = changed(tmp_path, "[tolerances]", '[windows.order]\nclose = "at-once"\n\n[windows.fees]\nevery = "2h"\ncap = 7\n\n[tolerances]')

    rules = load_profile(path, ENVIRON).rules

    assert rules.window.close is Close.PERIOD
    assert rules.windows == {Leg.ORDER: Window(close=Close.AT_ONCE), Leg.FEES: Window(every=timedelta(hours=2), cap=7)}


ROW = """[[tolerances]]
of = "tax"
amount = "0.02"
currency = "GBP"
owner = "finance"
reason = "rounded by document"
since = 2010-01-01
"""


def test_what_may_differ_is_said_by_rows_and_what_no_row_speaks_of_may_not(tmp_path: Path) -> None:
    rows = changed(tmp_path, '[tolerances]\namount = "0.01"\n', ROW)
    rules, usual = load_profile(rows, ENVIRON).rules, load_profile(PROFILE, ENVIRON).rules
    day = date(2010, 12, 1)

    assert [(row.name, row.amount, row.owner, row.reason) for row in rules.tolerances.rows] == [
        ("tax GBP 2010-01-01", Decimal("0.02"), "finance", "rounded by document")]
    assert rules.tolerances_of("gb01", "GBP", day) == Tolerances(amount=Decimal(0), tax=Decimal("0.02"), cost=Decimal(0))
    assert rules.tolerances_of("gb01", "EUR", day) == Tolerances(amount=Decimal(0), tax=Decimal(0), cost=Decimal(0))
    assert (rules.tolerance.books, usual.tolerance.net, usual.tolerance.rounding) == ({"gb01": "GBP"}, Decimal(0), Decimal("0.01"))
    assert usual.tolerances_of("gb01", "GBP", day) is usual.tolerances


@pytest.mark.parametrize(("old", "new", "says"), [
    ("0.02", "-1", "an amount is not negative"), ('"finance"', '" "', "needs a currency, an owner and a reason"),
    ('"GBP"', '"GBP"\nlegal_entity = "xx"', "there is no legal entity 'xx'"), ("2010-01-01\n", f"2010-01-01\n{ROW}", "stands twice"),
])
def test_a_tolerance_without_an_owner_or_that_nobody_could_tell_from_another_is_refused(
    tmp_path: Path, old: str, new: str, says: str,
) -> None:
    path = changed(tmp_path, '[tolerances]\namount = "0.01"\n', ROW.replace(old, new, 1))

    with pytest.raises(Misconfigured, match=says):
        load_profile(path, ENVIRON)


def test_overdue_work_comes_before_whom_the_profile_says_and_before_management_where_it_says_nothing(tmp_path: Path) -> None:
    said = changed(tmp_path, "[tolerances]", '[[escalation]]\nteam = "lead"\nlate = "4h"\nkinds = "DUPLICATE"\n[tolerances]')
    silent = load_profile(PROFILE, ENVIRON).rules

    assert load_profile(said, ENVIRON).rules.escalation == (
        Escalation(team="lead", late=timedelta(hours=4), kinds=frozenset({"DUPLICATE"})),)
    assert silent.escalation == ESCALATION


def test_a_watched_folder_knows_its_server_and_hides_what_opens_it(tmp_path: Path) -> None:
    folder, = load_profile(changed(tmp_path, "[tolerances]", SERVER), ENVIRON).folders

    assert folder.server
    assert (folder.name, folder.patterns, folder.settle) == ("hub", ("*.xlsx", "*.csv"), timedelta(minutes=5))
    assert (folder.server.host, folder.server.port, folder.server.host_keys[0][0]) == ("sftp.example.com", 2222, "ssh-ed25519")
    assert folder.server.password
    assert folder.server.password.reveal() == "open sesame"
    assert "open sesame" not in repr(folder)


def test_a_retailers_year_of_weeks_and_a_list_of_periods_are_calendars_and_nothing_is_calendar_months(tmp_path: Path) -> None:
    weeks = changed(tmp_path, POUNDS, POUNDS + '\ncalendar = { weeks = "4-4-5", begins = 2026-02-01, years = 1 }')
    retail = load_profile(weeks, ENVIRON).rules.entities[0].calendar
    one = "\ncalendar = { periods = [" + PERIOD.format("13", "12-28", "12-31") + "] }"
    listed = load_profile(changed(tmp_path, POUNDS, POUNDS + one), ENVIRON).rules.entities[0].calendar

    assert (retail.period_of(date(2026, 3, 1)), str(retail.last("2026-03"))) == ("2026-02", "2026-05-02")
    assert [listed.period_of(date(2026, 12, day)) for day in (27, 28)] == ["", "2026-13"]
    assert load_profile(PROFILE, ENVIRON).rules.entities[0].calendar == MONTHS


def test_two_different_files_never_share_a_version(tmp_path: Path) -> None:
    one = load_profile(PROFILE, ENVIRON)
    other = load_profile(changed(tmp_path, "allowance = 500", "allowance = 501"), ENVIRON)

    assert one.version.startswith("2026-01+")
    assert one.version != other.version
    assert load_profile(PROFILE, ENVIRON).version == one.version


def test_both_example_profiles_read_their_sample_and_know_where_every_unit_goes() -> None:
    for profile, sample in (("online-retail", "typed"), ("whole-return", "whole-return")):
        told = check_profile(EXAMPLES / "profiles" / f"{profile}.toml", EXAMPLES / "payloads" / f"{sample}.json")
        becomes = [line["becomes"] for line in told["lines"]]
        assert any("reached inspected" in text for text in becomes)
        assert any(text.startswith("restocked: ZCREDIT GB-DC-01/SALE") for text in becomes)
        assert any("nobody reads it" in text for text in becomes)


@pytest.mark.parametrize(("old", "new", "reason", "at"), [
    ('tenant = "online-retail"', "tenant = 7", "Expected `str`, got `int`", "tenant = 7"),
    ('currency = "GBP"', 'curency = "GBP"', "unknown field `curency`", "curency"),
    ("attempts = 8", "attemps = 8", "unknown field `attemps`", "attemps"),
    ('reason = ["Changed my mind"', 'reason = ["*", "Changed my mind"', "wildcard", '"*"'),
    ('location = "OUTLET"', 'location = "SALE"', "on sale", 'disposition = "OUTLET"'),
    ('lead = "1d"', 'lead = "soon"', "no duration", "soon"),
    ("[tolerances]", "[windows.order]\nevery = 'often'\n[tolerances]", "no duration", "often"),
    ("[tolerances]", "[windows.goods]\ncap = 0\n[tolerances]", "at least one return", "cap = 0"),
    ("[tolerances]", "[windows.credit]\n[tolerances]", "unknown field `credit`", "[windows.credit]"),
    ('goods = "inspected"', 'goods = "scanned"', "after acceptance only", 'goods = "scanned"'),
    ('warehouse = ["GB-DC-01", "GB-DC-02"]', 'warehouse = ["GB-DC-1"]', "no warehouse 'GB-DC-1'", '["GB-DC-1"]'),
    ('S = "SVC-SAMPLE"', "S = {}", "service_item", "S = {}"),
    ('template = "{timestamp}.{body}"', 'template = "{timestamp}"', "{body} once", '"{timestamp}"'),
    ('secret = "env:BACKHAUL_ZIGZAG_SECRET"', 'secret = "hunter2"', "by reference", "hunter2"),
    ('zone = "Europe/London"', 'zone = "Europe/Londn"', "no time zone", "Londn"),
    (POUNDS, POUNDS + "\ncalendar = {}", "either weeks, from a day on, or its periods", "calendar = {}"),
    (POUNDS, POUNDS + '\ncalendar = { weeks = "4-4-5" }', "need the first day of the first year", "calendar = { weeks"),
    (POUNDS, POUNDS + '\ncalendar = { weeks = "4-4-6", begins = 2026-02-01, years = 1 }', "none of 4-4-5", "4-4-6"),
    (POUNDS, POUNDS + '\ncalendar = { weeks = "4-4-5", begins = 2026-02-01, years = 3, rule = "sunday nearest 1 february" }',
     "2028 begins on 2028-01-30", "rule = "),
    (POUNDS, POUNDS + '\ncalendar = { years = 2, periods = [{ name = "2026-01", first = 2026-01-01, last = 2026-01-31 }] }',
     "belongs to a calendar of weeks", "years = 2"),
    (POUNDS, f"{POUNDS}\ncalendar = {{ periods = [{PERIOD.format('01', '01-01', '01-25')}, {PERIOD.format('02', '01-27', '02-28')}] }}",
     "no period holds the days from 2026-01-26", "2026-01-27"),
    (POUNDS, POUNDS + '\nclosed_periods = ["2026-13"]', "'2026-13' is no period like 2026-01", "2026-13"),
    (POUNDS, POUNDS + '\nclosed_periods = ["2025-12"]\ncalendar = { weeks = "4-4-5", begins = 2026-02-01, years = 1 }',
     "'2025-12' is no period of its calendar", "2025-12"),
    (POUNDS, POUNDS + "\ncut_offs = { 2026-13 = 2026-12-30T18:00:00 }", "'2026-13' is no period of its calendar", "2026-13"),
    (POUNDS, POUNDS + "\ncut_offs = { 2026-12 = 2026-12-30T18:00:00Z }", "by the legal entity's own clock", "2026-12"),
    (POUNDS, POUNDS + "\ncut_offs = { 2026-12 = 2026-11-30T18:00:00 }", "2026-12 is 2026-12-01 to 2026-12-31, and", "2026-12"),
    ('sku = "return.lines[].sku"', 'sku = "return.sku"', "must stand in a list", '"return.sku"'),
    ('row = "Root.Data"', 'row = "Root[].Data"', "is no path", "Root[].Data"),
    ('row = "Root.Data"', 'trailer = { mark = "END" }', "which cell of the trailer", "trailer = "),
    ('row = "Root.Data"', 'trailer = { mark = "END", rows = 1, total = 2 }', "one needs the other", "trailer = "),
    ("[tolerances]", FOLDER.replace('"hub"', '"Hub!"') + "[tolerances]", "small letters", '"Hub!"'),
    ("[tolerances]", FOLDER + 'done = "../done"\n[tolerances]', "must be a folder below path", "../done"),
    ("[tolerances]", FOLDER + 'bad = "done"\n[tolerances]', "different folders", 'bad = "done"'),
    ("[tolerances]", FOLDER + 'ready = "done"\n[tolerances]', "must hold {name} or {stem} once", 'ready = "done"'),
    ("[tolerances]", FOLDER + 'format = "xls"\n[tolerances]', "no form of files", 'format = "xls"'),
    ("[tolerances]", FOLDER + 'settle = "soon"\n[tolerances]', "no duration", 'settle = "soon"'),
    ("[tolerances]", FOLDER + 'source = "other"\n[tolerances]', "say which source", 'source = "other"'),
    ("[tolerances]", SERVER.replace("ssh-ed25519 AAAA", "ssh-dss AAAA"), "is no host key", "ssh-dss"),
    ("[tolerances]", SERVER.replace("env:BACKHAUL_SFTP_P", "hunter2"), "by reference", "hunter2"),
    ("[tolerances]", SERVER.replace("env:BACKHAUL_SFTP_P", "env:BACKHAUL_SFTP_Q"), "missing or empty", "BACKHAUL_SFTP_Q"),
    ("[tolerances]", SERVER.replace("port = 2222", 'port = "high"'), "no number", '"high"'),
    ("[tolerances]", "[limits]\nday = -1\n[tolerances]", "a limit is an amount, not -1", "day = -1"),
    ("[tolerances]", "[limits]\ncustomer_day = nan\n[tolerances]", "a limit is an amount, not", "customer_day = nan"),
    ("[tolerances]", "[limits]\ncustomer_day = 9\nday = 8\n[tolerances]", "and all of a day to 8 already", "customer_day = 9"),
    ("[tolerances]", '[limits]\nday = "much"\n[tolerances]', "limits.day", '"much"'),
    ("[tolerances]", "[limits]\nweek = 5\n[tolerances]", "unknown field `week`", "week = 5"),
    ("[tolerances]", '[[routing]]\nteam = "t"\nlegal_entities = "fr01"\n[tolerances]', "no legal entity 'fr01'", 'legal_entities = "fr01"'),
    ("[tolerances]", '[[escalation]]\nteam = "lead"\nlate = "soon"\n[tolerances]', "no duration", 'late = "soon"'),
    ("[tolerances]", '[[escalation]]\nteam = "lead"\nkinds = "LATE"\n[tolerances]', "no kind of exception 'LATE'", 'kinds = "LATE"'),
    ("[tolerances]", '[[escalation]]\nteam = " "\n[tolerances]', "the team has no name", "[[escalation]]"),
    ('NOT_A_CUSTOMER_RETURN = "finance"', 'NO_SUCH_KIND = "finance"', "no kind of exception", "NO_SUCH_KIND"),
    ('tenant = "online-retail"', "tenant = ", "no valid TOML", "tenant = "),
])
def test_a_bad_profile_is_refused_with_file_line_and_reason(tmp_path: Path, old: str, new: str, reason: str, at: str) -> None:
    path = changed(tmp_path, old, new)

    said = refusal(path)

    assert reason in said
    assert said.startswith(f"{path}:")
    number = int(said.removeprefix(f"{path}:").split(":")[0])
    expected = line_of(path, at)
    if at.startswith("disposition"):
        assert number == expected - 3  # the row begins at its [[mapping]]
    else:
        assert number == expected


def test_increments_without_an_event_id_are_refused_because_two_equal_ones_could_not_be_told_apart(tmp_path: Path) -> None:
    path = changed(tmp_path, 'quantities = "cumulative"', 'quantities = "increment"')
    assert load_profile(path, ENVIRON).wire.quantities.value == "increment"

    path.write_text(path.read_text(encoding="utf-8").replace('event_id = "eventId"\n', ""), encoding="utf-8")

    assert "two equal increments could not be told apart" in refusal(path)


def test_several_flaws_are_told_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, 'lead = "1d"', 'lead = "soon"')
    path.write_text(path.read_text(encoding="utf-8").replace("cap = 300", "cap = 0"), encoding="utf-8")

    assert len(refusal(path).splitlines()) == 2


def test_a_missing_secret_stops_the_start_but_not_an_offline_check() -> None:
    with pytest.raises(Misconfigured, match="BACKHAUL_ZIGZAG_SECRET is missing or empty"):
        load_profile(PROFILE, {})

    assert load_profile(PROFILE, {}, offline=True).tenant == "online-retail"


def test_a_secret_is_told_only_to_who_asks_by_name(tmp_path: Path) -> None:
    secret = Secret("env:S", {"S": "hunter2"})
    profile = load_profile(PROFILE, ENVIRON)

    assert secret.reveal() == "hunter2"
    assert "hunter2" not in f"{secret!r} {secret} {[secret]}"
    assert "s3cret" not in repr(profile)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})
    with pytest.raises(TypeError):
        msgspec.json.encode({"secret": secret})
    assert repr({"x": Hidden("hunter2")}) == "{'x': '***'}"
    with pytest.raises(Misconfigured) as refused:
        Secret("hunter2")
    assert "hunter2" not in str(refused.value)
    (tmp_path / "s").write_text("from a file\n", encoding="utf-8")
    assert Secret(f"file:{tmp_path / 's'}").reveal() == "from a file"


def test_a_setting_nobody_knows_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(Misconfigured, match="BACKHAUL_DATABSE_URL; did you mean BACKHAUL_DATABASE_URL"):
        Settings.from_env({"BACKHAUL_DATABSE_URL": "sqlite:///x"})
    with pytest.raises(Misconfigured, match="BACKHAUL_PORT is 'http'"):
        Settings.from_env({"BACKHAUL_PORT": "http"})


def test_settings_have_defaults_and_hide_the_database_password() -> None:
    settings = Settings.from_env({"PATH": "/bin"})
    assert (settings.host, settings.port, settings.database_url) == ("127.0.0.1", 8080, "sqlite:///var/backhaul.sqlite")
    assert settings.engine_url == "sqlite:///var/engine.sqlite"

    told = Settings.from_env({"BACKHAUL_DATABASE_URL": "env:BACKHAUL_SECRET_DB", "BACKHAUL_SECRET_DB": "postgresql://u:hunter2@h/d"})

    assert told.database_url.endswith("hunter2@h/d")
    assert "hunter2" not in repr(told)


def test_the_schema_of_a_profile_names_every_table() -> None:
    schema = profile_schema()

    assert {"payload", "mapping", "sellable", "legal_entities", "source"} <= set(schema["$defs"]["ProfileFile"]["properties"])
