"""How does a command get its second person?

Whoever types at a machine could name anybody, so two names in one command prove no second person. What takes two is a proposal here as
everywhere, with the hash of what was shown, its limits and its end; somebody else approves it. Only outside of production may one command
name both, for demos and development, and it goes the same way in one transaction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from backhaul.domain.access import Action
from backhaul.domain.proposal import Proposal, ProposalKind, ProposalState
from backhaul.entrypoints.terminal import out, say

Who = Annotated[str, typer.Option(help="Who you are.")]
Why = Annotated[str, typer.Option(help="Why; kept in the trail.")]
Approver = Annotated[str, typer.Option(help="Who approved it; somebody else.")]
Second = Annotated[str, typer.Option(help="Who approves it at once, somebody else; refused in production. Without, it is proposed.")]

ONE_ALONE: Final = (
    "with BACKHAUL_MODE=production one command does not name both people. Leave --approver out: it is proposed, and somebody else looks at "
    "it with `backhaul proposals` and says `backhaul approve NUMBER --shown HASH --approver NAME`, or approves it in the console")


def proposer(house: Any, tenant: str, actor: str, right: Action, entity: str = "") -> str:  # noqa: ANN401  House, imported late
    """Give the name under which somebody proposes; of whom the record knows, the right is asked."""
    from backhaul.application import people

    with house.store.look() as tx:
        return people.entitled(tx, actor, right, tenant, entity)


def refuse_both(house: Any, approver: str) -> None:  # noqa: ANN401  as above
    """Stop a command that names both people where that proves nothing."""
    if approver.strip() and house.settings.sign_in.production:
        raise typer.BadParameter(ONE_ALONE)


def agreed(  # noqa: PLR0913  each is named at the call
    house: Any, tenant: str, kind: ProposalKind, content: Mapping[str, Any], *, actor: str, approver: str, reason: str,  # noqa: ANN401  as above
    right: Action | None = None,
) -> Proposal:
    """Propose it, and approve it at once where a second person is named and may be; refused, neither is kept.

    `right` is one that is asked beside that of the kind.
    """
    from backhaul.application import approvals, people
    from backhaul.application.effects import EFFECTS
    from backhaul.domain.errors import NeedsOperator
    from backhaul.domain.proposal import PROPOSALS

    rules, now, rule, second = house.profiles[tenant].rules, datetime.now(UTC), PROPOSALS[kind], approver.strip()
    refuse_both(house, second)
    rights = tuple(filter(None, (rule.proposes, right)))
    with house.store.look() as tx:
        entity = EFFECTS[kind].looks(tx, rules, content).legal_entity
        name, *_ = [people.entitled(tx, actor, each, tenant, entity) for each in rights]
    route = house.desk(tenant, entity or rules.entities[0].id).route if second and EFFECTS[kind].routes else None
    with house.store.begin() as tx:
        asked = approvals.propose_in(tx, EFFECTS, rules, kind, content, proposer=name, reason=reason, now=now)
        if not second:
            return asked
        if second.casefold() == name.casefold():
            holds = f" holds {asked.money}" if asked.money.amount else ""
            message = f"{asked.subject}{holds}: somebody other than '{name}' has to approve; nothing was kept"
            raise NeedsOperator(message)
        return approvals.approve(
            approvals.Within(tx=tx), EFFECTS, rules, asked.id, shown=asked.sha256, now=now,
            approver=people.entitled(tx, second, rule.approves, tenant, entity),
            route_of=(lambda _: route) if route else approvals.no_route)


def told_of(done: Proposal) -> dict[str, Any]:
    """Give how a proposal stands, for programs."""
    return {"proposal": done.id, "state": done.state.value, "shown": done.sha256, "needed": done.needed, "result": done.result}


def tell(done: Proposal, more: Mapping[str, Any] | None = None, *, as_json: bool) -> None:
    """Say what came of it: done by both, or what somebody else has to say now."""
    if as_json:
        say({**(more or {}), **told_of(done)})
    elif done.state is ProposalState.APPROVED:
        out.print(f"{done.result}, by {done.proposer} and {' and '.join(done.yeses)}.")
    else:
        out.print(f"Proposal {done.id} waits for {'one more' if done.yeses else 'somebody else' if done.needed == 1 else 'two others'}: "
                  f"`backhaul approve {done.id} --shown {done.sha256} --approver NAME`.", soft_wrap=True)
