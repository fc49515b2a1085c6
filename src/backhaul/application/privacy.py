"""What do we hold about a customer, and how does it end without ending the proof?

Somebody asks for what is held, or to be erased (GDPR Art. 15 and 17). An erasure is proposed, shown as counts, and done when a second
person approves it, in that transaction. A return that is still open is not erased: whoever waits for money has to be known.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backhaul.application import legal_hold
from backhaul.application.approvals import Acting, Effect, Subject
from backhaul.application.people_ports import Held, PeopleStore, PeopleTx
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.mapped import reasons
from backhaul.domain.money import Money
from backhaul.domain.personal import STAYS, Erasure, accounts_of, is_erased, name_of
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules

OVER: Final = frozenset({ReturnState.SETTLED, ReturnState.CLOSED})
"""States of a return nobody has to do anything about."""


def returns_of(store: PeopleStore, rules: Rules, subject: str) -> tuple[str, ...]:
    """Give the returns of somebody who is named by their account, or by one of their returns; a sentence if there are none."""
    with store.look() as tx:
        return _returns_of(tx, rules, subject)


def export(store: PeopleStore, rules: Rules, subject: str) -> Mapping[str, Any]:
    """Give everything that is held about somebody, with what was erased already."""
    with store.look() as tx:
        refs = _returns_of(tx, rules, subject)
        held = tx.held_about(rules.tenant, refs, _accounts(tx, rules, refs))
        return {"subject": subject, **tx.about(rules.tenant, held, refs),
                "erasures": [{"proposal": each.proposal, "at": each.at} for ref in refs for each in tx.erasures(rules.tenant, ref)]}


def proof(store: PeopleStore, rules: Rules, subject: str) -> Sequence[Mapping[str, Any]]:
    """Give the proof of what was erased of a return: by which proposal, when, how much of what, and the hashes of bytes that are gone."""
    with store.look() as tx:
        return [{"proposal": each.proposal, "at": each.at, "name": each.name, **each.proof} for each in tx.erasures(rules.tenant, subject)]


def content_of(store: PeopleStore, rules: Rules, refs: Sequence[str]) -> dict[str, Any]:
    """Give what a proposal to erase says: returns and messages, never an account, so that it may be kept.

    All messages are looked through here, where nobody waits for it; whoever approves looks through those that came since.
    """
    with store.look() as tx:
        held = tx.held_about(rules.tenant, refs, _accounts(tx, rules, refs))
    return {"returns": list(refs), "messages": list(held.messages), "looked_through": held.last}


def _held(tx: PeopleTx, rules: Rules, content: Mapping[str, Any], refs: Sequence[str]) -> Held:
    return tx.held_about(rules.tenant, refs, _accounts(tx, rules, refs), known=[int(number) for number in content["messages"]],
                         beyond=int(content["looked_through"]))


def house_of(rules: Rules) -> frozenset[str]:
    """Give the accounts that stand for all who have none of their own."""
    return frozenset(entity.no_customer_account for entity in rules.entities) - {""}


def _returns_of(tx: PeopleTx, rules: Rules, subject: str) -> tuple[str, ...]:
    house = house_of(rules)
    if subject in house:
        message = f"account '{subject}' stands for all who have none of their own; name one of their returns"
        raise NeedsOperator(message)
    case = tx.cases(rules.tenant, [subject]).get(subject)
    refs = _with_theirs(tx, rules, [subject] if case else [])
    if subject:
        refs |= set(tx.returns_of(rules.tenant, [subject]).get(subject, ()))
    if not refs:
        message = f"nothing here is about '{subject}'; name an account or a return, letter by letter"
        raise NeedsOperator(message)
    return tuple(sorted(refs))


def _with_theirs(tx: PeopleTx, rules: Rules, refs: Sequence[str]) -> set[str]:
    """Give these returns and every other one of whoever returned them; a name that stands in place of an account is nobody's."""
    whose = {case.customer for case in tx.cases(rules.tenant, refs).values()} - house_of(rules) - {""}
    theirs = tx.returns_of(rules.tenant, [account for account in whose if not is_erased(account)])
    return {*refs, *(ref for found in theirs.values() for ref in found)}


def _accounts(tx: PeopleTx, rules: Rules, refs: Sequence[str]) -> frozenset[str]:
    """Give every account these returns have or had, but those of the house."""
    cases, facts = tx.cases(rules.tenant, refs), tx.facts(rules.tenant, refs)
    named = {case.customer for case in cases.values()} | {name for told in facts.values() for name in accounts_of(told)}
    return frozenset(name for name in named - house_of(rules) - {""} if not is_erased(name))


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give what would be erased, in numbers; or stop with what is in the way."""
    refs = sorted(_with_theirs(tx, rules, [str(ref) for ref in content.get("returns", ())]))
    legal_hold.refuse_held(tx, rules, refs)
    cases = tx.cases(rules.tenant, refs)
    missing = [ref for ref in refs if ref not in cases]
    waiting = [ref for ref in refs if ref in cases and cases[ref].state not in OVER]
    held = _held(tx, rules, content, refs)
    work = tx.exceptions(rules.tenant, refs=held.about)
    proposed = tx.proposals(Scope.whole(rules.tenant), subjects=held.about)
    if missing or waiting or work or proposed:
        raise NeedsOperator(_in_the_way(cases, missing, waiting, [f"{row.id} of {row.case.return_ref}" for row in work],
                                        [str(row.id) for row in proposed]))
    if erased := [ref for ref in refs if tx.erasures(rules.tenant, ref)]:
        message = f"return {erased[0]} is erased already; 'backhaul privacy erase --subject {erased[0]} --proof' shows what is gone"
        if set(erased) == set(refs) and all(is_erased(case.customer) or not case.customer for case in cases.values()):
            raise NeedsOperator(message)
    return Subject(name=f"whoever returned {refs[0]}", legal_entity="", money=Money(amount=NOTHING, currency=""), state={
        "returns": refs, "erases": dict(held.counts), "returns_told_of_in_the_same_messages": list(held.others), "stays": list(STAYS)})


def _in_the_way(cases: Mapping[str, Any], missing: Sequence[str], waiting: Sequence[str], work: Sequence[str],
                proposed: Sequence[str]) -> str:
    """Say why nobody is erased yet, by the first of what is in the way."""
    if missing:
        return f"return {missing[0]} is not looked at yet; let the worker take a turn, then ask again"
    if waiting:
        state = cases[waiting[0]].state
        return f"return {waiting[0]} is {state.value if state else 'new'}; nobody is erased whose return is not settled or closed"
    if work:
        return f"exception {work[0]} is open; decide about it, then ask again"
    return f"proposal {proposed[0]} waits for somebody; end it, then ask again"


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said, rules = acting.proposal, acting.rules
    refs = tuple(str(ref) for ref in said.content["returns"])
    accounts = _accounts(tx, rules, refs)
    held, name = _held(tx, rules, said.content, refs), name_of(said.id)
    facts = [fact for told in tx.facts(rules.tenant, refs).values() for fact in told]
    done = tx.erase(Erasure(tenant=rules.tenant, proposal=said.id, returns=refs, accounts=accounts, name=name, at=acting.now,
                            codes=reasons(rules, facts)), held)
    tx.record(rules.tenant, subject=said.subject, action="privacy.erased", at=acting.now, actor=said.proposer, detail={
        "proposal": said.id, "approver": acting.approver, "name": name, "counts": done["counts"], "returns": list(refs),
        "messages": len(done["sha256"])})
    return f"{len(refs)} returns and {len(done['sha256'])} messages are about {name} from now on"


EFFECT: Final = Effect(looks=_looks, acts=_acts)
