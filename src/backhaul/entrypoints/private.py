"""What do we hold about a customer, and how are they erased: from a terminal."""

from typing import Annotated, Any, Final

import typer

from backhaul.entrypoints.seconding import Second, agreed, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

privacy_app: Final = typer.Typer(no_args_is_help=True, help="What is held about a customer (export), and erasing them (erase).")

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
