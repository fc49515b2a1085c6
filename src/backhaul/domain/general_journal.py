"""Which journals should finance post, so that the books say what a month came to, and which of them stand there already?

Proposed and never posted by us. A journal cannot be built unless its debits equal its credits. An account that nobody named stays empty
and the journal says which; none is ever assumed. Each carries a marker made of what it is about, by which it is known again in the ledger
once somebody posted it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.open_side import Booked
from backhaul.domain.posting import mark
from backhaul.domain.proof import NOTHING
from backhaul.domain.roll_forward import Flow, Rolled
from backhaul.domain.valuation import SCRAP, Figures, Owing, Policy, Regraded, recoverable, valued


class Role(StrEnum):
    """What an account is for; the words of `[accounts.ENTITY]`."""

    CLEARING = "clearing"
    RECEIVED = "received"
    RETURNS = "returns"
    TAX = "tax"
    LIABILITY = "liability"
    RECOVERABLE = "recoverable"
    COST = "cost"
    CUSTOMERS = "customers"
    WRITE_DOWN = "write_down"
    ALLOWANCE = "allowance"
    DIFFERENCES = "differences"


OWN: Final = frozenset({Role.CLEARING, Role.RECEIVED, Role.RETURNS, Role.LIABILITY, Role.RECOVERABLE, Role.WRITE_DOWN, Role.ALLOWANCE,
                        Role.DIFFERENCES})
"""Accounts that returns have to themselves. Those of all customers, of tax and of all cost are too much to read for a marker."""


class Sort(StrEnum):
    """Why a journal is proposed."""

    ACCRUAL = "accrual"
    """Accepted in the period, and not credited by its end: what customers are to get."""
    GOODS = "accrual of goods"
    """The same at cost: the right to goods that came, less what they lose."""
    WRITE_DOWN = "write-down"
    REGRADE = "re-grade"
    """What goods lose that an earlier period took back and this one graded anew."""
    LEDGER = "ledger"
    """A credit note that the general ledger lacks, or holds at another amount."""
    AMOUNT = "amount"
    """A credit note of another amount than was accepted."""
    ROLL_FORWARD = "roll-forward"
    """An account that says something else than the roll-forward."""


class Standing(StrEnum):
    """Whether finance has posted a journal, as the ledger says."""

    PROPOSED = "proposed"
    POSTED = "posted"
    DIFFERS = "differs"
    """It is there, and not with the amounts that are proposed now."""
    NOT_REVERSED = "not reversed"
    """An accrual is there, and its reversal is not, although its day is over."""
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One line of a journal: debit positive. `account` is empty where the profile names none for the role."""

    role: Role
    account: str
    amount: Decimal
    text: str

    @property
    def debit(self) -> Decimal:
        """Give what it debits."""
        return max(self.amount, NOTHING)

    @property
    def credit(self) -> Decimal:
        """Give what it credits."""
        return max(-self.amount, NOTHING)


