"""The profile's lists and the ERP's, letter by letter, in both directions."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from backhaul.domain.comparison import MOST, Compared, Listed, Standing, compare, service_items
from backhaul.domain.disposition import Place
from backhaul.domain.rules import FeeRule, Surplus
from backhaul.domain.tax import TaxSpan, TaxTable
from backhaul.domain.validation import Customer, Item, ItemState, MasterData
from backhaul.testing import builders

GB = replace(builders.entity(), warehouses={"GB-DC-01": "DC1"}, return_reason="ZZ", no_customer_account="WALKIN")
RULES = replace(builders.rules(), entities=(GB,), surplus={}, debit_item="SVC-DEBIT", fees={
    "POST": FeeRule(service_item="SVC-POST"), "CARD": FeeRule(service_item="SVC-CARD"), "BANK": FeeRule(customer_return=False)})


def told(master: MasterData, seen: frozenset[str] = frozenset(), rules: object = RULES) -> dict[tuple[str, str], Compared]:
    return {(each.listed.value, each.code): each for each in compare(rules, GB, master, seen)}  # type: ignore[arg-type]  # rules of a test


def test_what_the_profile_names_and_the_erp_lacks_is_missing_with_what_looks_like_it() -> None:
    found = told(MasterData(warehouses=frozenset({"dc 1", "OTHER"}), reason_codes=frozenset({"ZZ", "AA"})))

    assert (found["warehouse", "DC1"].standing, found["warehouse", "DC1"].alike) == (Standing.MISSING, ("dc 1",))
    assert found["warehouse", "OTHER"].standing is Standing.UNNAMED
    assert (found["return reason", "ZZ"].standing, found["return reason", "AA"].standing) == (Standing.BOTH, Standing.UNNAMED)


def test_a_list_the_erp_does_not_tell_accuses_nobody() -> None:
    assert {each.listed for each in compare(RULES, GB, MasterData(), frozenset())} == {
        Listed.SERVICE_ITEM, Listed.CUSTOMER, Listed.PLATFORM_WAREHOUSE}


def test_places_are_compared_where_the_profile_has_any_and_no_more_than_somebody_reads_are_shown() -> None:
    shelf = Place(warehouse="DC1", location="BIN-1")
    rules = replace(RULES, mapping=(), surplus={("gb01", "GB-DC-01"): Surplus(place=shelf), ("de01", "X"): Surplus(
        place=Place(warehouse="DE", location="B"))})
    bins = frozenset(Place(warehouse="DC1", location=f"S-{number:04d}") for number in range(MOST + 50))

    found = told(MasterData(warehouses=frozenset({"DC1"}), places=bins | {Place(warehouse="FAR", location="S-1")}), rules=rules)

    assert found["place", "DC1 / BIN-1"].standing is Standing.MISSING
    assert sum(each.listed is Listed.PLACE and each.standing is Standing.UNNAMED for each in found.values()) == MOST
    assert ("place", "FAR / S-1") not in found
    assert ("warehouse", "DE") not in found


def test_records_that_cannot_be_used_say_why() -> None:
    items = {"SVC-POST": Item(number="SVC-POST", service=True), "svc-card": Item(number="svc-card", service=True),
             "SVC-DEBIT": Item(number="SVC-DEBIT", service=True, state=ItemState.BLOCKED)}

    found = told(MasterData(items=items, customers={"WALKIN": Customer(account="WALKIN", on_hold=True)}))
    fine = told(MasterData(items={"SVC-POST": Item(number="SVC-POST")}, customers={"WALKIN": Customer(account="WALKIN")}))

    assert service_items(RULES) == {"SVC-POST", "SVC-CARD", "SVC-DEBIT"}
    assert found["service item", "SVC-POST"].standing is Standing.BOTH
    assert (found["service item", "SVC-CARD"].standing, found["service item", "SVC-CARD"].alike) == (Standing.MISSING, ("svc-card",))
    assert (found["service item", "SVC-DEBIT"].standing, found["service item", "SVC-DEBIT"].says) == (Standing.STOPPED, "blocked")
    assert (found["customer account", "WALKIN"].standing, found["customer account", "WALKIN"].says) == (Standing.STOPPED, "on hold")
    assert (fine["service item", "SVC-POST"].says, fine["customer account", "WALKIN"].standing) == ("no service item", Standing.BOTH)


def test_warehouses_the_platform_used_and_the_profile_does_not_know_are_missing_and_unused_ones_unnamed() -> None:
    found = told(MasterData(), frozenset({"gb-dc-01", "GB-DC-09"}))

    assert (found["platform's warehouse", "gb-dc-01"].standing, found["platform's warehouse", "gb-dc-01"].alike) == (
        Standing.MISSING, ("GB-DC-01",))
    assert found["platform's warehouse", "GB-DC-09"].alike == ()
    assert found["platform's warehouse", "GB-DC-01"].standing is Standing.UNNAMED


def test_what_needs_somebody_comes_first() -> None:
    master = MasterData(warehouses=frozenset({"DC1", "DC2"}), reason_codes=frozenset({"AA"}),
                        customers={"WALKIN": Customer(account="WALKIN", on_hold=True)})

    standings = [each.standing for each in compare(RULES, GB, master, frozenset())]

    assert standings == sorted(standings, key=[Standing.MISSING, Standing.STOPPED, Standing.UNNAMED, Standing.BOTH].index)


def test_a_code_of_zeros_is_still_a_code() -> None:
    assert told(MasterData(reason_codes=frozenset({"000"})))["return reason", "ZZ"].alike == ()


def test_goods_that_returns_name_are_looked_for_among_the_items_and_nothing_else_of_the_item_master_is_shown() -> None:
    items = {"CUP": Item(number="CUP", unit="ea"), "cap": Item(number="cap", unit="ea"), "OLD": Item(number="OLD", state=ItemState.BLOCKED),
             "BOX": Item(number="BOX", unit=""), "TWO": Item(number="TWO", also=("A", "B")), "RED": Item(number="RED", needs_variant=True),
             "WRAP": Item(number="WRAP", service=True), "OTHER": Item(number="OTHER", unit="ea")}

    found = {each.code: (each.standing, each.says, each.alike) for each in compare(
        RULES, GB, MasterData(items=items), frozenset(), items={"CUP", "CAP", "OLD", "BOX", "TWO", "RED", "WRAP"})
        if each.listed is Listed.ITEM}

    assert found == {
        "CUP": (Standing.BOTH, "", ()), "CAP": (Standing.MISSING, "", ("cap",)), "OLD": (Standing.STOPPED, "blocked", ()),
        "BOX": (Standing.STOPPED, "no sales unit", ()), "TWO": (Standing.STOPPED, "names several items: A, B", ()),
        "RED": (Standing.STOPPED, "no released variant", ()), "WRAP": (Standing.STOPPED, "a service item, and no fee", ())}


def rates(percent: str, *groups: str) -> TaxTable:
    """Give a table in which each of these groups and FULL share one code of this rate."""
    return TaxTable(groups={name: frozenset({f"{name}|FULL"}) for name in groups},
                    items={"FULL": frozenset(f"{name}|FULL" for name in groups)},
                    values={f"{name}|FULL": (TaxSpan(percent=Decimal(percent), last=date(2026, 12, 31)),) for name in groups})


def test_tax_is_compared_by_group_and_by_rate_where_the_profile_tells_rates_and_the_erp_its_own() -> None:
    rules = replace(RULES, taxes={"gb01": rates("20", "UK", "EU")})
    master = MasterData(tax_groups=frozenset({"UK", "US"}), tax_item_groups=frozenset({"FULL", "NONE"}), taxes=rates("17.5", "UK"))

    def taxed(master: MasterData, rules: object = rules, day: date = date(2026, 11, 27)) -> dict[tuple[str, str], tuple[str, str]]:
        return {(each.listed.value, each.code): (each.standing.value, each.says) for each in compare(
            rules, GB, master, frozenset(), day=day) if "tax" in each.listed.value}  # type: ignore[arg-type]  # rules of a test

    found = taxed(master)

    assert found["tax group", "EU"] == ("missing", "")
    assert found["tax group", "US"] == ("unnamed", "")
    assert found["item tax group", "NONE"] == ("unnamed", "")
    assert found["tax rate", "UK / FULL"] == ("differs", "20 % in the profile, 17.5 % in the ERP")
    assert ("tax rate", "EU / FULL") not in found, "the ERP does not know the group, which is said already"
    assert taxed(replace(master, taxes=rates("20", "UK")))["tax rate", "UK / FULL"] == ("both", "20 %")
    assert ("tax rate", "UK / FULL") not in taxed(master, day=date(2027, 1, 1)), "no rate of that day is told"
    assert {code for kind, code in taxed(MasterData(tax_groups=frozenset({"UK", "EU"}))) if kind != "tax group"} == set()
    assert taxed(master, RULES) == {}
    assert taxed(replace(master, customers={"EU": Customer(account="EU")}))["tax group", "EU"] == ("both", "")
