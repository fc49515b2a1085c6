"""What does a profile say, and which version of it holds: from a terminal."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from backhaul.domain.access import Action
from backhaul.entrypoints.seconding import Who, Why, proposer, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

profile_app: Final = typer.Typer(
    no_args_is_help=True, help="One tenant's settings: check them, see what a payload would become, propose a version, see which held.")
SHOWN: Final = 40
"""So many changed lines stand in a terminal; `--json` has all."""


@profile_app.command("check")
def profile_check(
    profile: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    *,
    against: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A sample payload of the platform.")] = None,
    as_json: Json = False,
) -> None:
    """Check a profile; with a sample, say line by line what it would become."""
    from backhaul.config import check_profile

    told = check_profile(profile, against)
    if as_json:
        say(dict(told))
        return
    out.print(f"{told['profile']} is sound: tenant {told['tenant']}, version {told['version']}.")
    if told["lines"]:
        from rich.table import Table

        table = Table("where", "says", "becomes")
        for row in told["lines"]:
            table.add_row(row["where"], row["says"], row["becomes"])
        out.print(table)


@profile_app.command("schema")
def profile_schema() -> None:
    """Print the JSON Schema of a profile, for editors."""
    from backhaul import profile

    say(profile.profile_schema())


@profile_app.command("propose")
def profile_propose(  # noqa: PLR0913  each is an option
    profile: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], *,
    actor: Who, reason: Why,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would change.")] = False,
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Propose that a version comes into force, with what it changes; somebody else approves it."""
    from dataclasses import asdict

    from backhaul.entrypoints import versioning

    with opened() as house:
        name = tenant_of(house, tenant)
        holds, draft = house.profiles[name], house.drafted(name, profile.read_text(encoding="utf-8"), where=str(profile))
        told = versioning.difference(house.store, holds, draft)
        asked = None if plan else versioning.propose(house.store, holds, draft, told, reason=reason, now=datetime.now(UTC),
                                                     proposer=proposer(house, name, actor, Action.PROPOSE_MAPPING))
    if as_json:
        say({"version": draft.name, "sha256": draft.sha256, "holds": holds.version, "proposal": asked and asked.id, **asdict(told)})
        return
    for line in told.changes[:SHOWN]:
        out.print(line)
    if len(told.changes) > SHOWN:
        out.print(f"... and {len(told.changes) - SHOWN} lines more; --json has all.")
    for each in told.moved:
        at = "/".join(filter(None, asdict(each.when).values()))
        out.print(f"{each.units} units seen as {at}, {each.net} {each.currency} net: {each.before} -> {each.after}")
    if asked:
        tell(asked, as_json=False)


@profile_app.command("versions")
def profile_versions(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Show which versions held, since when and by whose approval, the present one first."""
    with opened() as house:
        name = tenant_of(house, tenant)
        with house.store.look() as tx:
            held = tx.reigns(name)
    told = [{"version": row.version, "sha256": row.sha256, "since": row.since.isoformat(), "by": row.by, "proposal": row.proposal}
            for row in held]
    if as_json:
        say({"versions": told})
        return
    for row in held:
        how = f"proposal {row.proposal}, approved by {row.by}" if row.proposal else {
            "first": "the first of this tenant", "file": "as its file stood at start"}[row.by]
        out.print(f"{row.version} ({row.sha256[:8]}) since {row.since:%Y-%m-%d %H:%M} UTC: {how}")
