"""Who may do what, what waits for a second person, and may writes leave: from a terminal.

Whoever has the machine has the database, so a name proves nothing here; who approves is somebody else all the same (INV-30), and somebody
the record knows needs the right the console would ask.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from backhaul.domain.access import Action
from backhaul.domain.proposal import PROPOSALS, ProposalKind
from backhaul.entrypoints.seconding import Approver, Second, Who, Why, agreed, proposer, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

people_app: Final = typer.Typer(no_args_is_help=True, help="Who is known, and what they may do: list, add, grant, revoke, token.")

Number = Annotated[int, typer.Argument(help="Its number.")]


@people_app.command("list")
def people_list(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Show everybody who is known, with what they may do in this tenant."""
    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            known, grants = tx.people(), tx.grants(name)
    told = [{"person": person.number, "name": person.name, "issuer": person.issuer, "subject": person.subject,
             "grants": [{"grant": row.id, "role": row.grant.role.value, "approved_by": row.approved_by,
                         "entities": None if row.grant.entities is None else sorted(row.grant.entities)}
                        for row in grants if row.person == person.number]} for person in known]
    if as_json:
        say({"people": told})
        return
    for each in told:
        rights = ", ".join(f"{row['role']} ({'all' if row['entities'] is None else ', '.join(row['entities'])}, grant {row['grant']})"
                           for row in each["grants"]) or "nothing"
        out.print(f"{each['person']}: {each['name']}, {each['subject']} at {each['issuer']}: {rights}")


@people_app.command("add")
def people_add(
    *, issuer: Annotated[str, typer.Option(help="Who vouches for them: the issuer of their identity.")],
    subject: Annotated[str, typer.Option(help="What that issuer calls them; for Entra ID the object id, never an e-mail address.")],
    name: Annotated[str, typer.Option(help="What people call them.")], actor: Who, as_json: Json = False,
) -> None:
    """Add somebody who may do nothing yet."""
    from backhaul.application import people

    with opened() as house:
        number = people.add(house.store, issuer=issuer, subject=subject, name=name, actor=actor, now=datetime.now(UTC))
    say({"person": number}) if as_json else out.print(f"Person {number}: {name}. `backhaul people grant` gives them a role.")


