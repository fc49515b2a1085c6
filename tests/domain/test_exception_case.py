"""Exceptions: every trouble has a name, an owner, a clock and a way out."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import backhaul
from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.exception_case import KINDS, ExceptionCase, Finding, Severity
from backhaul.domain.money import Money
from backhaul.domain.remedy import REMEDIES
from backhaul.domain.team import Team
from backhaul.domain.validation import CODES
from backhaul.testing.builders import NOON

SOURCE = Path(backhaul.__file__).parent
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")
SPEAKERS = {"Finding", "finding", "raise_", "_word", "Unclear", "_unreadable"}
LISTS = {"FROM_POSTING", "REFUSED", "CODES"}


def modules() -> Iterator[ast.Module]:
    for file in sorted(SOURCE.rglob("*.py")):
        if "emulator" not in file.parts and file.name != "exception_case.py":
            yield ast.parse(file.read_text(encoding="utf-8"))


def texts(node: ast.AST) -> Iterator[str]:
    inside = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    yield from (text for text in inside if len(text) > 3 and CODE.fullmatch(text))


def spoken(module: ast.Module) -> Iterator[str]:
    """Give the codes a module makes findings of, or lists as such."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SPEAKERS:
                yield from (text for part in (*node.args, *(word.value for word in node.keywords if word.arg == "code"))
                            if not isinstance(part, ast.JoinedStr) for text in texts(part))
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if {getattr(target, "id", "") for target in targets} & LISTS:
                yield from texts(node.value)


def test_every_code_spoken_anywhere_is_in_the_catalogue() -> None:
    used = {code for module in modules() for code in spoken(module)}

    assert len(used) > 20
    assert used <= set(KINDS)


def test_every_kind_in_the_catalogue_is_spoken_somewhere() -> None:
    used = {code for module in modules() for code in texts(module)} | {f"PROOF_{code}" for code in CLASSES}

    assert set(KINDS) - used == set()
    assert set(REMEDIES) == set(CLASSES)


def test_the_judges_list_names_what_its_checks_can_find_and_nothing_else() -> None:
    tree = ast.parse((SOURCE / "domain" / "validation.py").read_text(encoding="utf-8"))
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef)]

    assert {code for check in checks for node in ast.walk(check) if isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") == "finding" for code in texts(node.args[0])} == CODES


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_row_is_complete(code: str) -> None:
    kind = KINDS[code]

    assert isinstance(kind.owner, Team)
    assert isinstance(kind.severity, Severity)
    assert timedelta(0) < kind.due <= timedelta(days=30 if code == "BEFORE_GO_LIVE" else 7)
    for sentence in (kind.means, kind.now):
        assert sentence.endswith(".")
        assert sentence[0].isupper()
        assert len(sentence) > 15


def test_only_matters_of_judgement_can_be_waived() -> None:
    assert {code for code, kind in KINDS.items() if kind.waivable} == {
        "QUANTITY_ABOVE_SOLD", "PRICE_ABOVE_SOLD", "VALUE_ABOVE_SOLD", "SPANS_SALE_LINES", "HISTORY_ALLOWANCE", "TAX_DIFFERS", "SURPLUS",
        "POSSIBLY_SAME_GOODS", "CREDIT_ABOVE_LIMIT", "BATCH_SENT_BACK",
        "PERIOD_MISSED", "BLIND", "REGRADED", "HUB_STOCK_OVERDUE", "ACCOUNT_DIFFERS", "COST_DIFFERS", "COST_NOT_FINAL",
        "WRONG_ITEM_OTHER_LINE", "WRONG_ITEM_OTHER_PRODUCT", "WRONG_ITEM_FOREIGN", "WRONG_ITEM_EMPTY"}
    assert all(kind.severity is not Severity.STOP for kind in KINDS.values() if kind.waivable)


def test_trouble_nobody_owns_cannot_be_raised() -> None:
    with pytest.raises(KeyError, match="no exception kind 'ODD'"):
        Finding(code="ODD", sentence="Something is odd.")


def about(*codes: str, teams: dict[str, str] | None = None) -> ExceptionCase:
    return ExceptionCase.about(
        tenant="shop", return_ref="R1", line_id="MUG#1", findings=[Finding(code=code, sentence=f"{code}.") for code in codes],
        money=Money(amount=Decimal(-10), currency="GBP"), now=NOON, teams=teams or {})


def test_the_first_finding_gives_kind_owner_and_clock() -> None:
    case = about("ORDER_MISSING", "SKU_UNKNOWN")

    assert (case.kind, case.owner, case.severity) == ("ORDER_MISSING", "customer-service", Severity.HOLD)
    assert case.due_at == NOON + timedelta(days=3)
    assert [finding.code for finding in case.findings] == ["ORDER_MISSING", "SKU_UNKNOWN"]


def test_a_loud_finding_is_never_hidden_behind_a_quiet_one() -> None:
    case = about("ORDER_MISSING", "DUPLICATE")

    assert (case.kind, case.owner, case.severity) == ("DUPLICATE", "finance", Severity.STOP)


def test_the_profile_may_name_another_team() -> None:
    assert about("SKU_UNKNOWN", teams={"SKU_UNKNOWN": "merchandising"}).owner == "merchandising"


def test_every_kind_but_a_note_waits_for_a_person() -> None:
    assert {code for code in KINDS if not Finding(code=code, sentence="It is so.").blocks} == {
        "SURPLUS", "BLIND", "REGRADED", "HUB_STOCK_OVERDUE", "ACCOUNT_DIFFERS", "COST_DIFFERS", "COST_NOT_FINAL", "SIGNATURE_FELL"}
    assert [about(*codes).holds for codes in (["SURPLUS"], ["SURPLUS", "SKU_UNKNOWN"])] == [False, True]
