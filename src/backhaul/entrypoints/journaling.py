"""Which journals are proposed for a month, what of them is posted, and how do they leave for an ERP?

Worked out from what the last proof of the month kept: figures, what did not hold, roll-forwards, and the accounts as they were read. The
shape of a line is that of the ERP it goes to: a general journal line of Finance & SCM, or of Business Central.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from backhaul.application.close_ports import CloseStore
from backhaul.application.ledger import Ledger, Proposed, needed, propose
from backhaul.application.material import MonthEnd, Sheet
from backhaul.application.ports import Store
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.general_journal import Journal, Standing
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.entrypoints import crediting, rolling, valuing
from backhaul.entrypoints.spreadsheet import csv_file, workbook

UNDER: Final = "ledger"
"""Under this name and the month it is remembered what the last proof read of the accounts."""


def keep(store: Store, tenant: str, period: str, ledger: Ledger) -> None:
    """Remember what a month's last proof read of the accounts."""
    with store.begin() as tx:
        tx.remember(tenant, f"{UNDER}:{period}", msgspec.to_builtins(needed(ledger)))


def kept(store: Store, tenant: str, period: str) -> Ledger | None:
    """Give what the last proof of a month read of the accounts; None where it read none."""
    with store.look() as tx:
        told = tx.recall(tenant, f"{UNDER}:{period}")
    return msgspec.convert(told, Ledger, strict=False) if told else None


def proposed(store: CloseStore, rules: Rules, period: str) -> tuple[Proposed, ...]:
    """Give what is proposed for a month, from what its last proof kept; nothing where it found no figures."""
    figures, ledger = valuing.kept(store, rules.tenant, period), kept(store, rules.tenant, period)
    if figures is None or ledger is None:
        return ()
    with store.look() as tx:
        strays = tx.strays(rules.tenant, period)
    return propose(rules, period, figures, ledger, strays, rolling.kept(store, rules.tenant, period))


def month_end(store: CloseStore, rules: Rules, period: str) -> MonthEnd:
    """Give all that the last proof of a month kept of its end, for its pack."""
    return MonthEnd(rolled=rolling.kept(store, rules.tenant, period), figures=valuing.kept(store, rules.tenant, period),
                    ledger=kept(store, rules.tenant, period), journals=proposed(store, rules, period),
                    uncredited=crediting.kept(store, rules.tenant, period))


def write(ledger: Ledger, path: Path) -> None:
    """Write what was read of the accounts to a file, a line of JSON for each entry."""
    with path.open("wb") as file:
        for each in ledger.posted:
            file.write(msgspec.json.encode(each) + b"\n")


def asked(store: CloseStore, rules: Rules, period: str) -> tuple[Proposed, ...]:
    """Give what is proposed for a month, or say how that comes about."""
    valuing.asked(store, rules.tenant, period)
    return proposed(store, rules, period)


def told(each: Proposed) -> dict[str, Any]:
    """Say one proposal in plain values."""
    journal = each.journal
    return {
        "marker": journal.marker, "entity": journal.entity, "sort": journal.sort.value, "currency": journal.currency,
        "day": journal.day.isoformat(), "reverses_on": journal.reverses_on.isoformat() if journal.reverses_on else None, "why": journal.why,
        "standing": each.standing.value if each.read else "not read", "missing": list(journal.missing), "amount": journal.debit,
        "legs": [{"for": leg.role.value, "account": leg.account, "debit": leg.debit, "credit": leg.credit, "text": leg.text}
                 for leg in journal.legs], "lines": list(journal.lines)}


# --- how they leave


SCM: Final = ("dataAreaId", "JournalBatchNumber", "LineNumber", "Voucher", "TransDate", "AccountType", "AccountDisplayValue",
              "CurrencyCode", "DebitAmount", "CreditAmount", "Text", "Document", "ReverseEntry", "ReverseDate")
CENTRAL: Final = ("lineNumber", "postingDate", "documentNumber", "accountType", "accountNumber", "currencyCode", "description", "amount")
STEP: Final = 10_000
"""From line to line so much, as Business Central numbers them."""
TEXT: Final = 100
"""Letters of a description there."""


def sheets(rules: Rules, found: Sequence[Proposed], entity: str = "") -> tuple[Sheet, ...]:
    """Write the lines of what can be posted and is not, a sheet for each legal entity in the shape of its ERP."""
    mine = [each for each in rules.entities if not entity or each.id == entity]
    if not mine:
        rules.entity(entity)
    return tuple(_sheet(each, [one.journal for one in found if one.journal.entity == each.id and one.standing is Standing.PROPOSED
                               and not one.journal.missing]) for each in mine)


def _sheet(entity: LegalEntity, mine: Sequence[Journal]) -> Sheet:
    if entity.erp == "business-central":
        return Sheet(name=entity.id, headings=CENTRAL, rows=tuple(_central(entity.currency, mine)))
    return Sheet(name=entity.id, headings=SCM, rows=tuple(_scm(entity.options.get("company", entity.id), mine)))


def _scm(company: str, mine: Sequence[Journal]) -> Iterator[tuple[Any, ...]]:
    """Give lines of a general journal: its number and its vouchers are the ERP's to give; our marker is the document, and in the text."""
    number = 0
    for voucher, journal in enumerate(mine, start=1):
        for leg in journal.legs:
            number += 1
            yield (company, "", number, str(voucher), journal.day, "Ledger", leg.account, journal.currency, leg.debit, leg.credit, leg.text,
                   journal.marker, "Yes" if journal.reverses_on else "No", journal.reverses_on)


def _central(books: str, mine: Sequence[Journal]) -> Iterator[tuple[Any, ...]]:
    """Give lines of a general journal under our marker as document number; it has no reversal of its own, so that is lines as well."""
    number = 0
    for journal in mine:
        foreign = journal.currency if journal.currency != books else ""
        days = ((journal.day, 1), (journal.reverses_on, -1))
        for day, sign, leg in ((day, sign, leg) for day, sign in days if day for leg in journal.legs):
            number += STEP
            yield (number, day, journal.marker, "G/L Account", leg.account, foreign, leg.text[:TEXT], sign * leg.amount)


def written(made: Sequence[Sheet], kind: str) -> bytes:
    """Write lines as a workbook, or one legal entity's as CSV."""
    if kind == "xlsx":
        return workbook(made)
    if len(made) != 1:
        message = f"a CSV holds the lines of one legal entity; say which of {', '.join(each.name for each in made)}"
        raise NeedsOperator(message)
    return csv_file(made[0].headings, made[0].rows)
