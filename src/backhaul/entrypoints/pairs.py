"""Which credits, receipts and payments could be those of which lines, and which are, as people confirmed?"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from backhaul.entrypoints.seconding import agreed, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

match_app: Final = typer.Typer(no_args_is_help=True,
                               help="Credits, receipts and payments and the lines they belong to: list, propose, revoke.")

Period = Annotated[str, typer.Option(help="A month that was proved (YYYY-MM).")]
Who = Annotated[str, typer.Option(help="Who you are; somebody else approves.")]
Why = Annotated[str, typer.Option(help="Why; kept in the trail.")]


@match_app.command("list")
def match_list(*, period: Period, every: Annotated[bool, typer.Option("--each", help="Also the matches that were revoked.")] = False,
               tenant: Tenant = "", as_json: Json = False) -> None:
    """List what the latest proof of a month suggests, by rule and evidence, and all matches people confirmed."""
    from backhaul.application.pairing import side_of
    from backhaul.domain.pairing import SIDES

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            suggested, matches = tx.suggested(name, period), tx.matches(name, standing=not every)
    if as_json:
        say({"suggested": suggested, "matches": [asdict(each) for each in matches]})
        return
    for each in suggested:
        if "key" not in each:
            out.print(f"not looked for: {each['given_up']}", soft_wrap=True)
            continue
        sure = "  AMBIGUOUS: it shares a record or a line with another" if each.get("ambiguous") else ""
        out.print(f"{each['key']}  {SIDES[side_of(each)]}, {each['rule']}: {each['evidence']}{sure}", soft_wrap=True)
    for match in matches:
        lines = ", ".join(f"{line.return_ref}|{line.line_id}" for line in match.lines)
        over = f"; revoked by {match.revoked_by}: {match.revoked_why}" if match.revoked_at else ""
        out.print(f"match {match.id}  {lines} {match.said}: {match.reason}{over}", soft_wrap=True)


@match_app.command("propose")
def match_propose(key: Annotated[str, typer.Argument(help="The key that `match list` shows.")], *, period: Period,  # noqa: PLR0913  each is an option
                  actor: Who, reason: Why, tenant: Tenant = "", as_json: Json = False) -> None:
    """Propose that what was suggested belongs together; once somebody else approved it, nothing of those lines is made again by us."""
    from backhaul.application.pairing import choose
    from backhaul.domain.proposal import ProposalKind

    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            content = choose(tx, name, period, key)
        _ask(house, name, ProposalKind.PAIR, content, actor, reason, as_json=as_json)


@match_app.command("revoke")
def match_revoke(number: Annotated[int, typer.Argument(help="The number of a match.")], *, actor: Who, reason: Why, tenant: Tenant = "",
                 as_json: Json = False) -> None:
    """Propose that a match is revoked; once somebody else approved it, its lines are planned again."""
    from backhaul.domain.proposal import ProposalKind

    with opened() as house:
        _ask(house, tenant_of(house, tenant), ProposalKind.UNPAIR, {"match": number}, actor, reason, as_json=as_json)


def _ask(house: Any, tenant: str, kind: Any, content: Mapping[str, Any], actor: str, reason: str, *, as_json: bool) -> None:  # noqa: ANN401, PLR0913, PLR0917  House and ProposalKind, imported late
    tell(agreed(house, tenant, kind, content, actor=actor, approver="", reason=reason), as_json=as_json)
