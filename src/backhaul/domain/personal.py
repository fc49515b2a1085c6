"""What of a return's record is about its customer, and what is left when that is erased?

Erased are accounts, free text and the bytes of messages. What stays are facts of accounting: goods, money, days, grades, and the references
documents are known by (return, order, parcel, payment). So what a return folds into, and every document wanted of it, is what it was, with
a name in place of the account that leads to nobody.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from backhaul.domain.facts import (
    Announced,
    Concluded,
    Correctable,
    Corrected,
    Decided,
    Fact,
    HandedIn,
    Mapped,
    Matched,
    SentBack,
    Unreadable,
    kept_as,
)

ERASED: Final = "erased"
"""What stands where words of or about a customer stood."""
EVIDENCE: Final = "evidence"
"""Under this name a proposal says where the evidence of an outcome is."""
RUN: Final = re.compile(r"\w+")
GONE: Final = ERASED.encode()
"""What is left of the bytes of a message or a file; its hash and size stay beside it."""
STAYS: Final = (
    "Goods, money, days and grades, and the references documents are known by: return, order, parcel and payment. Books need them.",
    "The hash and size of every message and file, so that one that comes again is known.",
    "The trail; the words people gave as reasons are gone from it and its chain still holds.",
    "Documents in the ERP: they are its accounting records and are erased there, by its own rules.",
    "Backups, and files in folders that are watched; they end by their own retention.",
)
"""What an erasure leaves, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Whom an approved proposal erases: the returns, every account they were told to have, and the name that stands there from now on.

    `codes` are the reasons a mapping knows; any other reason is the customer's own words.
    """

    tenant: str
    proposal: int
    returns: tuple[str, ...]
    accounts: frozenset[str]
    name: str
    codes: frozenset[str]
    at: datetime


def name_of(proposal: int) -> str:
    """Give the name that stands in place of an account from then on; it says by which proposal, and nothing of whom."""
    return f"{ERASED}-{proposal}"


def is_erased(account: str) -> bool:
    """Tell whether this stands in place of an account that was erased."""
    return re.fullmatch(rf"{ERASED}-\d+", account) is not None


def accounts_of(facts: Iterable[Fact]) -> frozenset[str]:
    """Give every customer's account that facts name."""
    named: set[str] = set()
    for fact in facts:
        match fact:
            case Announced() | Matched():
                named.add(fact.customer or "")
            case Corrected(what=Correctable.CUSTOMER):
                named |= {fact.told, fact.value}
            case _:
                pass
    return frozenset(name for name in named - {""} if not is_erased(name))


def without(fact: Fact, erasure: Erasure) -> Fact:
    """Give a fact without what it says of its customer; it is known by the identity it had."""
    told = fact
    match fact:
        case Announced():
            lines = tuple(replace(line, description="", option="", reason=_code(line.reason, erasure.codes)) for line in fact.lines)
            told = replace(fact, customer=_name(fact.customer, erasure), lines=lines)
        case Matched():
            told = replace(fact, customer=_name(fact.customer, erasure) or "", reason=ERASED)
        case Corrected(what=Correctable.CUSTOMER):
            told = replace(fact, told=_name(fact.told, erasure) or "", value=_name(fact.value, erasure) or "", reason=ERASED)
        case Concluded():
            told = replace(fact, reason=ERASED, evidence=ERASED if fact.evidence else "")
        case HandedIn():
            told = replace(fact, label=ERASED if fact.label else "", note=ERASED if fact.note else "",
                           evidence=ERASED if fact.evidence else "")
        case Corrected() | Decided() | Mapped() | SentBack():
            told = replace(fact, reason=ERASED)
        case Unreadable():
            told = replace(fact, sentence=ERASED, value="")
        case _:
            pass
    return kept_as(told, fact.identity)


def without_document(document: Mapping[str, Any], erasure: Erasure) -> dict[str, Any]:
    """Give a document, as it is kept, without its customer; a line's reason stays where a mapping knows it."""
    told: dict[str, Any] = {
        name: without_document(value, erasure) if isinstance(value, Mapping) else value for name, value in document.items()}
    if told.get("description"):
        told["description"] = ""
    if "customer" in told:
        told["customer"] = _name(told["customer"], erasure)
    elif isinstance(told.get("reason"), str):
        told["reason"] = _code(told["reason"], erasure.codes)
    return told


def without_accounts(told: Any, erasure: Erasure) -> Any:  # noqa: ANN401  whatever a record of ours holds
    """Give what is remembered or was proposed with the name in place of every account, wherever it stands as a word of its own.

    Where the evidence of an outcome can be seen is said in somebody's own words, and goes whole.
    """
    if isinstance(told, Mapping):
        return {name: ERASED if name == EVIDENCE and value else without_accounts(value, erasure) for name, value in told.items()}
    if isinstance(told, list):
        return [without_accounts(each, erasure) for each in told]
    if not isinstance(told, str):
        return told
    for account in sorted(_among(told, erasure.accounts), key=len, reverse=True):
        told = _word(account).sub(erasure.name, told)
    return told


def names_any(body: bytes, words: Collection[str]) -> bool:
    """Tell whether bytes name one of these as a word of its own, and not as a part of a longer one."""
    text = body.decode(errors="replace").replace("\\/", "/")
    return any(_word(word).search(text) for word in _among(text, words))


def _among(text: str, words: Collection[str]) -> list[str]:
    """Give those words that may stand in a text: their first run of letters or digits does. Hundreds are sought in every message."""
    runs = frozenset(RUN.findall(text))
    return [word for word in words if (first := _first(word)) in runs or not first]


@lru_cache(maxsize=4096)
def _first(word: str) -> str:
    found = RUN.search(word)
    return found[0] if found else ""


def _word(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def _name(account: str | None, erasure: Erasure) -> str | None:
    return erasure.name if account in erasure.accounts else account


def _code(reason: str, codes: frozenset[str]) -> str:
    return reason if reason in codes else ERASED if reason else ""


__all__ = ["ERASED", "GONE", "STAYS", "Erasure", "accounts_of", "is_erased", "name_of", "names_any", "without",
           "without_accounts", "without_document"]
