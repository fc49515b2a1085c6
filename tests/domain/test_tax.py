"""Which VAT belongs to a credit?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backhaul.domain.posting import CreditNote, PostingKind
from backhaul.domain.tax import TaxSpan, TaxTable, posted_differences, tax_of
from backhaul.domain.validation import Item, Matter, validate
from backhaul.testing.builders import accepted, arrived, case_of, item, line, master, matter, of_kind, plan, recorded, rules, sale

OLD, NEW = Decimal("17.5"), Decimal(20)
CHANGE = date(2011, 1, 4)
TABLE = TaxTable(
    groups={"UK20": frozenset({"STD", "ECO"}), "EXPORT": frozenset({"ZERO"})},
    items={"FULL": frozenset({"STD", "ZERO"}), "GREEN": frozenset({"ECO"}), "SVC": frozenset({"STD"})},
    values={"STD": (TaxSpan(percent=OLD, last=date(2011, 1, 3)), TaxSpan(percent=NEW, first=CHANGE)),
            "ZERO": (TaxSpan(percent=Decimal(0)),), "ECO": (TaxSpan(percent=NEW, first=CHANGE),)})


@pytest.mark.parametrize(("group", "item_group", "day", "rate"), [
    ("UK20", "FULL", date(2011, 1, 3), OLD), ("UK20", "FULL", CHANGE, NEW), ("EXPORT", "FULL", CHANGE, 0), ("UK20", "NONE", CHANGE, 0),
    ("", "", CHANGE, 0), ("UK20", "GREEN", date(2011, 1, 3), None)])
def test_a_rate_is_that_of_the_codes_both_groups_share_on_the_day(group: str, item_group: str, day: date, rate: Any) -> None:
    assert TABLE.rate(group, item_group, day) == rate


@pytest.mark.parametrize(("currency", "tax"), [("GBP", "1.74"), ("JPY", "2"), ("KWD", "1.741")])
def test_tax_is_rounded_per_line_to_the_currencys_minor_unit(currency: str, tax: str) -> None:
    assert tax_of(Decimal("9.95"), OLD, currency) == Decimal(tax)


def judged(sold_on: date | None, posted_on: date | None, table: TaxTable = TABLE, *, of_profile: bool = False,
           items: tuple[Item, ...] = (item(),), **more: Any) -> Matter:
    erp = master(items=items, sales=[sale(sold_on=sold_on)], taxes=TaxTable() if of_profile else table)
    decided = rules(taxes={"gb01": table} if of_profile else {})
    return matter(case_of(*arrived(line(**more), grades=[accepted()])), erp=erp, decided=decided, posted_on=posted_on)


@pytest.mark.parametrize("of_profile", [False, True])
def test_a_rate_that_changed_is_found_by_the_erps_rates_and_by_the_profiles(of_profile: bool) -> None:  # noqa: FBT001
    before, after = date(2010, 12, 1), date(2011, 2, 1)

    assert [found.code for found in validate(judged(before, after, of_profile=of_profile))] == ["TAX_DIFFERS"]
    assert validate(judged(after, after, of_profile=of_profile)) == ()
    assert judged(before, after, of_profile=of_profile).rate == OLD


def test_what_nobody_told_is_unknown_and_a_known_table_without_the_day_is_reviewed() -> None:
    nothing = judged(date(2010, 12, 1), date(2011, 2, 1), TaxTable())
    undated = judged(None, date(2011, 2, 1))
    hole = TaxTable(groups=TABLE.groups, items=TABLE.items, values={"STD": (TaxSpan(percent=NEW, first=CHANGE),), "ZERO": ()})

    assert (nothing.rate, validate(nothing)) == (None, ())
    assert (undated.rate, validate(undated)) == (None, ())
    (found,) = validate(judged(date(2010, 12, 1), date(2011, 2, 1), hole))
    assert (found.code, "at a rate nobody told" in found.sentence) == ("TAX_DIFFERS", True)


def test_a_fee_is_taxed_by_the_group_of_its_own_service_item() -> None:
    case = case_of(*arrived(line("POST", 1, "5.00", order=None), grades=[]))
    services = (item(), item("SVC-CARRIAGE", service=True, tax_group="GREEN"))
    fee = matter(case, erp=master(items=services, taxes=TABLE), posted_on=CHANGE)

    assert fee.rate == NEW
    assert matter(case, erp=master(items=services, taxes=TABLE), posted_on=date(2010, 12, 1)).rate is None


@pytest.mark.parametrize(("tax", "codes"), [("-1.99", []), ("-1.98", ["TAX_DIFFERS"]), (None, [])])
def test_a_posted_credit_taxed_otherwise_than_its_sale_is_reviewed(tax: str | None, codes: list[str]) -> None:
    (note,) = of_kind(plan(case_of(*arrived(grades=[accepted()]))).postings, PostingKind.CREDIT_NOTE)
    assert isinstance(note.document, CreditNote)
    taxed = replace(note, document=replace(note.document, tax_rate=NEW, tax=Decimal("2.00")))

    found = posted_differences([(taxed, recorded(taxed, tax=None if tax is None else Decimal(tax)))], Decimal("0.01"))

    assert [finding.code for finding in found] == codes
