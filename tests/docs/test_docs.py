"""Does the documentation tell the truth?

What the code offers has an entry in the reference, what the docs show exists, links lead somewhere, and
no file tells of the machine it was written on.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import grimp
import msgspec
import pytest
import typer.main
from typer.testing import CliRunner

from backhaul.application.payments import PAYOUTS
from backhaul.application.ports import PostingState
from backhaul.application.reconcile import ACCEPTED, HELD, RECORDS
from backhaul.config import REFERRED, SETTINGS, check_profile
from backhaul.domain.access import RIGHTS, Role
from backhaul.domain.correction import CORRECTIONS
from backhaul.domain.delivery import DeliveryState
from backhaul.domain.discrepancy import CLASSES, Level
from backhaul.domain.exception_case import KINDS, Severity
from backhaul.domain.facts import Stage
from backhaul.domain.lifecycle import MOVES, ReturnState
from backhaul.domain.placement import Where
from backhaul.domain.posting import Nature
from backhaul.domain.proposal import PROPOSALS
from backhaul.domain.team import Team
from backhaul.domain.touched import MEANWHILE, Touched
from backhaul.entrypoints.api import reading, surveying, working
from backhaul.entrypoints.cli import app
from backhaul.profile_tables import ProfileFile

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
REFERENCE: Final = DOCS / "reference"
PAGES: Final = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
WHERE_TABLES_STAND: Final[Mapping[str, str]] = {
    "ProfileFile": "The file", "SourceTable": "source", "SignalTable": "signal", "Payload": "payload", "Fields": "payload.fields",
    "LookupTable": "platform.lookups", "PlatformTable": "platform", "SweepTable": "sweep", "PushTable": "push",
    "StatementsTable": "statements", "AvailabilityTable": "availability",
    "Layout": "files", "Trailer": "files", "FolderTable": "folders", "SftpTable": "folders",
    "EventRule": "payload.events", "Words": "payload.dispositions, payload.conditions, payload.reasons",
    "EntityTable": "legal_entities", "CalendarTable": "calendar", "PeriodTable": "calendar",
    "SellableTable": "sellable", "PlaceTable": "sellable", "MappingTable": "mapping",
    "FeeTable": "fees", "HistoryTable": "history", "SurplusTable": "surplus", "TriggersTable": "triggers", "WindowTable": "window",
    "WindowsTable": "windows",
    "TolerancesTable": "tolerances, in one table", "ToleranceTable": "tolerances",
    "LimitsTable": "limits", "RoutingTable": "routing", "EscalationTable": "escalation",
    "DeadlinesTable": "deadlines", "OriginalsTable": "originals",
    "TaxRateTable": "tax_rates", "KitTable": "kits", "ComponentTable": "kits",
    "PayoutsTable": "payouts", "ClockTable": "payouts", "Columns": "payouts", "Api": "payouts", "AccountsTable": "accounts",
    "ValuationTable": "valuation", "RetentionTable": "retention",
}
"""Under which heading of the profile's reference each table of the file has its keys."""


# --- reading pages ------------------------------------------------------------------------------------