class Unbalanced(ValueError):  # noqa: N818  raised at whoever builds one, never shown
    """Somebody tried to build a journal whose debits are not its credits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What is to be posted on a day, in one currency, and by which marker it is known again; `reverses_on` is when it is taken back."""

    entity: str
    sort: Sort
    subject: str
    currency: str
    day: date
    marker: str
    why: str
    legs: tuple[Leg, ...]
    reverses_on: date | None = None
    lines: tuple[str, ...] = ()
    """The lines of returns it is about, by name."""

    def __post_init__(self) -> None:
        """Refuse what does not balance, moves nothing, or has a leg that moves nothing."""
        if sum((leg.amount for leg in self.legs), NOTHING) or not all(leg.amount for leg in self.legs) or not self.legs:
            amounts = ", ".join(format(leg.amount, "f") for leg in self.legs)
            message = f"journal {self.marker} of {self.entity} is {amounts or 'empty'}: its debits are not its credits"
            raise Unbalanced(message)

    @property
    def missing(self) -> tuple[str, ...]:
        """Name the accounts nobody named; with one missing it cannot be posted as it stands."""
        return tuple(dict.fromkeys(leg.role.value for leg in self.legs if not leg.account))

    @property
    def debit(self) -> Decimal:
        """Give what it debits in all, which is what it credits."""
        return sum((leg.debit for leg in self.legs), NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """One line whose credit the ledger has otherwise than it should (`amount`: too much credited, or lacking in the ledger)."""

    kind: str
    entity: str
    currency: str
    amount: Decimal
    line: str
    document: str = ""


Accounts = Mapping[str, Mapping[Role, str]]
"""By legal entity, the account of each role that is named."""
LEDGER_LACKS: Final = frozenset({"LEDGER_MISSING", "LEDGER_DIFFERS"})
AMOUNT_DIFFERS: Final = frozenset({"WRONG_AMOUNT", "ROUNDING_DRIFT", "EDITED_AFTER_POSTING", "DUPLICATE_CREDIT",
                                   "PARTLY_ACCEPTED_FULLY_CREDITED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Whose period ends, and by legal entity on which day; of one that is not among them nothing is proposed."""

    tenant: str
    period: str
    last: Mapping[str, date]


def journals(ends: Ends, accounts: Accounts, figures: Figures, apart: Iterable[Apart], rolled: Rolled | None) -> tuple[Journal, ...]:
    """Propose everything finance may want to post for a period."""
    mine = replace(figures, owing=tuple(each for each in figures.owing if each.whose.entity in ends.last),
                   regraded=tuple(each for each in figures.regraded if each.whose.entity in ends.last),
                   returned=tuple(each for each in figures.returned if each.whose.entity in ends.last))
    found = (*_accruals(ends, accounts, mine), *_goods(ends, accounts, mine), *_write_downs(ends, accounts, mine),
             *regrades(ends, accounts, mine.regraded, mine.policy),
             *_corrections(ends, accounts, (each for each in apart if each.entity in ends.last)),
             *(_ties(ends, accounts, rolled) if rolled else ()))
    return tuple(sorted(found, key=lambda each: (each.entity, list(Sort).index(each.sort), each.currency, each.subject)))


def _made(  # noqa: PLR0913, PLR0917  all of a journal
    ends: Ends, accounts: Accounts, sort: Sort, subject: str, entity: str, currency: str, why: str,
    amounts: Sequence[tuple[Role, Decimal, str]], lines: Iterable[str] = (), *, reverses: bool = False,
) -> Iterator[Journal]:
    """Give a journal of these amounts; none where nothing is to be moved."""
    named, last = accounts.get(entity, {}), ends.last[entity]
    marker = mark(f"{ends.tenant}|{entity}|{ends.period}|{sort.value}|{currency}|{subject}")
    legs = tuple(Leg(role=role, account=named.get(role, ""), amount=amount, text=f"{marker} {text}")
                 for role, amount, text in amounts if amount)
    if legs:
        yield Journal(entity=entity, sort=sort, subject=subject, currency=currency, day=last, marker=marker, why=why, legs=legs,
                      reverses_on=last + timedelta(days=1) if reverses else None, lines=tuple(lines))


# --- accruals


def _accrued(figures: Figures, *, books: bool) -> Iterator[tuple[tuple[str, str], list[Owing]]]:
    """Give what was accepted and is not credited, by legal entity and currency."""
    by: dict[tuple[str, str], list[Owing]] = {}
    for each in figures.owing:
        if each.accepted:
            by.setdefault((each.whose.entity, each.books if books else each.whose.currency), []).append(each)
    yield from sorted(by.items())


def _accruals(ends: Ends, accounts: Accounts, figures: Figures) -> Iterator[Journal]:
    for (entity, currency), mine in _accrued(figures, books=False):
        net, tax = _sum(each.net for each in mine), _sum(each.tax or NOTHING for each in mine)
        unknown = _sum(each.units for each in mine if each.tax is None)
        text = f"returns accepted in {ends.period}, not credited"
        yield from _made(
            ends, accounts, Sort.ACCRUAL, "", entity, currency,
            f"{len(mine)} lines were accepted by {ends.last[entity]} and not credited: net {net:f}, VAT {tax:f} {currency}"
            + (f"; of {unknown:f} units no VAT rate is known, and theirs is not in it" if unknown else ""),
            [(Role.RETURNS, net, text), (Role.TAX, tax, f"VAT of {text}"), (Role.LIABILITY, -net - tax, text)],
            (f"{each.return_ref}|{each.line_id}" for each in mine), reverses=True)


def _goods(ends: Ends, accounts: Accounts, figures: Figures) -> Iterator[Journal]:
    for (entity, books), mine in _accrued(figures, books=True):
        worth = _sum((each.cost or NOTHING) - recoverable(each, figures.policy).decrease for each in mine)
        unknown = _sum(each.units for each in mine if each.cost is None)
        text = f"goods of returns accepted in {ends.period}, not credited"
        yield from _made(
            ends, accounts, Sort.GOODS, "", entity, books,
            f"The goods of {len(mine)} lines that were accepted by {ends.last[entity]} and not credited cost {worth:f} {books}, less what "
            "their class loses" + (f"; of {unknown:f} units no cost is known" if unknown else ""),
            [(Role.RECOVERABLE, worth, text), (Role.COST, -worth, text)], (f"{each.return_ref}|{each.line_id}" for each in mine),
            reverses=True)


# --- corrections


def _write_downs(ends: Ends, accounts: Accounts, figures: Figures) -> Iterator[Journal]:
    """Propose net-realisable value: to move goods to damaged is no write-down (books 7); what is scrapped the ERP has written off."""
    for row in valued(figures.returned, figures.policy):
        if row.written_down and row.kind != SCRAP:
            text = f"{row.units:f} returned units, {row.kind}, {row.whose.warehouse}"
            yield from _made(
                ends, accounts, Sort.WRITE_DOWN, f"{row.whose.warehouse} {row.kind}", row.whose.entity, row.whose.currency,
                f"{row.units:f} units of class {row.kind} came back to {row.whose.warehouse} at {row.booked:f} {row.whose.currency} and "
                f"lose {row.part:f} of it ({figures.policy.source})",
                [(Role.WRITE_DOWN, row.written_down, text), (Role.ALLOWANCE, -row.written_down, text)])


def regrades(ends: Ends, accounts: Accounts, regraded: Iterable[Regraded], policy: Policy) -> Iterator[Journal]:
    """Propose what the units of each line lose, or gain, by a grade they got after the period that took them back."""
    by: dict[tuple[str, str, str, str], list[Regraded]] = {}
    for each in regraded:
        by.setdefault((each.whose.entity, each.whose.currency, each.return_ref, each.line_id), []).append(each)
    for (entity, currency, ref, line_id), mine in sorted(by.items()):
        amount = _sum(each.loses(policy) or NOTHING for each in mine)
        told = "; ".join(f"{each.units:f} x {each.sku} from {each.before} to {each.after} on {each.day}" for each in mine)
        text = f"{ref}, line {line_id}, graded anew"
        yield from _made(
            ends, accounts, Sort.REGRADE, f"{ref}|{line_id}", entity, currency,
            f"Goods of {ref}, line {line_id}, were graded anew after they were posted ({told}) and {'lose' if amount > 0 else 'gain'} "
            f"{abs(amount):f} {currency} of their cost ({policy.source or 'no source'}); the credit stands",
            [(Role.WRITE_DOWN, amount, text), (Role.ALLOWANCE, -amount, text)], (f"{ref}|{line_id}",))


def _corrections(ends: Ends, accounts: Accounts, apart: Iterable[Apart]) -> Iterator[Journal]:
    for each in apart:
        name = each.line.replace("|", ", line ")
        about = f"{name}, document {each.document or 'none'}"
        if each.kind in LEDGER_LACKS:
            yield from _made(ends, accounts, Sort.LEDGER, each.line, each.entity, each.currency,
                             f"{each.kind}: the general ledger lacks {each.amount:f} {each.currency} of the credit of {about}",
                             [(Role.RETURNS, each.amount, about), (Role.CUSTOMERS, -each.amount, about)], (each.line,))
        elif each.kind in AMOUNT_DIFFERS:
            yield from _made(ends, accounts, Sort.AMOUNT, each.line, each.entity, each.currency,
                             f"{each.kind}: {each.amount:f} {each.currency} more than accepted is credited for {about}; where VAT changes "
                             "with it, a document to the customer is the way and not this journal",
                             [(Role.CUSTOMERS, each.amount, about), (Role.RETURNS, -each.amount, about)], (each.line,))


def _ties(ends: Ends, accounts: Accounts, rolled: Rolled) -> Iterator[Journal]:
    """Propose to bring an account to what was rolled, against the account finance keeps for differences it has looked into."""
    for (flow, entity, currency), amount in sorted(rolled.differing.items()):
        if entity not in ends.last or (flow is Flow.PAID and Role.CLEARING not in accounts.get(entity, {})):
            continue
        role = Role.CLEARING if flow is Flow.PAID else Role.RECEIVED
        text = f"{role.value} against the roll-forward of {ends.period}"
        yield from _made(
            ends, accounts, Sort.ROLL_FORWARD, flow.value, entity, currency,
            f"the account of '{role.value}' says {amount:f} {currency} more than was rolled; post this only for what was looked into and "
            "cannot be brought to a return",
            [(role, -amount, text), (Role.DIFFERENCES, amount, text)])


# --- are they posted?


def standing(journal: Journal, booked: Iterable[Booked], read: Mapping[Role, str], today: date) -> Standing:
    """Say what the ledger holds of a journal: by its marker, on the accounts that were `read`."""
    there = [each for each in booked if journal.marker in {each.voucher.upper(), *each.text.upper().split()}]
    wanted: dict[str, Decimal] = {}
    for leg in journal.legs:
        if leg.account and leg.account == read.get(leg.role):
            wanted[leg.account] = wanted.get(leg.account, NOTHING) + leg.amount
    first = _sums(there, journal, lambda day: journal.reverses_on is None or day < journal.reverses_on)
    back = _sums(there, journal, lambda day: journal.reverses_on is not None and day >= journal.reverses_on)
    if not first:
        return Standing.PROPOSED
    if first != wanted:
        return Standing.DIFFERS
    if journal.reverses_on is None or (not back and today < journal.reverses_on):
        return Standing.POSTED
    if not back:
        return Standing.NOT_REVERSED
    return Standing.REVERSED if {account: -amount for account, amount in back.items()} == wanted else Standing.DIFFERS


def _sums(there: Iterable[Booked], journal: Journal, holds: Callable[[date], bool]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for each in there:
        if holds(each.day):
            amount = each.in_currency if each.in_currency is not None and each.currency == journal.currency else each.amount
            found[each.account] = found.get(each.account, NOTHING) + amount
    return found


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, NOTHING)
