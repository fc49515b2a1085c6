"""What stands on the accounts that returns have to themselves, and what of it was posted by hand?

Read whole for a period and until today, so that what finance posted of our proposals is known again by its marker. An entry is ours, or of
our payments, where it carries a mark or a reference of ours, or belongs to a voucher of a document of ours; whatever else stands on the
accounts of clearing, receipts and returns somebody posted by hand (books 10). From the same reading comes which of the journals we propose
finance has posted.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from backhaul.application.ports import Erp, Store
from backhaul.application.proof_ports import KeptStray
from backhaul.domain.entry import Entry
from backhaul.domain.errors import BackhaulError, Misconfigured
from backhaul.domain.general_journal import OWN, Apart, Ends, Journal, Role, Standing, journals, standing
from backhaul.domain.open_side import Booked, words
from backhaul.domain.posting import is_mark
from backhaul.domain.roll_forward import Rolled
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.valuation import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One entry of an account of ours; `manual` where nothing says that it is ours."""

    entity: str
    role: str
    entry: Booked
    manual: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was read until which day; `unread` says of a legal entity why it was not, and `accounts` by what each is for."""

    day: date
    posted: tuple[Posted, ...] = ()
    accounts: Mapping[str, Mapping[str, str]]
    unread: Mapping[str, str]


def own_accounts(rules: Rules, entity: LegalEntity) -> Mapping[str, Role]:
    """Give the accounts that returns have to themselves, with what each is for; receipts may have several."""
    tied = rules.accounts.get(entity.id)
    if tied is None:
        return {}
    found = {account: Role(role) for role, account in tied.named.items() if role in OWN}
    found |= dict.fromkeys(tied.received, Role.RECEIVED)
    return found | ({tied.clearing: Role.CLEARING} if tied.clearing else {})


def read_ledger(store: Store, erps: Mapping[str, Erp | BackhaulError], rules: Rules, shown: Mapping[str, Sequence[Entry]],  # noqa: PLR0913, PLR0917  all of it
                rolled: Rolled, day: date) -> Ledger:
    """Read the accounts of every legal entity from the beginning of its period to the end of `day`; nothing is written."""
    posted, unread, accounts = list[Posted](), dict[str, str](), dict[str, Mapping[str, str]]()
    for entity in rules.entities:
        mine = own_accounts(rules, entity)
        if not mine or (rolled.days and entity.id not in rolled.days):
            continue
        accounts[entity.id] = {role.value: account for account, role in mine.items()}
        first = rolled.within(entity.id).first
        try:
            erp = erps.get(entity.id)
            if erp is None or isinstance(erp, BackhaulError):
                raise erp or Misconfigured("nothing is connected")
            told = erp.open_sides(frozenset(mine), first, max(day, rolled.within(entity.id).last), payments=False)
        except BackhaulError as away:
            unread[entity.id] = str(away)
            continue
        vouchers = {*_vouchers(store, rules, shown.get(entity.id, ())),
                    *(tie.document for tie in rolled.ties if tie.whose.entity == entity.id and tie.return_ref)}
        references = {word.upper() for move in rolled.movements if move.whose.entity == entity.id
                      for word in (move.document, move.item.partition(":")[2]) if word}
        posted += (Posted(entity=entity.id, role=mine[entry.account].value, entry=entry, manual=not _ours(entry, vouchers, references))
                   for entry in sorted(told.booked, key=lambda entry: (entry.day, entry.voucher, entry.account, entry.amount)))
    return Ledger(day=day, posted=tuple(posted), accounts=accounts, unread=unread)


def _vouchers(store: Store, rules: Rules, entries: Sequence[Entry]) -> Iterator[str]:
    """Give the vouchers of documents of ours: by their mark, or by the journal that was committed."""
    with store.look() as tx:
        marked = tx.marked(rules.tenant, {entry.mark for entry in entries if entry.mark and not entry.journal})
        journals = tx.allocations(rules.tenant, {entry.journal for entry in entries if entry.journal})
    for entry in entries:
        if entry.voucher and (entry.journal in journals if entry.journal else entry.mark in marked):
            yield entry.voucher


def _ours(entry: Booked, vouchers: Collection[str], references: Collection[str]) -> bool:
    return entry.voucher in vouchers or any(word in references for word in _words(entry)) or _marked(entry)


def _words(entry: Booked) -> set[str]:
    return {*words(entry.text), entry.voucher.upper()}


def _marked(entry: Booked) -> bool:
    return any(map(is_mark, _words(entry)))


def needed(ledger: Ledger) -> Ledger:
    """Give what has to be remembered: what was posted by hand, and what may be a proposal of ours; the extract has all of it."""
    return replace(ledger, posted=tuple(each for each in ledger.posted if each.manual or _marked(each.entry)))


def by_hand(ledger: Ledger, last: Callable[[str], date]) -> Iterator[Posted]:
    """Give what somebody posted by hand until the `last` day of a legal entity's period."""
    return (each for each in ledger.posted if each.manual and each.entry.day <= last(each.entity))


def counted(ledger: Ledger, last: Callable[[str], date]) -> Mapping[str, tuple[int, Decimal]]:
    """Count by legal entity that was read what was posted by hand, and what it comes to if nothing cancels."""
    found = dict.fromkeys(ledger.accounts.keys() - ledger.unread.keys(), (0, Decimal(0)))
    for each in by_hand(ledger, last):
        count, amount = found[each.entity]
        found[each.entity] = (count + 1, amount + abs(each.entry.amount))
    return found


# --- what is proposed, and what of it stands there


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One journal, and how it stands in the ledger; `read` is False where the accounts could not be read."""

    journal: Journal
    standing: Standing
    read: bool


def propose(rules: Rules, period: str, figures: Figures, ledger: Ledger, broken: Iterable[KeptStray],  # noqa: PLR0913, PLR0917  all it is made of
            rolled: Rolled | None) -> tuple[Proposed, ...]:
    """Propose the journals of a month from what one proof kept, and say of each whether it was in the ledger when that was read."""
    apart = [Apart(kind=each.kind, entity=each.entity, currency=each.currency, amount=each.amount, line=each.line, document=each.document)
             for each in broken if each.standing == "broken" and each.line]
    accounts = {entity: {Role(role): account for role, account in tied.named.items()} for entity, tied in rules.accounts.items()}
    ends = Ends(tenant=rules.tenant, period=period, last={each.id: each.calendar.last(period) for each in rules.having(period)})
    found = []
    for each in journals(ends, accounts, figures, apart, rolled):
        booked = [one.entry for one in ledger.posted if one.entity == each.entity]
        read = {Role(role): account for role, account in ledger.accounts.get(each.entity, {}).items()}
        found.append(Proposed(journal=each, standing=standing(each, booked, read, ledger.day),
                              read=each.entity in ledger.accounts and each.entity not in ledger.unread))
    return tuple(found)


__all__ = ["Ledger", "Posted", "Proposed", "needed", "own_accounts", "propose", "read_ledger"]
