"""What did somebody say who holds a parcel for which no return is known?

A form, a program or a command says it in texts; `judge` makes a `Parcel` of them, or says of each field that cannot be what is wrong with
it. What a parcel tells is told in the same facts as a platform's event about goods nobody announced, so that whatever follows is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from backhaul.domain.disposition import Outcome
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import (
    Announced,
    AnnouncedLine,
    Count,
    Fact,
    Grade,
    HandedIn,
    Inspected,
    LineRef,
    Progressed,
    Received,
    Stage,
)
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.trail import digest

MOST_ITEMS: Final = 20
MOST_UNITS: Final = 9999
LONGEST: Final[Mapping[str, int]] = {"sku": 60, "condition": 60, "disposition": 60, "reason": 100, "parcel": 60, "label": 200, "note": 1000,
                                     "evidence": 300}
"""Characters of each text, at most."""
OLDEST: Final = timedelta(days=366)
ANSWERS: Final = {"yes": True, "no": False}
"""Whether the warehouse accepts units: what it accepts is credited once two people have found the sale."""


class NotAParcel(NeedsOperator):
    """What was said of a parcel cannot be; `fields` says of each field by name what is wrong with it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Keep what is wrong by field, and say all of it in one sentence."""
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in fields.items()))
        self.fields = dict(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """So many units of one item that lay in a parcel, found alike. `reason` is the customer's, where the parcel says one."""

    sku: str
    units: int
    condition: str
    disposition: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What came, where and when, and who says so. `parcel` is the carrier's number, `label` whatever else can be read on it.

    `retailer` and `warehouse` are the platform's codes; `evidence` says where it can be seen.
    """

    retailer: str
    warehouse: str
    currency: str
    items: tuple[Item, ...]
    came_on: date
    parcel: str = ""
    label: str = ""
    note: str = ""
    evidence: str = ""
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What can be said of a parcel of one legal entity: each list as the profile has it."""

    retailers: tuple[str, ...]
    warehouses: tuple[str, ...]
    currencies: tuple[str, ...]
    grades: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]


def choices_of(rules: Rules, entity: LegalEntity) -> Choices:
    """Give what the profile knows: a grade (condition, disposition) no row of the mapping has goes nowhere, and goods in hand are goods."""
    mine = [row.when for row in rules.mapping if row.when.legal_entity == entity.id and row.outcome is not Outcome.WITHOUT_GOODS]
    return Choices(
        retailers=tuple(sorted(entity.retailers)), warehouses=tuple(entity.warehouses),
        currencies=(entity.currency, *sorted(set(entity.currencies) - {entity.currency})),
        grades=tuple(sorted({(when.condition, when.disposition) for when in mine})),
        reasons=tuple(sorted({when.reason for when in mine} - {""})))


def judge(told: Mapping[str, Any], choices: Choices, *, actor: str, today: date) -> Parcel:
    """Make a parcel of what was said, all of it texts and `items` a list of such; raise `NotAParcel` where any of it cannot be.

    What has one answer only need not be said: a retailer, warehouse or currency; a day that is not said is today.
    """
    wrong: dict[str, str] = {}
    text = {name: _text(told, name, wrong) for name in ("parcel", "label", "note", "evidence")}
    retailer = _one(told, "retailer", choices.retailers, wrong)
    warehouse = _one(told, "warehouse", choices.warehouses, wrong)
    currency = _one({"currency": told.get("currency") or choices.currencies[0]}, "currency", choices.currencies, wrong)
    came_on = _day(str(told.get("came_on", "")).strip(), today, wrong)
    said: Sequence[Mapping[str, Any]] = told.get("items", ())
    if not 0 < len(said) <= MOST_ITEMS:
        wrong["items"] = f"say what lay in it: 1 to {MOST_ITEMS} items, not {len(said)}"
    items = tuple(_item(each, f"items[{at}].", choices, wrong) for at, each in enumerate(said)) if "items" not in wrong else ()
    if wrong:
        raise NotAParcel(wrong)
    return Parcel(retailer=retailer, warehouse=warehouse, currency=currency, items=items, came_on=came_on, actor=actor, **text)


