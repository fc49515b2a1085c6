"""Who may say of which value that the messages have it wrong, and what would come of it?

Which values can be corrected, for what trouble, by whose right: rows of one table. `weigh` says what a correction would come to, or why it
cannot be made. It never accepts goods, and it never makes sellable what the warehouse found otherwise: that takes an inspection.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from backhaul.domain.access import Action
from backhaul.domain.beside import NUMBERS, OF_LINE, OF_SALE, written
from backhaul.domain.disposition import Sellability
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Correctable, Corrected, Fact
from backhaul.domain.returns import ReturnCase, ReturnLine, fold

LONGEST: Final = 60
"""Characters of a corrected value, at most."""
DIGITS: Final = (12, 6)
"""Digits of a corrected number before and after its point, at most."""
GRADE: Final = frozenset({Correctable.CONDITION, Correctable.DISPOSITION})
OF_RETURN: Final = frozenset({Correctable.CUSTOMER, Correctable.WAREHOUSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRule:
    """What a value is in plain words, the right to correct it, and the trouble that can come of a wrong one."""

    means: str
    right: Action
    fits: frozenset[str]


_LATE: Final = frozenset({"CHANGED_AFTER_POSTING"})
"""What a correction after posting leads to: it can be taken back."""
_REGRADED: Final = frozenset({"UNMAPPED_DISPOSITION", "DAMAGED_TO_SELLABLE", "GRADE_CHANGED_AFTER_POSTING", "REGRADED"}) | _LATE
CORRECTIONS: Final[Mapping[Correctable, CorrectionRule]] = {
    Correctable.SKU: CorrectionRule(means="the item of a line", right=Action.CORRECT_GOODS, fits=_LATE | {
        "SKU_UNKNOWN", "SKU_AMBIGUOUS", "VARIANT_UNKNOWN", "SKU_BLOCKED", "SKU_DISCONTINUED", "UNIT_UNKNOWN", "UNKNOWN_LINE",
        "UNMAPPED_FEE", "ORDER_LINE_UNKNOWN"}),
    Correctable.QUANTITY: CorrectionRule(means="the announced units of a line", right=Action.CORRECT_GOODS, fits=_LATE | {
        "IMPLAUSIBLE_QUANTITY", "SURPLUS", "QUANTITY_ABOVE_SOLD", "VALUE_ABOVE_SOLD"}),
    Correctable.UNIT_PRICE: CorrectionRule(means="the net price of one unit of a line", right=Action.CORRECT_MONEY, fits=_LATE | {
        "IMPLAUSIBLE_AMOUNT", "PRICE_ABOVE_SOLD", "VALUE_ABOVE_SOLD", "CREDIT_ABOVE_LIMIT", "HISTORY_ALLOWANCE", "NO_CUSTOMER"}),
    Correctable.ORDER: CorrectionRule(means="the original sales order of a line", right=Action.CORRECT_GOODS, fits=_LATE | {
        "ORDER_MISSING", "ORDER_UNKNOWN", "ORDER_LINE_UNKNOWN", "QUANTITY_ABOVE_SOLD", "PRICE_ABOVE_SOLD", "VALUE_ABOVE_SOLD",
        "KIT_NOT_WHOLE", "HISTORY_ALLOWANCE", "CURRENCY_DIFFERS", "TAX_DIFFERS"}),
    Correctable.CONDITION: CorrectionRule(means="the condition in which units of a line were found", right=Action.CORRECT_GRADE,
                                          fits=_REGRADED),
    Correctable.DISPOSITION: CorrectionRule(means="what is to happen to units of a line", right=Action.CORRECT_GRADE, fits=_REGRADED),
    Correctable.CUSTOMER: CorrectionRule(means="the account of the customer", right=Action.CORRECT_CUSTOMER, fits=_LATE | {
        "NO_CUSTOMER", "CUSTOMER_UNKNOWN", "CUSTOMER_ON_HOLD", "MATCH_DIFFERS", "HISTORY_ALLOWANCE"}),
    Correctable.WAREHOUSE: CorrectionRule(means="the warehouse the return goes to", right=Action.CORRECT_GOODS, fits=_LATE | {
        "WAREHOUSE_UNKNOWN", "UNMAPPED_DISPOSITION"}),
}
"""Every value that can be corrected. One that has no row here cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of one return that could be corrected now: what the messages tell of it, and what holds."""

    what: Correctable
    line_id: str
    told: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a correction comes to: what the messages tell, what holds now and then, and the announced net of its line, or of the return."""

    what: Correctable
    line_id: str
    told: str
    before: str
    after: str
    net_before: Decimal
    net_after: Decimal


def fitting(codes: Collection[str]) -> tuple[Correctable, ...]:
    """Say which values can be corrected when this was found."""
    return tuple(what for what, rule in CORRECTIONS.items() if rule.fits.intersection(codes))


