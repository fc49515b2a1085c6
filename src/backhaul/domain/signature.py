"""Who signs for a month, which numbers do they sign, and when does what they signed hold no longer?

Each team has a list of its own with the numbers of that moment; the reviewer signs last, over all four lists, and is nobody who signed
one. A signature keeps the numbers it was given for. It falls when one of them moves: any way where it is a result, and only upwards where
it counts open work, for work that was done meanwhile takes nothing back that was signed. Every number is as of the end of the month or
now, whichever is earlier, so that time alone moves none. What could not be read is not known: it moves nothing, and fells what was signed
without it once it is read and is not nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.access import Action, Person, Role, may
from backhaul.domain.rules import LegalEntity
from backhaul.domain.trail import digest


class Signer(StrEnum):
    """For what somebody signs: the list of a team, or all of them as the reviewer."""

    FINANCE = "finance"
    WAREHOUSE = "warehouse"
    CUSTOMER_SERVICE = "customer-service"
    INTEGRATION = "integration"
    REVIEWER = "reviewer"


TEAMS: Final = tuple(signer for signer in Signer if signer is not Signer.REVIEWER)
SIGNS: Final[Mapping[Signer, frozenset[Role]]] = {
    Signer.FINANCE: frozenset({Role.FINANCE}),
    Signer.WAREHOUSE: frozenset({Role.WAREHOUSE}),
    Signer.CUSTOMER_SERVICE: frozenset({Role.OPERATOR}),
    Signer.INTEGRATION: frozenset({Role.OPERATOR}),
    Signer.REVIEWER: frozenset({Role.APPROVER}),
}
"""Which roles sign which list; who keeps things going is an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One number of a team's list. `grows`: it counts open work, and only more of it fells a signature."""

    name: str
    signer: Signer
    means: str
    grows: bool = False


def _item(name: str, signer: Signer, means: str, *, grows: bool = False) -> Item:
    return Item(name=name, signer=signer, means=means, grows=grows)


UNKNOWN: Final = "not known"
"""How a number stands that the last proof could not read, or that no account is named for."""
NONE: Final = frozenset({"0", "0.00"})
_F, _W, _C, _I, _ = Signer
ITEMS: Final = (
    _item("proof_complete", _F, "The latest proof of the month could read everything of this legal entity"),
    _item("lines", _F, "Lines accepted in the month, as last proved"),
    _item("broken", _F, "Lines and records that the latest proof calls broken"),
    _item("broken_amount", _F, "Money in them, none set off against another"),
    _item("credit_difference", _F, "Money credited beyond what was accepted, less what is in timing, as last proved"),
    _item("ledger_difference", _F, "Money in the ledger beyond what was credited, as last proved"),
    _item("paid_difference", _F, "What the accounts say beyond what was rolled forward as paid and not credited, as last proved"),
    _item("received_difference", _F, "What the accounts say beyond what was rolled forward as received and not credited, as last proved"),
    _item("by_hand", _F, "Postings by hand of the month on the accounts that returns have to themselves, as last proved"),
    _item("by_hand_amount", _F, "Money in them, none set off against another"),
    _item("irregular", _F, "Findings of the last proof about finance's house: vouchers, costs and mappings", grows=True),
    _item("unbalanced", _F, "By how much vouchers of returns do not add up to nothing, as last proved"),
    _item("credited", _F, "Credit notes of the month's batches that were read back"),
    _item("credited_net", _F, "What they credit, net"),
    _item("held", _F, "Lines held for a person at the end of the month, each with its reason"),
    _item("held_amount", _F, "Money in them"),
    _item("unconfirmed", _F, "Documents of the month that nobody knows the fate of for more than a day", grows=True),
    _item("stock_difference", _W, "Units in stock beyond those accepted, as last proved"),
    _item("availability", _W, "Units that the shop's latest file of the month offers otherwise than they were on sale", grows=True),
    _item("blocked", _W, "Lines of the month that wait and whose item is blocked by now, as last proved", grows=True),
    _item("unmapped", _W, "Lines held at the end of the month for a code that nobody mapped", grows=True),
    _item("silent", _W, "Sources that had told nothing for a day at the end of the month", grows=True),
    _item("promises_due", _C, "Promises to customers of the month that are past due, with nothing credited", grows=True),
    _item("waiting_late", _C, "Returns of the month whose customer waits past the date", grows=True),
    _item("unread", _I, "Messages of the month that nobody has read", grows=True),
    _item("unreadable", _I, "Messages of the month that cannot be read", grows=True),
    _item("gaps", _I, "Messages that never came, totals of the platform that differ, and breaks of the trail, as last proved", grows=True),
    _item("drift", _I, "Open differences between the ERP and its recorded contract", grows=True),
)
"""Every number of every list, in the order in which it is read."""
_BY_NAME: Final = {item.name: item for item in ITEMS}

Numbers = Mapping[str, str]
"""Numbers by the names of their items, exactly as written."""


