"""What can a team decide from a terminal?"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

import typer

from backhaul.domain.access import Action
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints.seconding import Second, Who, Why, agreed, proposer, refuse_both, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

exceptions_app: Final = typer.Typer(
    no_args_is_help=True, help="What a team has to decide: list, retry, waive, close, claim, debit, settle, match, correct, by-version.")


@exceptions_app.command("list")
def exceptions_list(*, tenant: Tenant = "",
                    every: Annotated[bool, typer.Option("--each", help="One row for each, not for each cause.")] = False,
                    as_json: Json = False) -> None:
    """Show open exceptions by cause, with count, money, age and owner."""
    from backhaul.entrypoints import story

    with opened() as house:
        told = story.open_exceptions(house, tenant_of(house, tenant), each=every, now=datetime.now(UTC))
    say({"exceptions": told}) if as_json else story.show_exceptions(out, told)


@exceptions_app.command("retry")
def exceptions_retry(number: int, *, actor: Annotated[str, typer.Option(help="Who you are.")],
                     tenant: Tenant = "", as_json: Json = False) -> None:
    """Look for a refused document in the ERP and send it again if it is not there; read an unreadable message again."""
    from backhaul.application import resolve

    with opened() as house:
        name = tenant_of(house, tenant)
        count = resolve.retry(house.store, name, number, route=_route(house, name, number), actor=actor, now=datetime.now(UTC))
    say({"exception": number, "retried": count}) if as_json else out.print(f"{count} retried; `backhaul work` does the rest.")


def _route(house: Any, tenant: str, number: int) -> Any:  # noqa: ANN401  House and Route, imported late
    """Give the route of the legal entity an exception is about."""
    return _desk(house, tenant, number).route


def _number(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        message = f"{option} '{text}' is no number like 12.50"
        raise typer.BadParameter(message) from error


def _desk(house: Any, tenant: str, number: int) -> Any:  # noqa: ANN401  House and Desk, imported late
    """Give the desk of the legal entity an exception is about; the first one's where it is about none."""
    from backhaul.application import resolve

    with house.store.look() as tx:
        ref = resolve.find_exception(tx, tenant, number).case.return_ref
    return house.desk(tenant, resolve.entity_of(house.store, house.profiles[tenant].rules, ref))


def _decide(kind: ProposalKind, number: int, actor: str, approver: str, reason: str, tenant: str, as_json: bool,  # noqa: PLR0913, PLR0917
            **more: str) -> None:
    """Propose a decision about an exception, or do it with a second person."""
    with opened() as house:
        done = agreed(house, tenant_of(house, tenant), kind, {"exception": number, **more}, actor=actor, approver=approver, reason=reason)
    tell(done, {"exception": number, "decision": kind.value, **more}, as_json=as_json)


