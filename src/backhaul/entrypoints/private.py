"""What do we hold about a customer, for how long, who may not be erased, and how is somebody: from a terminal."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer

from backhaul.entrypoints.seconding import Second, Who, Why, agreed, proposer, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

privacy_app: Final = typer.Typer(no_args_is_help=True, help=(
    "What is held about a customer (export), erasing them (erase), what is due by its term (retention), and legal holds (hold, release)."))

Whom = Annotated[str, typer.Option("--subject", help="Their account, or one of their returns; letter by letter.")]


@privacy_app.command("export")
def export(*, subject: Whom, tenant: Tenant = "") -> None:
    """Give everything that is held about a customer, as JSON."""
    from backhaul.application import privacy

    with opened() as house:
        say(dict(privacy.export(house.store, house.profiles[tenant_of(house, tenant)].rules, subject)))


@privacy_app.command("erase")
def erase(  # noqa: PLR0913  each is an option
    *, subject: Whom, actor: Annotated[str, typer.Option(help="Who you are.")] = "",
    approver: Second = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the trail.")] = "",
    proof: Annotated[bool, typer.Option("--proof", help="Print what was erased: the proposal, how much of what, and hashes.")] = False,
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Propose that a customer is erased, or erase them when somebody else approved it; what books need stays."""
    from backhaul.application import privacy
    from backhaul.domain.proposal import ProposalKind

    with opened() as house:
        name = tenant_of(house, tenant)
        rules = house.profiles[name].rules
        if proof and not actor:
            house.store.scrub()
            _show(privacy.proof(house.store, rules, subject), as_json=as_json)
            return
        refs = privacy.returns_of(house.store, rules, subject)
        done = agreed(house, name, ProposalKind.ERASE, privacy.content_of(house.store, rules, refs), actor=actor, approver=approver,
                      reason=reason)
        if approver:
            house.store.scrub()
        told = privacy.proof(house.store, rules, refs[0]) if approver and proof else ()
    if told:
        _show(told, as_json=as_json)
    else:
        tell(done, {"returns": refs}, as_json=as_json)


@privacy_app.command("retention")
def retention(*, on: Annotated[str, typer.Option(help="As of which day; today unless given.")] = "", tenant: Tenant = "",
              as_json: Json = False) -> None:
    """Say for each class of what is kept what is due by its term, what would be proposed or removed, and what is under hold."""
    from backhaul.entrypoints import retaining

    try:
        day = date.fromisoformat(on) if on else None
    except ValueError:
        message = f"--on '{on}' is no day like 2026-10-31"
        raise typer.BadParameter(message) from None
    with opened() as house:
        told = retaining.report(house.store, house.profiles[tenant_of(house, tenant)], house.state_dir, day)
    if as_json:
        say(told)
        return
    out.print(f"On {told['on']}, if nothing happens before:")
    for name, each in told["classes"].items():
        out.print(_due(name, each), soft_wrap=True)
        for word in ("would_be_proposed", "asked_already", "under_hold"):
            if refs := each.get(word):
                out.print(f"   {word.replace('_', ' ')}: {', '.join(refs)}", soft_wrap=True)
        becomes = "stays while a legal hold stands" if each.get("stopped_by_a_hold") else "would be removed"
        for month in each.get("months", ()):
            for file in month["files"]:
                out.print(f"   {month['period']} {file['file']} ({file['size']} bytes) {becomes}", soft_wrap=True)
    for hold in told["holds"]:
        out.print(f"Legal hold {hold['hold']} since {hold['since'][:10]} by {hold['by']}, on whoever returned "
                  f"{', '.join(hold['returns'])}: {hold['reason']}", soft_wrap=True)


def _due(name: str, told: Any) -> str:  # noqa: ANN401  what the report says of a class
    """Say in one line how a class of what is kept stands."""
    if told["term_days"] is None:
        return f"{name}: kept for ever; [retention] names no term."
    what = "files" if "months" in told else f"customers with {told['returns']} returns"
    oldest = f", the oldest of {told['oldest']}" if told["oldest"] else ""
    return f"{name}: kept for {told['term_days']} days; {told['due']} {what} are due{oldest}."


@privacy_app.command("hold")
def hold(*, subject: Whom, actor: Who, reason: Why, tenant: Tenant = "", as_json: Json = False) -> None:
    """Let nobody erase a customer from now on: a legal hold on all of their returns, which two people end."""
    from backhaul.application import legal_hold, privacy
    from backhaul.domain.access import Action

    with opened() as house:
        name = tenant_of(house, tenant)
        rules = house.profiles[name].rules
        refs = privacy.returns_of(house.store, rules, subject)
        number = legal_hold.place(house.store, rules, refs, actor=proposer(house, name, actor, Action.PROPOSE_ERASURE), reason=reason,
                                  now=datetime.now(UTC))
    if as_json:
        say({"hold": number, "returns": refs})
    else:
        out.print(f"Legal hold {number} stands on whoever returned {', '.join(refs)}. "
                  f"`backhaul privacy release {number}` takes two people.", soft_wrap=True)


@privacy_app.command("release")
def release(number: Annotated[int, typer.Argument(help="The hold's number.")], *, actor: Who, approver: Second = "",  # noqa: PLR0913  options
            reason: Why, tenant: Tenant = "", as_json: Json = False) -> None:
    """Propose that a legal hold ends, or, outside of production, end it with a second person."""
    from backhaul.domain.proposal import ProposalKind

    with opened() as house:
        done = agreed(house, tenant_of(house, tenant), ProposalKind.RELEASE, {"hold": number}, actor=actor, approver=approver,
                      reason=reason)
    tell(done, {"hold": number}, as_json=as_json)


def _show(told: Any, *, as_json: bool) -> None:  # noqa: ANN401  what the verb gives
    """Print the proof of an erasure."""
    if as_json:
        say({"erasures": list(told)})
        return
    for each in told:
        counts = ", ".join(f"{count} {name}" for name, count in each["counts"].items())
        out.print(f"Proposal {each['proposal']}, {each['at']:%d %B %Y %H:%M} UTC, now {each['name']}: {counts}",
                  soft_wrap=True)
        for sha256 in each["sha256"]:
            out.print(f"   bytes of {sha256} are gone")
    if not told:
        out.print("Nothing of that return was erased.")