@people_app.command("grant")
def people_grant(  # noqa: PLR0913  each is an option
    person: Annotated[int, typer.Argument(help="Their number.")], *,
    role: Annotated[str, typer.Option(help="viewer, operator, warehouse, finance, approver, admin or auditor.")],
    entity: Annotated[list[str] | None, typer.Option(help="A legal entity it is for; several times for several, none for all.")] = None,
    actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Propose a role for somebody, or give it with a second person; two others stand for it."""
    from backhaul.domain.access import Role

    if role not in set(Role):
        message = f"there is no role '{role}'; there are {', '.join(Role)}"
        raise typer.BadParameter(message)
    with opened() as house:
        done = agreed(house, tenant_of(house, tenant), ProposalKind.GRANT, {
            "person": person, "role": role, "entities": sorted(entity) if entity else None}, actor=actor, approver=approver, reason=reason)
    tell(done, as_json=as_json)


@people_app.command("revoke")
def people_revoke(grant: Annotated[int, typer.Argument(help="The grant's number.")], *, actor: Who, tenant: Tenant = "",
                  as_json: Json = False) -> None:
    """Take a grant away, at once."""
    from backhaul.application import people

    with opened() as house:
        people.revoke(house.store, tenant_of(house, tenant), grant, actor=actor, now=datetime.now(UTC))
    say({"revoked": grant}) if as_json else out.print(f"Grant {grant} is over.")


@people_app.command("token")
def people_token(
    person: Annotated[int, typer.Argument(help="Their number.")], *,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="An action it may do; several times for several.")],
    days: Annotated[float, typer.Option(help="How long it lives: at most 90 days, at most half a day if it may approve.")] = 30,
    as_json: Json = False,
) -> None:
    """Make a personal access token for the API; it is shown this once."""
    from secrets import token_urlsafe

    from backhaul.application import people

    if unknown := sorted(set(scope) - set(Action)):
        message = f"there is no action '{unknown[0]}'; there are {', '.join(Action)}"
        raise typer.BadParameter(message)
    with opened() as house:
        with house.store.look() as tx:
            found = next(iter(tx.people([person])), None)
        if found is None:
            message = f"there is no person {person}"
            raise typer.BadParameter(message)
        token = people.issue_token(house.store, found, name=name, scopes={Action(each) for each in scope}, lasts=timedelta(days=days),
                                   secret=token_urlsafe(32), now=datetime.now(UTC))
    say({"token": token}) if as_json else out.print(token)


def proposals(*, every: Annotated[bool, typer.Option("--each", help="Also those that are decided.")] = False, tenant: Tenant = "",
              as_json: Json = False) -> None:
    """Show what waits for a second person, with the hash to approve."""
    from dataclasses import asdict

    from backhaul.domain.access import Scope

    with opened() as house, house.store.look() as tx:
        rows = tx.proposals(Scope.whole(tenant_of(house, tenant)), open_only=not every)
    if as_json:
        say({"proposals": [{**asdict(row), "shown": row.sha256} for row in rows]})
        return
    for row in rows:
        money = f"{row.money.amount} {row.money.currency}, " if row.money.currency else ""
        out.print(f"{row.id}: {row.kind.value} of {row.subject}, {money}{row.state.value}, by {row.proposer}: {row.reason}\n"
                  f"   --shown {row.sha256}", soft_wrap=True)


def proposal(number: Number, *, tenant: Tenant = "", as_json: Json = False) -> None:
    """Show one proposal with the documents it would make if it were approved now: lines, amounts, tax, account and period."""
    from dataclasses import asdict

    from backhaul.application import approvals
    from backhaul.entrypoints import foreseeing

    with opened() as house:
        name, now = tenant_of(house, tenant), datetime.now(UTC)
        with house.store.look() as tx:
            asked = approvals.found(tx, name, number)
        told = foreseeing.foreseen(foreseeing.outlook(house, name), asked, now=now)
    if as_json:
        say({**asdict(asked), "shown": asked.sha256, "foreseen": told})
        return
    out.print(f"{asked.id}: {asked.kind.value} of {asked.subject}, {asked.state.value}, by {asked.proposer}: {asked.reason}",
              soft_wrap=True)
    for what, said in asked.content.items():
        out.print(f"   {what}: {said}", soft_wrap=True)
    foreseeing.show(out, told)
    out.print(f"   --shown {asked.sha256}", soft_wrap=True)


def approve(number: Number, *, shown: Annotated[str, typer.Option(help="The hash that `backhaul proposals` shows.")], approver: Approver,
            tenant: Tenant = "", as_json: Json = False) -> None:
    """Approve what somebody else proposed, as it was shown."""
    from backhaul.application import approvals, people
    from backhaul.application.effects import EFFECTS

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            asked = approvals.found(tx, name, number)
            who = people.entitled(tx, approver, PROPOSALS[asked.kind].approves, name, asked.legal_entity)
        done = approvals.approve(house.store, EFFECTS, house.profiles[name].rules, number, shown=shown, approver=who,
                                 now=datetime.now(UTC), route_of=lambda entity: house.desk(name, entity).route)
        if done.kind is ProposalKind.ERASE:
            house.store.scrub()
    if as_json:
        say({"proposal": number, "state": done.state.value, "result": done.result})
    else:
        out.print(done.result or f"Approved by {who}; one more has to approve.")


def refuse(number: Number, *, actor: Who, reason: Why, tenant: Tenant = "", as_json: Json = False) -> None:
    """Say no to what somebody proposed, or take back one's own."""
    from backhaul.application import approvals, people
    from backhaul.application.effects import EFFECTS

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            asked, who = approvals.found(tx, name, number), actor.strip()
            if who.casefold() != asked.proposer.casefold():
                who = people.entitled(tx, actor, PROPOSALS[asked.kind].approves, name, asked.legal_entity)
        done = approvals.refuse(house.store, EFFECTS, name, number, actor=who, reason=reason, now=datetime.now(UTC))
    say({"proposal": number, "state": done.state.value}) if as_json else out.print(f"Proposal {number} is {done.state.value}.")


def pause(*, entity: Annotated[str, typer.Option(help="A legal entity; the whole tenant without.")] = "", actor: Who, reason: Why,
          tenant: Tenant = "", as_json: Json = False) -> None:
    """Let no write leave from now on; receiving, reading, judging and looking go on."""
    from backhaul.application import pausing

    with opened() as house:
        rules = house.profiles[tenant_of(house, tenant)].rules
        number = pausing.pause(house.store, rules, entity, actor=actor, reason=reason, now=datetime.now(UTC))
    say({"pause": number}) if as_json else out.print(f"Pause {number}: nothing leaves. `backhaul unpause` takes two people.")


def unpause(  # noqa: PLR0913  each is an option
    *, entity: Annotated[str, typer.Option(help="A legal entity; the whole tenant without.")] = "", actor: Who, approver: Second = "",
    reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Propose that writes leave again, or let them with a second person."""
    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            held = [row.id for row in tx.pauses(name) if row.legal_entity == entity]
        if not held:
            message = f"nothing is paused for {entity or 'the whole tenant'}"
            raise typer.BadParameter(message)
        done = agreed(house, name, ProposalKind.UNPAUSE, {"pause": held[0]}, actor=actor, approver=approver, reason=reason)
    tell(done, {"pause": held[0]}, as_json=as_json)


def waiting(search: Annotated[str, typer.Argument(help="A return, order, customer or parcel, letter by letter.")], *, tenant: Tenant = "",
            as_json: Json = False) -> None:
    """Say why somebody is not credited, and what they can be told."""
    from dataclasses import asdict

    from backhaul.adapters.sql import views
    from backhaul.application import casework
    from backhaul.domain.access import Scope

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.read() as connection:
            refs = views.refs_about(connection, Scope.whole(name), search)
        told = casework.not_credited(house.store, house.profiles[name].rules, Scope.whole(name), refs, datetime.now(UTC))
    if as_json:
        say({"waiting": [asdict(each) for each in told]})
        return
    for each in told:
        out.print(f'{each.ref}: {each.answer.net} {each.currency}. {each.answer.reason}\n   "{each.answer.sentence}"')


def outcome(  # noqa: PLR0913  each is an option
    ref: Annotated[str, typer.Argument(help="The return, letter by letter.")], *,
    becomes: Annotated[str, typer.Option(help="sent-back, kept, disposed, goodwill or carrier-claim.")],
    actor: Annotated[str, typer.Option(help="Who you are.")],
    reason: Annotated[str, typer.Option(help="Why it is not accepted, as the customer is told.")],
    line: Annotated[str, typer.Option(help="The line, where several can be meant.")] = "",
    standing: Annotated[str, typer.Option(help="rejected, held or credited, where a line stands in two ways.")] = "",
    evidence: Annotated[str, typer.Option(help="Where it can be seen: a picture, or the customer's consent.")] = "",
    approver: Second = "",
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Say what becomes of goods that are not accepted, or propose it where money moves; the customer is told by it."""
    from backhaul.application import conclude

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            content = conclude.content_of(tx, name, ref, outcome=becomes, line_id=line, standing=standing, evidence=evidence)
            entity = conclude.EFFECT.looks(tx, house.profiles[name].rules, content).legal_entity
        if conclude.takes_two(content):
            made = agreed(house, name, ProposalKind.OUTCOME, content, actor=actor, approver=approver, reason=reason)
            tell(made, {"return": ref, "outcome": becomes}, as_json=as_json)
            return
        done = conclude.conclude(house.store, house.profiles[name].rules, content, approver="", reason=reason, now=datetime.now(UTC),
                                 actor=proposer(house, name, actor, Action.PROPOSE, entity))
    if as_json:
        say({"return": ref, "line": done.line_id, "outcome": done.outcome, "units": done.units, "decision": done.decision})
    else:
        out.print(f"{ref}: {done.units.normalize():f} of line {done.line_id} are {done.outcome}; said by {done.actor}.")


def register_parcel(  # noqa: PLR0913  each is an option
    *, item: Annotated[list[str], typer.Option(help="An item that lay in it; said again for each, with what follows.")],
    units: Annotated[list[str], typer.Option(help="How many of that item.")],
    condition: Annotated[list[str], typer.Option(help="How they were found, as the mapping has it.")],
    disposition: Annotated[list[str], typer.Option(help="What is to happen to them, as the mapping has it.")],
    accepted: Annotated[list[str], typer.Option(help="yes: credit them once their sale is found; or no.")],
    item_reason: Annotated[list[str] | None, typer.Option(help="The customer's reason, for each item or for none.")] = None,
    entity: Annotated[str, typer.Option(help="The legal entity; the only one there is, unless said.")] = "",
    retailer: Annotated[str, typer.Option(help="The platform's code of the retailer, where there are several.")] = "",
    warehouse: Annotated[str, typer.Option(help="The platform's code of the warehouse it lies in, where there are several.")] = "",
    currency: Annotated[str, typer.Option(help="Currency of its sale, if it is another than the legal entity's.")] = "",
    came_on: Annotated[str, typer.Option(help="The day it came, like 2026-03-01, if not today.")] = "",
    parcel: Annotated[str, typer.Option(help="The carrier's number.")] = "",
    label: Annotated[str, typer.Option(help="What the label says besides.")] = "",
    note: Annotated[str, typer.Option(help="Whatever else should be known.")] = "",
    evidence: Annotated[str, typer.Option(help="Where it can be seen: shelf, picture, ticket.")] = "",
    another: Annotated[bool, typer.Option("--another", help="It is another parcel than the one of this number that is known.")] = False,
    key: Annotated[str, typer.Option(help="Names this registration; without it the same words register one parcel.")] = "",
    actor: Who, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Register a parcel for which no return is known, so that its sale is looked for."""
    from backhaul.application import hand_in
    from backhaul.domain.access import Scope
    from backhaul.entrypoints import handing

    lists, reasons = (item, units, condition, disposition, accepted), item_reason or [""] * len(item)
    if {len(each) for each in (*lists, reasons)} != {len(item)}:
        message = "say --units, --condition, --disposition and --accepted once for each --item, in the same order"
        raise typer.BadParameter(message)
    names = ("sku", "units", "condition", "disposition", "accepted", "reason")
    rows = [dict(zip(names, each, strict=True)) for each in zip(*lists, reasons, strict=True)]
    told = {"retailer": retailer, "warehouse": warehouse, "currency": currency, "came_on": came_on, "parcel": parcel, "label": label,
            "note": note, "evidence": evidence, "items": rows}
    with opened() as house:
        name, now = tenant_of(house, tenant), datetime.now(UTC)
        rules = house.profiles[name].rules
        whose = entity or (rules.entities[0].id if len(rules.entities) == 1 else "")
        who = proposer(house, name, actor, Action.REGISTER_PARCEL, whose)
        said, known = handing.judged(house.store, rules, Scope.whole(name), whose, told, actor=who, now=now)
        ref = hand_in.register(house.store, rules, said, key or hand_in.key_of(said), now=now, known=known, another=another)
    say({"return": ref}) if as_json else out.print(f"{ref} is registered; write that on the parcel. `backhaul work` does the rest.")


COMMANDS: Final = (proposals, proposal, approve, refuse, pause, unpause, waiting, outcome, register_parcel)
"""Commands of their own; `people` is a group."""