def sections(page: Path) -> dict[str, str]:
    """Give the text under each heading, without what stands under the next; fenced blocks hold no headings."""
    found: dict[str, list[str]] = {}
    heading, fenced = "", False
    for line in page.read_text(encoding="utf-8").splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and (told := re.match(r"#{1,6} (.+)", line)):
            heading = told[1].strip()
        found.setdefault(heading, []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def rows(text: str) -> dict[str, str]:
    """Give the rows of the tables in a text by what stands in their first cell, less its marks."""
    cells = (line.strip().strip("|").split("|", 1) for line in text.splitlines() if line.startswith("|"))
    return {cell[0].strip().strip("`"): cell[1] for cell in cells if len(cell) > 1}


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page, made of its headings the way MkDocs makes them."""
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in sections(page))
    return {re.sub(r"[-\s]+", "-", text) for text in plain}


def links(page: Path) -> Iterator[str]:
    """Give the links of a page that lead into this repository."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from (target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target)


def console_commands() -> Iterator[tuple[Path, str]]:
    """Give every command shown in a console block, lines that go on joined."""
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("$ "):
                    yield page, line[2:]


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command that does something, with the words that lead to it."""
    inner = getattr(command, "commands", None)
    if inner is None or command.invoke_without_command:
        yield path, command
    for name, each in (inner or {}).items():
        yield from leaves(each, (*path, name))


COMMANDS: Final = dict(leaves(typer.main.get_command(app)))


# --- what the code offers has an entry ------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_heading_and_its_default_in_the_reference(name: str) -> None:
    page = REFERENCE / "settings.md"

    text = page.read_text(encoding="utf-8")

    assert name in sections(page)
    row = next(line for line in text.splitlines() if line.startswith(f"| [`{name}`]"))
    assert f"`{SETTINGS[name]}`" in row or (not SETTINGS[name] and "nothing" in row)


def test_every_prefix_for_references_is_in_the_reference() -> None:
    assert set(rows(sections(REFERENCE / "settings.md")["Secrets and addresses for profiles"])) >= set(REFERRED)


def test_the_page_of_corrections_names_every_value_with_its_right() -> None:
    told = rows(sections(REFERENCE / "corrections.md")["What can be corrected"])

    named = {what: cells for first, cells in told.items() for what in re.findall(r"[a-z-]+", first) if "Value" not in first}

    assert {what: cells.split("|")[0].strip(" `") for what, cells in named.items() if what.strip("-")} == {
        what.value: rule.right.value for what, rule in CORRECTIONS.items()}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_is_in_the_reference(path: tuple[str, ...]) -> None:
    told = sections(REFERENCE / "cli.md")

    section = told[f"backhaul {' '.join(path)}"] + told["Command line"]

    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "option":
            assert not [name for name in (*parameter.opts, *parameter.secondary_opts) if f"`{name}`" not in section]
        else:
            assert f"`{parameter.metavar or parameter.name.upper()}`" in section


def test_the_reference_names_no_command_that_does_not_exist() -> None:
    told = {heading for heading in sections(REFERENCE / "cli.md") if heading.startswith("backhaul ")}

    assert told == {f"backhaul {' '.join(path)}" for path in COMMANDS}


@pytest.mark.parametrize(("heading", "words"), [
    ("Return states", ReturnState), ("Stages of the goods", Stage), ("Posting states", PostingState),
    ("Delivery states", DeliveryState), ("Places", Where), ("Natures of a document", Nature),
])
def test_every_state_is_in_the_reference_and_no_other(heading: str, words: Any) -> None:
    section = sections(REFERENCE / "states.md")[heading]

    named = {name for name in rows(section) if f"| `{name}` |" in section}

    assert named == {word.value for word in words}


def test_the_page_of_rights_says_what_the_table_says() -> None:
    page = sections(REFERENCE / "access.md")

    told = {name: set(re.findall(r"`([a-z]+)`", row)) for name, row in rows(page["Actions"]).items() if name[0].islower()}

    for action, roles in RIGHTS.items():
        but = set(Role) - roles if len(roles) == len(Role) - 1 else set()
        assert told[action.value] == {role.value for role in but or (roles if len(roles) < len(Role) else ())}
    assert len(told) == len(RIGHTS)
    assert {role.value for role in Role} < set(rows(page["Roles"]))


def test_the_page_of_approvals_says_what_the_table_says() -> None:
    told = rows(sections(REFERENCE / "approvals.md")["What can be proposed"])

    for kind, rule in PROPOSALS.items():
        cells = [cell.strip().strip("`") for cell in told[kind.value].strip().strip("|").split("|")]
        proposes, lasts = rule.proposes.value if rule.proposes else "nobody", f"{rule.lasts.days} day{'s' * (rule.lasts.days > 1)}"
        assert cells == [rule.means, proposes, rule.approves.value, lasts]
    assert len([name for name in told if name.islower()]) == len(PROPOSALS)


def test_the_page_of_the_api_names_every_route_with_its_right() -> None:
    section = sections(REFERENCE / "api.md")["Routes"]
    lines = [line for line in section.splitlines() if line.startswith(("| GET", "| POST"))]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]

    told = {(method, path, right) for method, path, right, _ in cells}

    assert told == {(method, path.removeprefix("/{tenant:str}").replace(":int", ""), handler.opt["action"].value)
                    for handler in (*reading.ROUTES, *surveying.ROUTES, *working.ROUTES)
                    for path in handler.paths for method in handler.http_methods}


@pytest.mark.parametrize("state", ReturnState)
def test_the_moves_of_a_return_are_those_of_the_table(state: ReturnState) -> None:
    row = rows(sections(REFERENCE / "states.md")["Return states"])[state.value]

    moves = {word.strip() for word in row.rstrip("| ").rpartition("|")[2].split(",")}

    assert moves == {target.value for target in MOVES[state]}


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_of_exception_says_what_it_means_whose_it_is_and_what_now(code: str) -> None:
    kind = KINDS[code]

    section = sections(REFERENCE / "exceptions.md")[code]

    days = f"{kind.due.days} day{'' if kind.due.days == 1 else 's'}"
    waivable = "yes, with a second person" if kind.waivable else "no"
    assert kind.means in section
    assert kind.now in section
    assert f"| {kind.owner.value} | {days} | {kind.severity.value} | {kind.touches.value} | {waivable} |" in section


def test_the_reference_names_no_kind_of_exception_that_does_not_exist() -> None:
    told = {heading for heading in sections(REFERENCE / "exceptions.md") if re.fullmatch(r"[A-Z_]+", heading)}

    assert told == set(KINDS)


@pytest.mark.parametrize("touched", Touched)
def test_what_a_kind_touches_is_said_with_the_sentence_for_each_team(touched: Touched) -> None:
    told = rows(sections(REFERENCE / "exceptions.md")["What it touches"])[touched.value]

    assert all(sentence in told for sentence in MEANWHILE[touched].values())


def test_every_severity_and_team_is_explained() -> None:
    severities = rows(sections(REFERENCE / "exceptions.md")["Exceptions"])
    teams = rows(sections(DOCS / "how-to" / "operate-exceptions.md")["Which team does what"])

    assert set(severities) >= {severity.value for severity in Severity}
    assert set(teams) >= {team.value.replace("-", " ") for team in Team}


def structs(told: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StructType]:
    """Give every table that can stand in a file of this type."""
    if isinstance(told, msgspec.inspect.StructType):
        yield told
        for field in told.fields:
            yield from structs(field.type)
    for name in ("types", "item_types"):
        for inner in getattr(told, name, ()):
            yield from structs(inner)
    for name in ("item_type", "value_type"):
        if (one := getattr(told, name, None)) is not None:
            yield from structs(one)


TABLES: Final = {table.cls.__name__: table for table in structs(msgspec.inspect.type_info(ProfileFile))}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_a_profile_is_in_the_reference_with_its_default(name: str) -> None:
    section = rows(sections(REFERENCE / "profile.md")[WHERE_TABLES_STAND[name]])

    for field in TABLES[name].fields:
        row = section[field.encode_name]
        assert not field.required or "needed" in row
        if isinstance(field.default, str) and field.default:
            assert f"`{json.dumps(str(field.default))}`" in row


def test_the_reference_names_no_key_of_a_profile_that_does_not_exist() -> None:
    page = sections(REFERENCE / "profile.md")
    known = {heading: {field.encode_name for name, table in TABLES.items() if WHERE_TABLES_STAND[name] == heading for field in table.fields}
             for heading in WHERE_TABLES_STAND.values()}

    strange = {f"{heading}.{key}" for heading in known for key in rows(page[heading])
               if re.fullmatch(r"[a-z_]+", key) and f"| `{key}` |" in page[heading] and key not in known[heading]}

    assert not strange


def test_the_smallest_profile_of_the_reference_works_on_its_own_sample(tmp_path: Path) -> None:
    section = sections(REFERENCE / "profile.md")["The smallest profile that works"]
    profile, sample = tmp_path / "smallest.toml", tmp_path / "sample.json"
    profile.write_text(re.findall(r"```toml\n(.*?)```", section, flags=re.DOTALL)[0], encoding="utf-8")
    sample.write_text(re.findall(r"messages like `(.*?)`:", section, flags=re.DOTALL)[0].replace("\n", " "), encoding="utf-8")

    lines = check_profile(profile, sample)["lines"]

    told = " ".join(line["becomes"] for line in lines)
    assert "restocked" in told
    assert "nobody" not in told


def test_every_option_of_finance_and_scm_is_in_its_reference() -> None:
    section = rows(sections(REFERENCE / "erp-finance-scm.md")["Options"])

    for name in ("erp.py", "wire.py"):
        source = (ROOT / "src/backhaul/adapters/finance_scm" / name).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:told|secrets)(?:\.get\(|\[)\"([a-z_]+)\"", source)) <= set(section)


def test_every_option_of_business_central_is_in_its_reference() -> None:
    section = rows(sections(REFERENCE / "erp-business-central.md")["Options"])

    for name in ("erp.py", "wire.py"):
        source = (ROOT / "src/backhaul/adapters/business_central" / name).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:told|secrets)(?:\.get\(|\[)\"([a-z_]+)\"", source))
        named |= set(re.findall(r"_(?:choice|words|limit)\(told, \"([a-z_]+)\"", source))
        assert named <= set(section)


def targets() -> set[str]:
    """Give what the Makefile offers."""
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_make_target_is_in_the_reference() -> None:
    assert set(rows(sections(REFERENCE / "cli.md")["Make targets"])) - {"Target"} - {"---"} == {f"make {name}" for name in targets()}


# --- what the docs show exists ----------------------------------------------------------------------------


SHOWN: Final = sorted({(str(page.relative_to(ROOT)), line) for page, line in console_commands()})


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=lambda told: str(told)[:60])
def test_every_command_shown_exists_with_its_options(page: str, line: str) -> None:
    del page
    words = shlex.split(re.split(r" [>|] ", line)[0])
    name = Path(words[0]).name

    if name == "make":
        assert {word for word in words[1:] if "=" not in word} <= targets()
    if name != "backhaul":
        return

    path = next(path for path in sorted(COMMANDS, key=len, reverse=True) if tuple(words[1:1 + len(path)]) == path)
    known = {opt for parameter in COMMANDS[path].params for opt in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known
    assert CliRunner().invoke(app, [*path, "--help"]).exit_code == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_built_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"

    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)],
                          cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//", text), page
        assert not re.search(r"<link[^>]+href=\"(?:https?:)?//", text), page


# --- what no file may say -----------------------------------------------------------------------------------


def tracked() -> list[Path]:
    """Give the files of the repository: those git knows, and new ones it does not ignore."""
    told = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip("this is no checkout of git")
    return [path for name in told.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_tells_of_a_registry_a_machine_or_unfinished_work() -> None:
    # Written in two halves, so that this file does not find itself.
    registries = [first + rest for first, rest in (
        ("py", "pi.org"), ("python", "hosted.org"), ("npm", "js.org"), ("proxy.go", "lang.org"), ("crates", ".io"), ("ana", "conda.org"))]
    machines = [r"(?<![\w.>)}\]/])/" + name + "/" for name in ("work", "root", "home")]
    unfinished = [rf"\b{first}{second}\b" for first, second in (("TO", "DO"), ("FIX", "ME"))]
    wrong = re.compile("|".join([*map(re.escape, registries), *machines, *unfinished]))

    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {told[0]}" for told in wrong.finditer(text)]

    assert not found


def test_an_emulator_imports_nothing_of_ours_but_the_shared_server_half() -> None:
    graph = grimp.build_graph("backhaul", cache_dir=None)

    for emulator in (f"backhaul.adapters.{system}.emulator" for system in ("zigzag", "finance_scm", "business_central", "payments")):
        mine = {emulator, *graph.find_descendants(emulator)}
        others = set[str]().union(*(graph.find_modules_directly_imported_by(module) for module in mine)) - mine
        assert others <= {"backhaul.adapters.odata_server", "backhaul.adapters.loopback"}


def test_every_class_of_discrepancy_is_in_the_reference_with_its_owner_and_no_other() -> None:
    told = (REFERENCE / "reconciliation.md").read_text(encoding="utf-8").partition("## Classes")[2].partition("## How")[0]

    assert re.findall(r"^\| `([A-Z_]+)` \| ([a-z-]+) \| (.*) \|$", told, re.MULTILINE) == [
        (name, each.owner.value, each.means) for level in Level for name, each in CLASSES.items() if each.level is level]


@pytest.mark.parametrize(("heading", "columns"), [
    ("What was accepted", ACCEPTED), ("What the ERP shows", RECORDS), ("What is believed here", HELD), ("What was paid", PAYOUTS)])
def test_every_column_of_an_extract_is_in_the_reference(heading: str, columns: Mapping[str, str]) -> None:
    told = sections(REFERENCE / "reconciliation.md")[heading]

    assert not [name for name in columns if f"`{name}`" not in told]