def listed(numbers: Numbers, signer: Signer) -> Numbers:
    """Give the numbers somebody signs: their team's, or all for the reviewer."""
    return {item.name: numbers[item.name] for item in ITEMS if signer in {item.signer, Signer.REVIEWER}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What somebody signed, for whom and when; `fallen_at` and `moved` say when it fell and by which numbers."""

    id: int = 0
    tenant: str
    period: str
    legal_entity: str
    signer: Signer
    numbers: Numbers
    actor: str
    at: datetime
    fallen_at: datetime | None = None
    moved: Sequence[str] = ()

    @property
    def sha256(self) -> str:
        """Give the hash of what was signed."""
        return hashed(self.tenant, self.period, self.legal_entity, self.signer, self.numbers)


def hashed(tenant: str, period: str, legal_entity: str, signer: Signer, numbers: Numbers) -> str:
    """Give the hash of a list as it is shown."""
    return digest({"tenant": tenant, "period": period, "legal_entity": legal_entity, "signer": signer, "numbers": numbers})


def moved(signed: Numbers, now: Numbers) -> tuple[str, ...]:
    """Say which numbers under a signature moved, old and new; a number that a later version adds was not signed, and moves nothing."""
    return tuple(f"{name}: {before} → {now[name]}" for name, before in signed.items()
                 if name in now and _falls(_BY_NAME[name], before, now[name]))


def _falls(item: Item, before: str, after: str) -> bool:
    if UNKNOWN in {before, after}:
        return after not in {UNKNOWN, *NONE}
    return Decimal(after) > Decimal(before) if item.grows else after != before


def begins(entity: LegalEntity, period: str) -> datetime:
    """Say when a period begins in a legal entity's zone and calendar."""
    return entity.begin_of(entity.calendar.first(period))


def ends(entity: LegalEntity, period: str) -> datetime:
    """Say when a period is over in a legal entity's zone and calendar: at the first moment of the next day."""
    return entity.end_of(entity.calendar.last(period))


def may_sign(person: Person, signer: Signer, tenant: str, legal_entity: str) -> bool:
    """Tell whether somebody may sign a list: their token lets them sign, and a role that signs it covers the legal entity."""
    covering = {grant.role for grant in person.grants
                if grant.tenant == tenant and (grant.entities is None or legal_entity in grant.entities)}
    return may(person, Action.SIGN, tenant, legal_entity) and bool(covering & SIGNS[signer])


def objection(signer: Signer, actor: str, numbers: Numbers, kept: Sequence[Signature], *, over: bool) -> str:
    """Say why somebody may not sign a list of a month as it stands; empty if they may. `kept` is all that was ever signed of it."""
    standing = {each.signer for each in kept if each.fallen_at is None}
    others = (Signer.REVIEWER,) if signer is not Signer.REVIEWER else TEAMS
    rows: tuple[tuple[bool, str], ...] = (
        (not actor.strip(), "a signature says whose it is"),
        (not over, "the month is not over; until then its list is a rehearsal"),
        (signer in standing, f"{signer.value} has signed already, and nothing moved since"),
        (_named(actor, kept, others), f"'{actor}' signed this month on the other side; preparers and reviewer are different people"),
        (numbers.get("proof_complete") == "no",
         "no proof of this month could read everything; run `backhaul reconcile --period` first"),
        (signer is Signer.REVIEWER and not standing >= set(TEAMS),
         f"the reviewer signs last; {', '.join(team.value for team in TEAMS if team not in standing)} have not signed"),
    )
    return next((sentence for holds, sentence in rows if holds), "")


def _named(actor: str, kept: Sequence[Signature], signers: Collection[Signer]) -> bool:
    return any(each.signer in signers and each.actor.strip().casefold() == actor.strip().casefold() for each in kept)


# --- the steps of a close


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a month's end: so many days after its last day, and the word by which it is known to be done."""

    day: int
    means: str
    known_by: str = ""


STEPS: Final = (
    Step(day=-5, means="See what is open by cause and team, and chase it; agree with customer service until when refunds go out early."),
    Step(day=-3, means="Compare warehouses, items, codes and tax with the ERP; look at new brands and sites."),
    Step(day=-1, means="Rehearse: read the four lists as they stand, and see which batches would miss the month."),
    Step(day=1, means="The month is over: what comes later belongs to the next, and what is in doubt is settled by reading the ERP.",
         known_by="settled"),
    Step(day=1, means="The last batches are posted and read back.", known_by="posted"),
    Step(day=1, means="The month is proved after its end, and every break has an owner.", known_by="proved"),
    Step(day=2, means="Each team signs its list.", known_by="prepared"),
    Step(day=3, means="The reviewer signs; whatever moves later suspends that and says what moved.", known_by="reviewed"),
)
"""The steps of a close, in order."""


def state_of(step: Step, last_day: date, today: date, known: Collection[str]) -> str:
    """Say how a step stands: done, ahead, due, or for people to say where nothing here can know."""
    if step.known_by and step.known_by in known:
        return "done"
    if today < last_day + timedelta(days=step.day):
        return "ahead"
    return "due" if step.known_by else "by people"
