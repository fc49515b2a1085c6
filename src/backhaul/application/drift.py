"""Is the environment still the one the adapter was made for?

What an ERP shows of the sets and fields we use is recorded once per legal entity, and compared at start and every day. While
something we use is gone or changed nothing is sent: a refused write would say so late, a defaulted one not at all.
Two people accept what is new, by a proposal, or somebody mends it and the line opens by itself.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from backhaul.application.approvals import Acting, Effect, Subject
from backhaul.application.people_ports import PeopleTx
from backhaul.application.ports import Capabilities, Erp, Store, Tx
from backhaul.domain.contract import Contract, Drift, compare
from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.exception_case import Finding
from backhaul.domain.money import Money
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.trail import digest

EVERY: Final = timedelta(days=1)
WHILE_STOPPED: Final = timedelta(hours=1)
"""How often an environment is asked again, and how often while it stops the line."""


def stops(store: Store, erp: Erp, rules: Rules, entity: LegalEntity, now: datetime, *,  # noqa: PLR0913  as `control.balance`, and the probe
          probed: Capabilities | None = None) -> tuple[str, ...]:
    """Say what stops sending for a legal entity; `probed` was shown just now, otherwise the environment is asked when that is due.

    Raises `RetryLater` when it cannot be asked: not to know is never taken for unchanged.
    """
    if probed is None:
        with store.begin() as tx:
            memory = tx.recall(rules.tenant, _name(entity))
        if not memory:
            return ()
        if now < datetime.fromisoformat(memory["again"]):
            return tuple(memory["stops"])
        probed = erp.capabilities()
    if probed.contract is None:
        return ()
    with store.begin() as tx:
        return _concluded(tx, rules, entity, probed.contract, now, lacks=probed.missing)


def _concluded(tx: Tx, rules: Rules, entity: LegalEntity, shown: Contract, now: datetime, *,  # noqa: PLR0913  what is compared, and where
               lacks: tuple[str, ...]) -> tuple[str, ...]:
    """Compare, remember, and open or close the work; what was never recorded is recorded now."""
    name = _name(entity)
    memory, recorded = tx.recall(rules.tenant, name), tx.recall(rules.tenant, _recorded(name))
    before = Contract.of(recorded) if recorded else shown
    known = bool(recorded) and before.covers(shown)  # as on most days: what is recorded stays as it is
    baseline, drift = recorded if known else before.widened(shown).plain(), compare(before, shown)
    # A line that stands is opened only to an environment that lacks nothing else either.
    told = (*drift.stops, *lacks) if drift.stops or memory.get("stops") else ()
    sha256 = memory["sha256"] if memory and (known or baseline == recorded) else digest(baseline)
    if sha256 != memory.get("sha256"):
        tx.record(rules.tenant, subject=name, action="contract.recorded", at=now, actor="backhaul", detail={
            "sha256": sha256, "sets": sorted(baseline["sets"]), "enumerations": sorted(baseline["enums"])})
        tx.remember(rules.tenant, _recorded(name), baseline)
    if list(told) != memory.get("stops", []):
        tx.record(rules.tenant, subject=name, action="contract.drifted" if told else "contract.restored", at=now, actor="backhaul",
                  detail={"differs": list(told), "sha256": sha256})
    _remember(tx, rules, name, sha256, told, drift.notes, now)
    if told:
        sentence = (f"Nothing is sent for {entity.id}: its environment no longer shows what was recorded. {'; '.join(told)}.")
        tx.open_exception(rules.work(name, Finding(code="CONTRACT_DRIFT", sentence=sentence), now=now,
                                     money=Money(amount=NOTHING, currency="")))
    elif memory.get("stops"):
        tx.close_exceptions(rules.tenant, name, apart_from=(), resolution="the environment shows its recorded contract again", at=now)
    return told


def seen(tx: Tx, rules: Rules, entity: LegalEntity, probed: Capabilities) -> Drift:
    """Compare what an environment shows with what is recorded of it, and keep nothing; empty where nothing is recorded."""
    recorded = tx.recall(rules.tenant, _recorded(_name(entity)))
    return compare(Contract.of(recorded), probed.contract) if recorded and probed.contract else Drift()


def offer(store: Store, erp: Erp, rules: Rules, entity: LegalEntity) -> dict[str, Any]:
    """Keep what the environment shows now, and write what a proposal to take it as its contract says.

    Refused with `NeedsOperator` while the environment lacks what the mode needs.
    """
    probed = erp.capabilities()
    if probed.missing:
        message = (f"{entity.id}: what deployment {entity.deployment} needs is not there, and no person can accept that: "
                   f"{'; '.join(probed.missing)}. Mend it in the environment.")
        raise NeedsOperator(message)
    if probed.contract is None:
        message = f"{entity.id}: the ERP '{entity.erp}' shows no contract, so there is none to accept"
        raise Misconfigured(message)
    baseline = probed.contract.plain()
    with store.begin() as tx:
        found = seen(tx, rules, entity, probed)
        tx.remember(rules.tenant, _offered(_name(entity)), baseline)
    return {"legal_entity": entity.id, "sha256": digest(baseline), "differs": [*found.stops, *found.notes]}


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give the contract that is recorded beside the one that is offered; one that was offered anew since is another."""
    name = _name(rules.entity(str(content["legal_entity"])))
    if digest(tx.recall(rules.tenant, _offered(name))) != content["sha256"]:
        message = f"{name}: the environment was looked at once more since; propose what it shows now"
        raise NeedsOperator(message)
    return Subject(name=name, legal_entity=str(content["legal_entity"]), money=Money(amount=NOTHING, currency=""),
                   state={"recorded": tx.recall(rules.tenant, name).get("sha256", ""), "offered": content["sha256"]})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    """Take what was offered as the contract: the line opens, and what differs from it by then stops it anew at the next look."""
    said, rules = acting.proposal, acting.rules
    entity = rules.entity(said.legal_entity)
    name, sha256 = said.subject, str(said.content["sha256"])
    memory = tx.recall(rules.tenant, name)
    tx.remember(rules.tenant, _recorded(name), tx.recall(rules.tenant, _offered(name)))
    _remember(tx, rules, name, sha256, (), (), acting.now)
    tx.record(rules.tenant, subject=name, action="contract.accepted", at=acting.now, actor=said.proposer, detail={
        "approver": acting.approver, "reason": said.reason, "before": memory.get("sha256", ""), "sha256": sha256,
        "differed": said.content["differs"]})
    tx.close_exceptions(rules.tenant, name, apart_from=(), resolution=said.reason, at=acting.now, actor=said.proposer)
    return f"what {entity.id} shows is its contract"


EFFECT: Final = Effect(looks=_looks, acts=_acts)


def _remember(tx: Tx, rules: Rules, name: str, sha256: str, told: tuple[str, ...],  # noqa: PLR0913, PLR0917
              notes: tuple[str, ...], now: datetime) -> None:
    tx.remember(rules.tenant, name, {
        "sha256": sha256, "stops": list(told), "notes": list(notes),
        "checked": now.isoformat(), "again": (now + (WHILE_STOPPED if told else EVERY)).isoformat()})


def _name(entity: LegalEntity) -> str:
    return f"contract:{entity.id}"


def _recorded(name: str) -> str:
    """Name the memory that holds the contract itself: it is large, and most turns only ask when the next look is due."""
    return f"{name}:recorded"


def _offered(name: str) -> str:
    """Name the memory that holds what somebody was shown and may become the contract."""
    return f"{name}:offered"
