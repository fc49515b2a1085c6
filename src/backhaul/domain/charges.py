"""What besides the goods changes what the customer gets, and how is it booked?

A fee, carriage given back, a bonus above the price paid, the part that was paid by points: each by the rule the profile has for its
code, on a service item of its own, so that account and tax group are its own. What is prepaid is never deducted again; what the ERP
charges by itself is expected, not sent; what nobody mapped is held.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from backhaul.domain.disposition import MappingRow
from backhaul.domain.exception_case import Finding
from backhaul.domain.mapped import rows_for
from backhaul.domain.money import rounded
from backhaul.domain.posting import OrderLine, Posting
from backhaul.domain.returns import NOTHING, ReturnCase
from backhaul.domain.rules import By, Effect, FeeRule, Per, Rules

Rows = Mapping[str, Sequence[MappingRow]]
"""The mapping rows by which the accepted units of each line go, by line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One charge to be booked on a service item. `net` carries the credit's sign reversed: positive is given, negative is taken."""

    id: str
    code: str
    item: str
    net: Decimal
    line_id: str = ""


def charge_id(code: str, line_id: str = "") -> str:
    """Name a charge the way its postings do."""
    return f"charge:{code}:{line_id}"


def is_charge(posting: Posting) -> bool:
    """Tell whether a posting books a charge, not goods and not a line of the return."""
    return posting.line_id.startswith("charge:")


def debited_line(posting: Posting) -> str:
    """Give the line whose credit a posting takes back; it is judged with that line. Nothing for any other posting."""
    return posting.line_id.split(":", 2)[2] if posting.line_id.startswith("charge:debit-") else ""


def trouble(case: ReturnCase, rules: Rules) -> Iterator[Finding]:
    """Find charges nobody mapped, or that are no matter of a return; the lines they belong to are held with them."""
    for charge in case.charges:
        rule = rules.fees.get(charge.code)
        if rule is None:
            yield Finding(code="UNMAPPED_FEE", line_id=charge.line_id,
                          sentence=f"The return comes with {charge.amount} {case.currency} of '{charge.code}', which nobody mapped.")
        elif not rule.customer_return:
            yield Finding(code="NOT_A_CUSTOMER_RETURN", line_id=charge.line_id,
                          sentence=f"'{charge.code}' of {charge.amount} {case.currency} is no matter of a customer return.")


def due(case: ReturnCase, rules: Rules, rows: Rows, credited: Collection[str]) -> Iterator[Due]:
    """Give the charges to be booked on service items, each once. What is taken needs a credit to be taken from."""
    for code, line_id, amount, rule in _all(case, rules, rows):
        taken = rule.effect is Effect.DEDUCT
        there = bool(credited) if not line_id else line_id in credited
        net = rounded(amount / (1 + rule.tax_included / 100), case.currency)
        if rule.by is By.SERVICE_ITEM and net > 0 and (there or not taken):
            yield Due(id=charge_id(code, line_id), code=code, item=rule.service_item, net=-net if taken else net, line_id=line_id)


def changed(case: ReturnCase, rules: Rules, rows: Rows, fixed: Collection[Posting]) -> Iterator[Finding]:
    """Notice a charge that is told differently after it was booked, or told to be prepaid after all."""
    told = {charge_id(code, line_id): rounded(amount / (1 + rule.tax_included / 100), case.currency)
            for code, line_id, amount, rule in _all(case, rules, rows)}
    prepaid = {charge_id(charge.code, charge.line_id): NOTHING for charge in case.charges if charge.prepaid}
    for posting in fixed:
        if not (is_charge(posting) and isinstance(posting.document, OrderLine)):
            continue
        now = {**prepaid, **told}.get(posting.line_id)
        if now is not None and now != posting.document.unit_price:
            yield Finding(code="CHANGED_AFTER_POSTING", sentence=f"{posting.line_id.removesuffix(':')} is booked with "
                                                                 f"{posting.document.unit_price}, now it is {now}.")


def in_erp(line_id: str, row: MappingRow, case: ReturnCase, rules: Rules) -> Decimal:
    """Give what the ERP itself should deduct from a credit: the automatic charge of its disposition code."""
    rule = rules.fees.get(row.charge)
    if rule is None or rule.by is not By.ERP or rule.effect is not Effect.DEDUCT:
        return NOTHING
    told = [charge for charge in case.charges if charge.code == row.charge and charge.line_id in {line_id, ""}]
    return rule.amount or NOTHING if not told else sum((charge.amount for charge in told if not charge.prepaid), NOTHING)


def services(case: ReturnCase, rules: Rules) -> Iterator[str]:
    """Name the service items a return's charges may need, so that the ERP can be asked about them."""
    codes = {charge.code for charge in case.charges} | {row.charge for row in rows_for(case, rules) if row.charge}
    yield from {rules.debit_item} - {""}
    yield from sorted({rules.fees[code].service_item for code in codes if code in rules.fees} - {""})


def _all(case: ReturnCase, rules: Rules, rows: Rows) -> Iterator[tuple[str, str, Decimal, FeeRule]]:
    """Give every charge that is neither prepaid nor unmapped: what the platform told, then what mapping rows add to that."""
    told = {(charge.code, charge.line_id) for charge in case.charges}
    for charge in case.charges:
        rule = rules.fees.get(charge.code)
        if rule and rule.customer_return and rule.effect is not Effect.PREPAID and not charge.prepaid:
            yield charge.code, charge.line_id, charge.amount, rule
    for line_id, mine in sorted(rows.items()):
        for code in sorted({row.charge for row in mine} & rules.fees.keys()):
            rule, where = rules.fees[code], "" if rules.fees[code].per is Per.RETURN else line_id
            if {(code, where), (code, "")}.isdisjoint(told) and rule.effect is Effect.DEDUCT and rule.amount:
                told.add((code, where))
                yield code, where, rule.amount, rule
