"""Did every line end in exactly one place, to the cent?

Three sources are compared that share no code: the input file, what Backhaul holds, and what the ERP's
ledgers hold. A difference anywhere makes the demo fail.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backhaul.adapters.zigzag.emulator.rule import TAX_RATES, tax_group
from backhaul.application.ports import KeptException, PostingState
from backhaul.application.process import Picture, pictures
from backhaul.domain.disposition import Outcome
from backhaul.domain.money import rounded
from backhaul.domain.placement import Placement, Where
from backhaul.domain.posting import Adjustment, CreditNote, PostingKind, Receipt
from backhaul.domain.returns import NOTHING
from backhaul.entrypoints.demo.world import customers_of, read_source

if TYPE_CHECKING:
    from backhaul.entrypoints.demo.run import Stage

CURRENCY: Final = "GBP"


def summarise(stage: "Stage", data: Path, *, now: datetime) -> dict[str, Any]:
    """Give the machine-readable outcome of a demo; every amount is text with two decimals, signed as a credit."""
    house = stage.house
    (rules,) = (profile.rules for profile in house.profiles.values())
    with house.store.begin() as tx:
        known = pictures(tx, rules, sorted(tx.cases(rules.tenant)))
        exceptions = tx.exceptions(rules.tenant)
        windows = [window for entity in rules.entities for window in tx.windows(rules.tenant, entity.id)]
    placed = {ref: picture.placements(rules, now) for ref, picture in known.items()}
    lines = lines_of(data)
    ledgers = stage.control(stage.erp, "ledgers")
    calls = stage.control(stage.erp, "calls")
    parts = _parts(placed.values())
    total = sum((Decimal(line["Quantity"]) * Decimal(line["UnitPrice"]) for line in lines), NOTHING)
    credited = _credit_side(known.values(), ledgers, stage.show.on_account)
    returns = len({line["InvoiceNo"] for line in lines})
    summary: dict[str, Any] = {
        "lines_in": len(lines),
        "lines_placed": _placed(lines, known, placed),
        "returns": returns,
        "input_total": _text(total),
        "parts": {name: _text(amount) for name, amount in parts.items()},
        "difference": _text(total - sum(parts.values(), NOTHING)),
        **credited,
        "units": _units(known.values(), placed.values(), ledgers),
        "stock_units_moved": int(Decimal(str(ledgers["unitsReceived"]))),
        "vat": _vat(known.values(), ledgers, data, by_document=stage.show.tax_by_document),
        "erp_calls": calls["counted"],
        "erp_calls_per_return": round(calls["counted"] / returns, 4),
        "erp_calls_by": calls["by"],
        "credit_vouchers_per_100_returns": round(100 * credited["credit_vouchers"] / returns, 1),
        "exceptions_by_kind": _exceptions(exceptions),
        "windows": [{"key": window.key, "returns": window.returns, **dict(window.controls), "ledger": dict(window.ledger)}
                    for window in windows],
        "ledger_digest": ledgers["digest"],
        "ledgers_balanced": ledgers["balanced"],
    }
    summary["holds"] = _holds(summary)
    return summary


def lines_of(data: Path) -> list[dict[str, str]]:
    """Read the lines of all returns in a folder of example data."""
    with (data / "online-retail-credit-lines.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(amount: Decimal) -> str:
    return format(rounded(amount, CURRENCY), "f")


def _parts(placed: Iterable[Iterable[Placement]]) -> dict[str, Decimal]:
    parts = {where.value: NOTHING for where in Where}
    for placements in placed:
        for each in placements:
            parts[each.where.value] += each.net
    return parts


def _placed(lines: list[dict[str, str]], known: Mapping[str, Picture], placed: Mapping[str, Iterable[Placement]]) -> int:
    """Count the input lines whose units are all placed: compared per return, SKU and quantity with the file."""
    wanted = Counter((line["InvoiceNo"], line["StockCode"], -Decimal(line["Quantity"])) for line in lines)
    found: Counter[tuple[str, str, Decimal]] = Counter()
    for ref, picture in known.items():
        units: dict[str, Decimal] = defaultdict(Decimal)
        for each in placed[ref]:
            units[each.line_id] += each.quantity
        found.update((ref, line.sku, units[line.line_id]) for line in picture.case.lines)
    return (wanted & found).total()


def _credit_side(known: Iterable[Picture], ledgers: Mapping[str, Any], on_account: frozenset[str]) -> dict[str, Any]:
    """Compare the credit notes the ERP posted with the credits we hold, unit by unit per order and item.

    Where goods that never came are credited on an account, their units are compared without their item.
    """
    ours: Counter[tuple[str, str]] = Counter()
    net = NOTHING
    for picture in known:
        for row in picture.kept:
            note = row.posting.document
            if isinstance(note, CreditNote) and row.state is PostingState.VERIFIED and row.document:
                kept = on_account and note.outcome is Outcome.WITHOUT_GOODS
                ours[row.document.number, "" if kept else note.sku] += int(note.quantity)
                net += row.document.net or NOTHING
    theirs: Counter[tuple[str, str]] = Counter()
    erp_net = NOTHING
    for note in ledgers["creditNotes"]:
        for line in note["lines"]:
            theirs[note["number"], "" if line["item"] in on_account else line["item"]] -= int(Decimal(str(line["quantity"])))
            erp_net += Decimal(str(line["net"]))
    return {
        "credit_notes": len(ledgers["creditNotes"]),
        "credit_vouchers": len({note["voucher"] for note in ledgers["creditNotes"]}),
        "duplicate_credits": sum((theirs - ours).values()),
        "credits_not_in_erp": sum((ours - theirs).values()),
        "erp_credit_net": _text(erp_net),
        "erp_credit_difference": _text(erp_net - net),
    }


def _units(known: Iterable[Picture], placed: Iterable[Iterable[Placement]], ledgers: Mapping[str, Any]) -> dict[str, str]:
    """Give the second identity: units received are units restocked, not sellable or scrapped (books 2).

    Surplus units stand beside it: nobody announced them, so they have no receipt and no place.
    """
    known = list(known)
    surplus = sum((row.posting.document.quantity for picture in known for row in picture.kept
                   if isinstance(row.posting.document, Adjustment) and row.state is PostingState.VERIFIED), NOTHING)
    places = Counter[str]()
    for placements in placed:
        for each in placements:
            places[each.where.value] += int(each.quantity)
    posted = sum((row.posting.document.quantity for picture in known for row in picture.kept
                  if isinstance(row.posting.document, Receipt) and row.state is PostingState.VERIFIED
                  and row.posting.document.outcome.value != "without_goods"), NOTHING)
    placed_units = sum(places[name] for name in ("credited_restocked", "credited_non_sellable", "credited_scrapped"))
    received = Decimal(str(ledgers["unitsReceived"]))
    return {"received_in_erp": format(received, "f"), "received": format(posted, "f"), "placed": str(placed_units),
            "difference": format(received - placed_units, "f"), "surplus": format(surplus, "f")}


def _vat(known: Iterable[Picture], ledgers: Mapping[str, Any], data: Path, *, by_document: bool) -> dict[str, str]:
    """Give the third identity: VAT by the rate of the customer's country, on our read-back, the ERP's documents and its ledger.

    What is expected is computed here from the input's countries and the net of each credited line, rounded per line or per document as
    the ERP does it; the judge and the ERP are not asked.
    """
    documents = {row.document.number: row.document for picture in known for row in picture.kept
                 if row.posting.key.kind in (PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE) and row.document
                 and row.state is PostingState.VERIFIED}
    lines = sum((row.document.tax or NOTHING for picture in known for row in picture.kept
                 if row.document and row.posting.key.kind in (PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE)
                 and row.state is PostingState.VERIFIED), NOTHING)
    erp = sum((Decimal(str(note["tax"])) for note in ledgers["creditNotes"]), NOTHING)
    ledger = -sum((Decimal(str(note["ledgerTax"])) for note in ledgers["creditNotes"]), NOTHING)
    countries = customers_of(read_source(data))
    nets = [(note["customer"], [Decimal(str(line["net"])) for line in note["lines"]]) for note in ledgers["creditNotes"]]
    expected = sum((rounded(net * TAX_RATES[tax_group(countries[customer])] / 100, CURRENCY)
                    for customer, each in nets for net in ([sum(each, NOTHING)] if by_document else each)), NOTHING)
    apart = sum((abs(expected - told) for told in (lines, erp, ledger)), NOTHING)
    return {"documents": str(len(documents)), "expected": _text(expected), "read_back": _text(lines), "erp": _text(erp),
            "ledger": _text(ledger), "difference": _text(apart)}


def _exceptions(rows: Iterable[KeptException]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    money: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        kind = kinds.setdefault(row.case.kind, {"count": 0, "owner": row.case.owner})
        kind["count"] += 1
        money[row.case.kind] += row.case.money.amount
    return {name: kinds[name] | {"money": _text(money[name])} for name in sorted(kinds)}


def _holds(summary: Mapping[str, Any]) -> bool:
    """Tell whether every identity holds and nothing was credited twice or lost."""
    return (summary["difference"] == "0.00" and summary["lines_placed"] == summary["lines_in"]
            and summary["duplicate_credits"] == 0 and summary["credits_not_in_erp"] == 0
            and summary["erp_credit_difference"] == "0.00" and Decimal(summary["units"]["difference"]) == 0
            and summary["vat"]["difference"] == "0.00" and bool(summary["ledgers_balanced"]))