def _item(told: Mapping[str, Any], where: str, choices: Choices, wrong: dict[str, str]) -> Item:
    sku, reason = (_text(told, name, wrong, where) for name in ("sku", "reason"))
    condition, disposition = (_text(told, name, wrong, where) for name in ("condition", "disposition"))
    if not sku:
        wrong.setdefault(f"{where}sku", "say which item it is")
    if (condition, disposition) not in choices.grades:
        known = ", ".join("/".join(filter(None, grade)) for grade in choices.grades)
        wrong.setdefault(f"{where}condition", f"no row of the mapping has '{condition}/{disposition}'; it has {known or 'none'}")
    units, accepted = str(told.get("units", "")).strip(), ANSWERS.get(str(told.get("accepted", "")).strip())
    if not (units.isascii() and units.isdecimal() and len(units) <= len(str(MOST_UNITS)) and int(units)):
        wrong[f"{where}units"] = f"units are a whole number from 1 to {MOST_UNITS}, not '{units[:20]}'"
    if accepted is None:
        wrong[f"{where}accepted"] = "say 'yes' if the warehouse accepts it, so that it is credited once its sale is found, or 'no'"
    return Item(sku=sku, units=0 if f"{where}units" in wrong else int(units), condition=condition, disposition=disposition,
                accepted=bool(accepted), reason=reason)


def _text(told: Mapping[str, Any], name: str, wrong: dict[str, str], where: str = "") -> str:
    text = str(told.get(name, "")).strip()
    text = text if name == "sku" else " ".join(text.split())  # an item's name is compared letter by letter, spaces too
    if len(text) > LONGEST[name] or not text.isprintable():
        wrong[where + name] = f"at most {LONGEST[name]} characters that can be printed, not {len(text)}"
    return text


def _one(told: Mapping[str, Any], name: str, known: Sequence[str], wrong: dict[str, str]) -> str:
    said = str(told.get(name, "")).strip() or (known[0] if len(known) == 1 else "")
    if said not in known:
        which = ", ".join(known) or "none that the profile knows"
        wrong[name] = f"one of {which}, not '{said[:60]}'" if said else f"say which: {which}"
    return said


def _day(said: str, today: date, wrong: dict[str, str]) -> date:
    try:
        day = date.fromisoformat(said) if said else today
    except ValueError:
        wrong["came_on"] = f"a day is written as {today.isoformat()}, not '{said[:20]}'"
        return today
    if not today - OLDEST <= day <= today:
        wrong["came_on"] = f"it came within the last year and not after {today.isoformat()}, not on {day.isoformat()}"
    return day


def ref_of(tenant: str, identity: str) -> str:
    """Give the reference under which a registered parcel is known: made of what registered it, so that it is always the same."""
    return f"HAND-{digest({'tenant': tenant, 'identity': identity})[:12].upper()}"


def facts_of(parcel: Parcel, ref: str, *, at: datetime, delivery: str, event: str) -> tuple[Fact, ...]:
    """Say what a parcel tells, as a message would: goods nobody announced came, were counted, and were graded `at` the moment it was said.

    Units of one item are one line, whatever the grades they were found in.
    """
    came = min(datetime.combine(parcel.came_on, time(12), UTC), at)
    skus = list(dict.fromkeys(item.sku for item in parcel.items))
    units = {sku: Decimal(sum(item.units for item in parcel.items if item.sku == sku)) for sku in skus}
    reasons = {item.sku: item.reason for item in reversed(parcel.items) if item.reason}
    refs = {sku: LineRef(sku=sku, quantity=units[sku]) for sku in skus}
    return (
        HandedIn(return_ref=ref, at=at, delivery=delivery, event=event, label=parcel.label, note=parcel.note, evidence=parcel.evidence,
                 actor=parcel.actor),
        Announced(return_ref=ref, at=came, delivery=delivery, event=event, customer=None, currency=parcel.currency,
                  warehouse=parcel.warehouse, retailer=parcel.retailer, blind=True,
                  lines=tuple(AnnouncedLine(ref=refs[sku], quantity=units[sku], reason=reasons.get(sku, "")) for sku in skus)),
        Progressed(return_ref=ref, at=came, delivery=delivery, event=event, stage=Stage.RECEIVED, parcel=parcel.parcel),
        Received(return_ref=ref, at=came, delivery=delivery, event=event,
                 counts=tuple(Count(line=refs[sku], quantity=units[sku]) for sku in skus)),
        Progressed(return_ref=ref, at=at, delivery=delivery, event=event, stage=Stage.INSPECTED, parcel=parcel.parcel),
        Inspected(return_ref=ref, at=at, delivery=delivery, event=event, grades=tuple(
            Grade(line=refs[item.sku], quantity=Decimal(item.units), condition=item.condition, disposition=item.disposition,
                  accepted=item.accepted) for item in parcel.items)),
    )