def choices(ref: str, facts: Sequence[Fact], codes: Collection[str], line_id: str = "") -> tuple[Choice, ...]:
    """Give every value that could be corrected for what was found about a line (`line_id` empty: about all of the return)."""
    return chosen(*both(ref, facts), codes, line_id)


def both(ref: str, facts: Sequence[Fact]) -> tuple[ReturnCase, ReturnCase]:
    """Fold a return as its messages tell it, and as it is with what was corrected."""
    return fold(ref, (fact for fact in facts if not isinstance(fact, Corrected))), fold(ref, facts)


def chosen(plain: ReturnCase, now: ReturnCase, codes: Collection[str], line_id: str = "") -> tuple[Choice, ...]:
    """Give the choices of a return that is folded already: one of many lines is folded once for all that was found about it."""
    return tuple(choice for what in fitting(codes) for choice in _values(what, plain, now) if _is_about(choice.line_id, line_id))


def _is_about(of: str, line_id: str) -> bool:
    """Tell whether a value of a line, or of all lines, may be behind trouble about a line; a part of a kit is about the kit."""
    return not of or line_id in {"", of} or line_id.startswith(f"{of}/")


def _values(what: Correctable, plain: ReturnCase, now: ReturnCase) -> Iterable[Choice]:
    """Give what the messages tell of a value, wherever it stands."""
    holds = {(each.line_id, each.what, each.told): each.value for each in now.corrections if each.identity in now.holding}

    def choice(told: str, line_id: str = "") -> Choice:
        return Choice(what=what, line_id=line_id, told=told, now=holds.get((line_id, what, told), told))

    if what in OF_RETURN:
        yield choice(written(plain.customer if what is Correctable.CUSTOMER else plain.warehouse))
        return
    for line in [line for line in plain.lines if not (line.instead_of or line.surplus_of)]:
        if what in GRADE:
            grades = {part.condition if what is Correctable.CONDITION else part.disposition for part in line.parts
                      if not (part.claimed or part.granted)}
            yield from (choice(told, line.line_id) for told in sorted(grades))
        elif not (what in OF_SALE and (line.blind or line.matched)):
            yield choice(written(getattr(line, OF_LINE[what])), line.line_id)


def weigh(offered: Sequence[Choice], facts: Sequence[Fact], wanted: Corrected, sellability: Sellability) -> Weighed:
    """Say what a correction of one of these values would come to, or stop with the reason why it cannot be made."""
    ref = wanted.return_ref
    offered = [each for each in offered if (each.what, each.line_id) == (wanted.what, wanted.line_id)]
    found = next((each for each in offered if each.told == wanted.told), None)
    about = f"{wanted.what.value} of {f'line {wanted.line_id}' if wanted.line_id else 'the return'}"
    if found is None:
        told = " or ".join(f"'{each.told}'" for each in offered)
        message = f"{ref}: {about} is {f'told as {told}, not as {wanted.told!r}' if told else 'nothing that can be corrected for this'}"
        raise NeedsOperator(message)
    if wanted.value == found.now:
        message = f"{ref}: {about} is '{found.now}' already"
        raise NeedsOperator(message, about="value")
    if wanted.value != wanted.told:
        flaw = _flaw(wanted, sellability)
        if flaw:
            message = f"{ref}: {about}: {flaw}"
            raise NeedsOperator(message, about="value")
    before, after = fold(ref, facts), fold(ref, [*facts, wanted])
    return Weighed(what=found.what, line_id=found.line_id, told=found.told, before=found.now, after=wanted.value,
                   net_before=_net(before, found.line_id), net_after=_net(after, found.line_id))


def _flaw(wanted: Corrected, sellability: Sellability) -> str:
    """Say what is wrong with a value that no message told."""
    value = wanted.value
    if value != value.strip() or not 0 < len(value) <= LONGEST or not value.isprintable():
        return f"a value has 1 to {LONGEST} characters that can be seen, and no space around them"
    if wanted.what in NUMBERS and not _is_number(value, whole=wanted.what is Correctable.QUANTITY):
        return f"'{value}' is no {'number of units, as 2' if wanted.what is Correctable.QUANTITY else 'net price of one unit, as 12.5'}"
    words = {Correctable.CONDITION: sellability.conditions, Correctable.DISPOSITION: sellability.dispositions}.get(wanted.what, frozenset())
    if value in words and wanted.told not in words:
        return (f"goods that were found '{wanted.told}' do not become '{value}', which may be sold, by a correction; "
                "the warehouse has to inspect them again and say so")
    return ""


def _is_number(value: str, *, whole: bool) -> bool:
    """Tell whether a number is written as a correction writes it: whole and above nothing for units, not below it for a price."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    before, after = DIGITS
    if not number.is_finite() or number < 0 or number >= Decimal(10) ** before or number != round(number, 0 if whole else after):
        return False
    return written(number) == value and not (whole and number == 0)


def _net(case: ReturnCase, line_id: str) -> Decimal:
    line: ReturnLine | None = next((line for line in case.lines if line.line_id == line_id), None)
    return line.net if line else case.net