@exceptions_app.command("waive")
def exceptions_waive(  # noqa: PLR0913  each is an option
    number: int, *, actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Let a line go on although a finding stands (only kinds that may be waived)."""
    _decide(ProposalKind.WAIVE, number, actor, approver, reason, tenant, as_json)


@exceptions_app.command("close")
def exceptions_close(  # noqa: PLR0913  each is an option
    number: int, *, actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Close a line without credit."""
    _decide(ProposalKind.CLOSE, number, actor, approver, reason, tenant, as_json)


@exceptions_app.command("claim")
def exceptions_claim(  # noqa: PLR0913  each is an option
    number: int, *, actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Credit what was lost on its way, without goods; the carrier is asked for it."""
    _decide(ProposalKind.CLAIM, number, actor, approver, reason, tenant, as_json)


@exceptions_app.command("debit")
def exceptions_debit(  # noqa: PLR0913  each is an option
    number: int, *, goods: Annotated[str, typer.Option(help="What becomes of the goods: leave (back to the customer) or write-off.")],
    actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Take back the credit of goods that were rejected after it."""
    _decide(ProposalKind.DEBIT, number, actor, approver, reason, tenant, as_json, goods=goods)


@exceptions_app.command("settle")
def exceptions_settle(  # noqa: PLR0913  each is an option
    number: int, *,
    found: Annotated[str, typer.Option(help="Number of the ERP's document that was found; not given with --absent.")] = "",
    absent: Annotated[bool, typer.Option("--absent", help="It is surely not there; it is sent once more.")] = False,
    actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Say what became of an effect that the ERP cannot be asked about, after looking for it by hand."""
    if bool(found.strip()) is absent:
        message = "say either --found NUMBER or --absent"
        raise typer.BadParameter(message)
    from backhaul.application import resolve

    with opened() as house:
        refuse_both(house, approver)
        name = tenant_of(house, tenant)
        route = _route(house, name, number)
        with house.store.look() as tx:
            resolve.doubtful(tx, name, resolve.find_exception(tx, name, number), route)
    _decide(ProposalKind.SETTLE, number, actor, approver, reason, tenant, as_json, found=found.strip())


@exceptions_app.command("match")
def exceptions_match(  # noqa: PLR0913  each is an option
    number: int, *,
    order: Annotated[str, typer.Option(help="The original order that sold the goods.")],
    price: Annotated[str, typer.Option(help="Net price of one unit, as it was paid.")],
    customer: Annotated[str, typer.Option(help="The account to credit, where the return names none.")] = "",
    actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Say which sale goods come from that no return announced; from then on they are a line like any other."""
    _decide(ProposalKind.MATCH, number, actor, approver, reason, tenant, as_json, order=order, customer=customer,
            unit_price=format(_number("--price", price), "f"))


@exceptions_app.command("candidates")
def exceptions_candidates(  # noqa: PLR0913  each is an option
    number: int, *,
    order: Annotated[str, typer.Option(help="An order it could be.")] = "",
    customer: Annotated[str, typer.Option(help="The account of who may have bought it.")] = "",
    price: Annotated[str, typer.Option(help="Net price of one unit, if somebody knows it.")] = "",
    item: Annotated[str, typer.Option(help="The item, if it is another than the line's.")] = "",
    sold_from: Annotated[str, typer.Option("--from", help="Look through the item's sales from this day on, like 2026-03-01.")] = "",
    sold_to: Annotated[str, typer.Option("--to", help="And until this day.")] = "",
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Look for the sale of goods whose sale nobody knows; what speaks most for a sale stands first."""
    from dataclasses import asdict

    from backhaul.adapters.sql import views
    from backhaul.application.seek import days_of, seek
    from backhaul.domain.access import Scope

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.read() as connection:
            related = views.refs_about(connection, Scope.whole(name), customer) if customer else ()
        desk = _desk(house, name, number)
        told = seek(house.store, desk.erp, desk.rules, desk.entity, number, order=order, customer=customer,
                    price=_number("--price", price) if price else None, related=related, days=days_of(sold_from, sold_to, item))
    if as_json:
        say(asdict(told))
        return
    for each in told.found:
        out.print(f"{each.order} at {each.unit_price} {each.currency}, {each.customer or 'nobody'}: {'; '.join(each.why) or 'nothing'}"
                  f" speaks for it, {'; '.join(each.against) or 'nothing'} against it")
    if told.more:
        out.print("There are more sales on these days than are looked at; ask for fewer days.")
    if not told.found:
        out.print(f"Nothing that was found sold {told.sought.sku}.")


@exceptions_app.command("correct")
def exceptions_correct(  # noqa: PLR0913  each is an option
    number: int, *,
    what: Annotated[str, typer.Option(help="sku, quantity, unit-price, order, condition, disposition, customer or warehouse.")],
    value: Annotated[str, typer.Option(help="What it is; what the messages tell, to take a correction back.")],
    line: Annotated[str, typer.Option(help="The line, where several can be meant.")] = "",
    told: Annotated[str | None, typer.Option(help="What the messages tell, where a line has several.")] = None,
    actor: Who, approver: Second = "", reason: Why, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Say what a value of a return is where the messages have it wrong; they stay as they came."""
    from backhaul.application import correct, resolve
    from backhaul.domain.correction import CORRECTIONS

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            content = correct.content_of(tx, name, number, what=what, value=value, line_id=line, told=told)
            came_to = correct.weighed(tx, house.profiles[name].rules, resolve.find_exception(tx, name, number), content)
        done = agreed(house, name, ProposalKind.CORRECT, content, actor=actor, approver=approver, reason=reason,
                      right=CORRECTIONS[came_to.what].right)
    if not as_json:
        out.print(f"{what} is {came_to.after or 'nothing'}, was {came_to.before or 'nothing'}.")
    tell(done, {"exception": number, "decision": "correct", "what": what, "line": came_to.line_id, "before": came_to.before,
                "after": came_to.after}, as_json=as_json)


@exceptions_app.command("by-version")
def exceptions_by_version(  # noqa: PLR0913  each is an option
    which: Annotated[str, typer.Argument(metavar="NUMBER|RETURN", help="The exception's number, or the return letter by letter.")], *,
    propose: Annotated[bool, typer.Option("--propose", help="Propose the version it does not go by; somebody else approves it.")] = False,
    actor: Annotated[str, typer.Option(help="Who you are.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the trail.")] = "",
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Compare a return by the present mapping with the one its goods were accepted under, and propose the other one if told so."""
    from backhaul.application import resolve
    from backhaul.entrypoints import preview, rejudging

    with opened() as house:
        name, now = tenant_of(house, tenant), datetime.now(UTC)
        rules = house.profiles[name].rules
        with house.store.look() as tx:
            ref = resolve.find_exception(tx, name, int(which)).case.return_ref if which.isdecimal() else which
        told = rejudging.compare(house.store, rules, lambda entity: house.desk(name, entity).erp, ref, now=now)
        asked = None
        if propose:
            who = proposer(house, name, actor, Action.PROPOSE, resolve.entity_of(house.store, rules, ref))
            asked = rejudging.propose(house.store, rules, told, proposer=who, reason=reason, now=now)
    if as_json:
        say({**told.told, "proposal": asked.id if asked else None})
        return
    preview.show(out, {**told.present, "difference": told.difference,
                       "compared": {"in_force": told.present["version"], "with": told.original["version"]}})
    preview.show(out, told.original)
    if asked:
        tell(asked, as_json=False)


@exceptions_app.command("comment")
def exceptions_comment(number: int, *, text: Annotated[str, typer.Option(help="What you want to say.")], actor: Who, tenant: Tenant = "",
                       as_json: Json = False) -> None:
    """Say something about an exception; it stays with it."""
    from backhaul.application import casework

    with opened() as house:
        note = casework.comment(house.store, tenant_of(house, tenant), number, text=text, actor=actor, now=datetime.now(UTC))
    say({"exception": number, "note": note}) if as_json else out.print(f"Exception {number}: note {note}.")


@exceptions_app.command("hand-over")
def exceptions_hand_over(  # noqa: PLR0913  each is an option
    number: int, *, team: Annotated[str, typer.Option(help="The team that owns it from now on.")],
    note: Annotated[str, typer.Option(help="What they should know.")], actor: Who, tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Give an exception to another team; it stays theirs whatever the rules say."""
    from backhaul.application import casework

    with opened() as house:
        rules = house.profiles[tenant_of(house, tenant)].rules
        casework.hand_over(house.store, rules, number, team=team, note=note, actor=actor, now=datetime.now(UTC))
    say({"exception": number, "owner": team}) if as_json else out.print(f"Exception {number} is the work of {team}.")


@exceptions_app.command("plan")
def exceptions_plan(  # noqa: PLR0913  each is an option
    kind: Annotated[str, typer.Argument(help="The kind of exception.")], *,
    decision: Annotated[str, typer.Option(help="waive, close, claim, correct or retry.")],
    entity: Annotated[str, typer.Option(help="The legal entity.")],
    currency: Annotated[str, typer.Option(help="The returns' currency.")],
    batch: Annotated[str, typer.Option(help="Only those that are held because this batch was sent back.")] = "",
    what: Annotated[str, typer.Option(help="Which value is wrong, as of `exceptions correct`, or is common to all that are meant.")] = "",
    told: Annotated[str, typer.Option(help="What the messages tell of it.")] = "",
    value: Annotated[str, typer.Option(help="What it is; without it, the values that are told are listed.")] = "",
    propose: Annotated[bool, typer.Option("--propose", help="Propose it as planned; somebody else approves it.")] = False,
    actor: Annotated[str, typer.Option(help="Who you are.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the trail.")] = "",
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Say what one decision about all open exceptions of a cause would touch, and propose it if told so."""
    from dataclasses import asdict

    from backhaul.application import alike, grouping
    from backhaul.domain.correction import CORRECTIONS
    from backhaul.domain.resolution import Resolution

    with opened() as house:
        name = tenant_of(house, tenant)
        rules = house.profiles[name].rules
        if decision == Resolution.CORRECT and not value:
            _wrong_values(grouping.wrong_values(house.store, rules, kind=kind, legal_entity=entity, currency=currency), as_json=as_json)
            return
        about = {"decision": decision, "what": what, "told": told, "value": value}
        plan = grouping.plan(house.store, rules, kind=kind, legal_entity=entity, currency=currency, decision=decision, batch=batch,
                             of=alike.otherwise(about), same=alike.same(about))
        asked = agreed(house, name, ProposalKind.GROUP, plan.content, actor=actor, approver="", reason=reason,
                       right=CORRECTIONS[plan.of.what].right if plan.of else None) if propose else None
    if as_json:
        say({**asdict(plan), "proposal": asked.id if asked else None})
        return
    if plan.of:
        out.print(f"{plan.of.what.value} {plan.of.told or 'nothing'} becomes {plan.of.value or 'nothing'}: announced net "
                  f"{plan.net[0]} before, {plan.net[1]} after.")
    waits = ", ".join(f"{count} {name}" for name, count in plan.postings.items()) or "none"
    documents = "documents that were refused" if plan.decision == Resolution.RETRY else "documents that wait"
    out.print(f"{len(plan.exceptions)} exceptions, {plan.money.amount} {plan.money.currency}; {documents}: {waits}; "
              f"{plan.more} more are left for another plan.")
    if asked:
        tell(asked, as_json=False)


def _wrong_values(found: Any, *, as_json: bool) -> None:  # noqa: ANN401  a list of `Wrong`, imported late
    """Show which values are told in how many of the exceptions of a cause."""
    from dataclasses import asdict

    if as_json:
        say({"values": [asdict(each) for each in found]})
        return
    for each in found:
        out.print(f"{each.what.value} {each.told or 'nothing'}: {each.count} exceptions, {each.money}")
    if not found:
        out.print("No value that can be corrected is told in what is open of this cause.")
