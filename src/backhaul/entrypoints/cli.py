"""What can be done from a terminal?

Every command prints for people and, with `--json`, one JSON object for programs. Settings come from the
environment (`BACKHAUL_…`) and the profile only.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from backhaul.domain.errors import BackhaulError
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints import attending, closing, pairs, paying, private, profiling, proving
from backhaul.entrypoints.deciding import exceptions_app
from backhaul.entrypoints.seconding import Second, agreed, tell, told_of
from backhaul.entrypoints.terminal import Json, Tenant, err, marked, opened, out, progress, say, tenant_of
from backhaul.secret import keep_out_of_dumps

app: Final = typer.Typer(
    name="backhaul", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    help="Carries returns from ZigZag into Dynamics 365 and proves that goods, stock, credit notes and ledger agree.")
app.add_typer(exceptions_app, name="exceptions")
app.add_typer(profiling.profile_app, name="profile")
app.add_typer(attending.people_app, name="people")
app.add_typer(closing.close_app, name="close")
app.add_typer(paying.payouts_app, name="payouts")
app.add_typer(pairs.match_app, name="match")
app.add_typer(private.privacy_app, name="privacy")
app.command()(proving.reconcile)
app.command()(proving.availability)
app.command()(paying.roll_forward)
for command in attending.COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line; what stops us is told in one sentence, without a traceback."""
    keep_out_of_dumps()
    try:
        app()
    except BackhaulError as stopped:
        err.print(marked(("backhaul:", "red"), f" {stopped}"))
        raise SystemExit(2) from None


@app.command()
def demo(  # noqa: PLR0913  a command line
    *,
    erp: Annotated[str, typer.Option(help="Which ERP to run on: finance-scm or business-central.")] = "finance-scm",
    mode: Annotated[str, typer.Option(help="Deployment mode of Business Central: A, B or C, the profile's unless given.")] = "",
    database: Annotated[str, typer.Option(help="Database URL; a SQLite file beside the emulators' unless given.")] = "",
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Keep the service running afterwards.")] = True,
    state: Annotated[Path, typer.Option(help="Folder for the demo's database and the emulators' state; emptied first.")] = Path("var/demo"),
    port: Annotated[int, typer.Option(help="Port of the service on 127.0.0.1.")] = 8080,
    compare: Annotated[bool, typer.Option("--compare/--no-compare", help="Also run a sample in real time, to compare.")] = True,
    data: Annotated[Path | None, typer.Option(help="Folder with other returns, in the example's form.", exists=True)] = None,
    as_json: Json = False,
) -> None:
    """Run the main job on five months of real returns, or on others, with emulated ZigZag and Dynamics 365 on loopback."""
    from backhaul.entrypoints.demo import report, run

    if erp not in run.SHOWS:
        message = f"no emulator for '{erp}'; there are {', '.join(run.SHOWS)}"
        raise typer.BadParameter(message)
    if mode and (erp != "business-central" or mode.upper() not in {"A", "B", "C"}):
        message = f"--mode {mode}: the demo plays modes A, B and C of --erp business-central"
        raise typer.BadParameter(message)

    def stay(stage: Any, summary: Mapping[str, Any]) -> None:  # noqa: ANN401
        say(dict(summary)) if as_json else report.show(out, summary)
        out.print(marked("\nBackhaul is running on ", (stage.web.base_url, "bold"), ". Ctrl-C stops it."))
        out.print(marked("Sign in as ", ("Fiona Finance", "bold"), ", Wanda Warehouse, Oskar Operator or Anton Approver; "
                         "the passphrase of this demo is ", (stage.passphrase, "bold"), "."))
        out.print(marked("See one return: ", ("backhaul trace C541433", "bold"),
                         f" with BACKHAUL_DATABASE_URL={stage.house.settings.database_url}"
                         f" BACKHAUL_PROFILE={stage.house.settings.profiles[0]}"))
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            out.print("Stopped.")

    with progress(quiet=not err.is_terminal and as_json) as tell:
        summary = run.run(state.resolve(), tell, database=database or None, port=port if serve else 0, compare=compare, kind=erp,
                          mode=mode.upper(), data=data and data.resolve(), stay=stay if serve else None)
    if not serve:
        say(dict(summary)) if as_json else report.show(out, summary)
    if not summary["holds"]:
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    work_too: Annotated[bool, typer.Option("--work/--no-work", help="Also do the work in this process (the embedded default).")] = True,
) -> None:
    """Receive webhooks and show the pages, and do the work too unless told otherwise."""
    from backhaul.entrypoints.web.app import create_app, serve as serve_web

    with opened() as house:
        running = serve_web(create_app(house, sign_in=house.settings.sign_in), house.settings.host, house.settings.port)
        out.print(marked("Backhaul listens on ", (running.base_url, "bold"), "; webhooks at /hooks/zigzag/<source>."))
        try:
            if work_too:
                _work(house)
            else:
                while True:
                    time.sleep(3600)
        except KeyboardInterrupt:
            out.print("Stopping.")
        finally:
            running.close()


@app.command()
def work(*, once: Annotated[bool, typer.Option("--once", help="Take one turn for every tenant and end.")] = False,
         as_json: Json = False) -> None:
    """Read what came in, judge it, post what is due and look at what is open, every minute."""
    from backhaul.entrypoints import worker

    with opened() as house:
        if not once:
            try:
                _work(house)
            except KeyboardInterrupt:
                out.print("Stopping.")
            return
        done = {tenant: worker.turn(house, tenant, datetime.now(UTC)) for tenant in house.profiles}
        if as_json:
            say(done)
        else:
            for tenant, steps in done.items():
                out.print(f"{tenant}: pull {steps['pull']}, read {steps['read']}, post {steps['post']}")


def _work(house: Any) -> None:  # noqa: ANN401
    from backhaul.adapters.engine import Engine
    from backhaul.entrypoints import anchoring, asking, months, retaining, worker

    steps = {**worker.steps(house), **asking.steps(house), **months.steps(house), **retaining.steps(house), **anchoring.steps(house)}
    with Engine(house.settings.engine_url, steps) as engine:
        engine.every("* * * * *", sorted(house.profiles))
        while True:
            time.sleep(3600)


@app.command("import")
def import_(  # noqa: PLR0913  each is an option
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, JSON lines, XLSX or XML.")] = None,
    *,
    folders: Annotated[bool, typer.Option("--folders", help="Look once, now, into every folder the profile watches.")] = False,
    profile: Annotated[Path | None, typer.Option(
        exists=True, dir_okay=False, help="Profile to read it by; BACKHAUL_PROFILE unless given.")] = None,
    source: Annotated[str, typer.Option(help="Which source of the profile it comes from, where it has several.")] = "",
    result: Annotated[Path | None, typer.Option(help="Where to write the per-row result; beside the file unless given.")] = None,
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Take in a file of returns, or what lies in the watched folders; each file once, with a result for every row, and read it."""
    from backhaul.adapters.zigzag.files import intake
    from backhaul.entrypoints import worker

    if folders == (file is not None):
        message = "name one file, or say --folders"
        raise typer.BadParameter(message)
    if profile is not None:
        os.environ["BACKHAUL_PROFILE"] = str(profile)
    with opened() as house:
        name, now = tenant_of(house, tenant), datetime.now(UTC)
        if file is None:
            told: Mapping[str, Any] = {"folders": [asdict(look) for look in worker.look_into_folders(house, name, now, at_once=True)]}
        else:
            told = intake.import_file(house.store, house.profiles[name], file, source=source, result=result, now=now)
        worker.digest(house, name, now)
    if file is None:
        _show_folders(told, as_json=as_json)
        return
    if as_json:
        say(dict(told))
    else:
        out.print(", ".join(f"{name} {value}" for name, value in told.items()))


def _show_folders(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say(told)
        return
    for look in told["folders"]:
        counts = f"{len(look['files'])} files, {look['waiting']} waiting"
        out.print(f"{look['folder']}: {counts} {look['trouble']}")
        for file in look["files"]:
            out.print("  " + ", ".join(f"{name} {value}" for name, value in file.items()))
    if not told["folders"]:
        out.print("The profile watches no folder; [[folders]] names them.")


@app.command()
def post(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Settle what is open and send the windows that are due now."""
    from backhaul.entrypoints import worker

    with opened() as house:
        done = dict(worker.post(house, tenant_of(house, tenant), datetime.now(UTC)))
    say(done) if as_json else out.print(
        f"{done['windows']} windows closed, {done['sent']} postings sent."
        + (f" Another worker acts for {', '.join(done['elsewhere'])}; nothing was sent there." if done["elsewhere"] else ""))


def _moment(text: str) -> datetime:
    """Read a moment; one without an offset is in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = f"'{text}' is no moment like 2026-01-31 or 2026-01-31T08:00:00Z"
        raise typer.BadParameter(message) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@app.command()
def sweep(*, since: Annotated[str, typer.Option(help="From when; otherwise from where the last whole sweep ended.")] = "",
          actor: Annotated[str, typer.Option(help="Who you are.")] = "backhaul", tenant: Tenant = "", as_json: Json = False) -> None:
    """Ask the platform what changed and compare it with what we know, item by item; status 1 if not all of it could be read."""
    from backhaul.entrypoints import worker

    with opened() as house:
        done = worker.sweep_now(house, tenant_of(house, tenant), datetime.now(UTC), since=_moment(since) if since else None, actor=actor)
    if as_json:
        say(dict(done))
    else:
        out.print(f"{'Whole' if done['complete'] else 'Not whole'}: {done['named']} returns named since {done['since']}, "
                  f"{done['kept']} kept, {done['news']} said something new, {done['recovered']} we had never heard of, "
                  f"{done['left_out']} left out by the list, "
                  f"{len(done['missing'])} missing. {done['sentence']}")
    if not done["complete"]:
        raise typer.Exit(1)


@app.command()
def push(*, plan: Annotated[bool, typer.Option("--plan", help="Show what would be told; tell nothing.")] = False,
         actor: Annotated[str, typer.Option(help="Who you are.")] = "backhaul", tenant: Tenant = "", as_json: Json = False) -> None:
    """Tell the platform what is on sale and what may not be returned, as absolute values; status 1 if not all of it could be told."""
    from backhaul.entrypoints import worker

    with opened() as house:
        done = worker.push_now(house, tenant_of(house, tenant), datetime.now(UTC), plan_only=plan, actor=actor)
    if as_json:
        say({"plan": plan, "retailers": done})
    else:
        for told in done:
            products = told.get("products_not_confirmed_by_row", ())
            out.print(f"{told['retailer']}: {len(told.get('stock', ()))} quantities and {len(products)} products differ, "
                      f"{told['sent']} sent, {len(told.get('unknown_skus', ()))} SKUs unknown. {told['sentence']}")
    if not plan and not all(told["complete"] for told in done):
        raise typer.Exit(1)


@app.command()
def replay(  # noqa: PLR0913  each is an option
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show what reading messages again would touch; keep that as a plan.")] = False,
    run: Annotated[str, typer.Option("--run", help="Run this plan, exactly as it was shown.")] = "",
    cancel: Annotated[str, typer.Option("--cancel", help="Stop this plan at its next step.")] = "",
    since: Annotated[str, typer.Option(help="Only messages received from then on.")] = "",
    until: Annotated[str, typer.Option(help="Only messages received before.")] = "",
    returns: Annotated[str, typer.Option(help="Only messages about these returns, joined by commas.")] = "",
    kind: Annotated[str, typer.Option(help="all, or unreadable: only those that could not be read whole.")] = "all",
    actor: Annotated[str, typer.Option(help="Who you are.")] = "",
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Read kept messages again by the profile of now: first see what that would touch, then run it, or cancel it."""
    from backhaul.application import replay as replaying
    from backhaul.entrypoints import worker

    if (bool(plan), bool(run), bool(cancel)).count(True) != 1:
        message = "say one of --plan, --run PLAN and --cancel PLAN"
        raise typer.BadParameter(message)
    if kind not in {"all", "unreadable"}:
        message = f"no kind '{kind}'; all or unreadable"
        raise typer.BadParameter(message)
    if not plan and not actor:
        message = "say who you are: --actor"
        raise typer.BadParameter(message)
    now = datetime.now(UTC)
    with opened() as house, progress(quiet=as_json or not err.is_terminal) as tell:
        name = tenant_of(house, tenant)
        if plan:
            chosen = replaying.Selection(
                since=_moment(since) if since else None, until=_moment(until) if until else None,
                returns=tuple(filter(None, returns.split(","))), unreadable=kind == "unreadable")
            told = worker.replay_plan(house, name, now, selection=chosen, actor=actor or "backhaul")
        elif run:
            told = worker.replay_run(house, name, now, number=run, tell=lambda done, of: tell("messages", done, of), actor=actor)
        else:
            told = replaying.cancel(house.store, name, cancel, actor=actor, now=now)
    if as_json:
        say(dict(told))
    else:
        for key, value in told.items():
            out.print(f"{key.replace('_', ' ')}: {value}")
        if plan:
            out.print(f"Nothing was changed. To do it: backhaul replay --run {told['replay']} --actor you")


@app.command()
def trace(ref: Annotated[str, typer.Argument(metavar="RETURN", help="The return's reference at the platform.")], *,
          tenant: Tenant = "", as_json: Json = False) -> None:
    """Show a return's whole life, from portal request to credit note and voucher, with every attempt."""
    from backhaul.entrypoints import story

    with opened() as house:
        name = tenant_of(house, tenant)
        told = story.trace(house, name, ref)
    if told is None:
        message = f"no return '{ref}' for tenant '{name}'; references are compared letter by letter"
        raise typer.BadParameter(message)
    say(told) if as_json else story.show(out, told)


@app.command()
def doctor(  # noqa: PLR0913  each is an option
    *, accept: Annotated[str, typer.Option(help="Legal entity whose environment is accepted as it is now, as its contract.")] = "",
    actor: Annotated[str, typer.Option(help="Who you are; somebody else approves.")] = "", approver: Second = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "", tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Ask each legal entity's ERP what it can do, what its mode lacks, what differs from contract or calendar; status 1 if any does."""
    from backhaul.bootstrap import examine
    from backhaul.entrypoints import worker

    made = None
    with opened() as house:
        name = tenant_of(house, tenant)
        if accept:
            made = agreed(house, name, ProposalKind.CONTRACT, worker.offer_contract(house, name, accept, datetime.now(UTC)),
                          actor=actor, approver=approver, reason=reason)
        told = [dict(examine(house.profiles[name], entity.id, house.store, datetime.now(UTC)))
                for entity in house.profiles[name].rules.entities]
    if as_json:
        say({"tenant": name, "legal_entities": told, **({"proposal": told_of(made)} if made else {})})
    else:
        if made:
            tell(made, as_json=False)
        for row in told:
            wrong = "lacks" if row["missing"] else "has drifted" if row["drift"] else "has another calendar" if row["calendar"] else ""
            out.print(marked((row["legal_entity"], "bold"), f": {row['erp']}, deployment {row['deployment']}, ",
                             (wrong, "red") if wrong else "has all it needs"))
            for sentence in (*row["missing"], *row["drift"], *row["calendar"]):
                out.print(f"  - {sentence}")
            for sentence in row["notes"]:
                out.print(f"  note: {sentence}")
    if any(row["missing"] or row["drift"] or row["calendar"] for row in told):
        raise typer.Exit(1)


@app.command()
def preview(ref: Annotated[str, typer.Argument(metavar="RETURN", help="The return's reference at the platform.")], *,
            mapping: Annotated[str, typer.Option(help="Compare with another profile: a file, or a version that was in force.")] = "",
            tenant: Tenant = "", as_json: Json = False) -> None:
    """Show the exact documents a return would make now and what stands in the way; nothing is posted and nothing is kept."""
    from backhaul.entrypoints import preview as previews

    with opened() as house:
        name = tenant_of(house, tenant)
        told = previews.preview(house, name, ref, mapping=mapping, now=datetime.now(UTC))
    if told is None:
        message = f"no return '{ref}' for tenant '{name}'; references are compared letter by letter"
        raise typer.BadParameter(message)
    say(told) if as_json else previews.show(out, told)


@app.command()
def verify(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Check the tamper-evident trail, by itself and by the heads kept outside; says what does not fit, and exits with status 1."""
    from backhaul.application.people import INSTALLATION
    from backhaul.entrypoints import anchoring

    with opened() as house:
        name = tenant_of(house, tenant)
        found = anchoring.chains(house, name)
    holds = all(each["holds"] for each in found.values())
    if as_json:
        plain = {chain: {key: value for key, value in each.items() if key != "broken"} for chain, each in found.items()}
        say({"tenant": name, **plain[name], "holds": holds, "installation": plain[INSTALLATION]})
    else:
        for chain, each in found.items():
            what = f"the chain of {chain or 'the installation'}"
            first = what[:1].upper() + what[1:]
            if broken := each["broken"]:
                out.print(marked((f"{first} is broken at entry {broken.sequence}", "red"),
                                 f" ({broken.action} on {broken.subject}, {broken.at})."), soft_wrap=True)
            elif each["refuted"]:
                out.print(marked((f"{first} is not what it was", "red"), f": {each['refuted']}."), soft_wrap=True)
            else:
                heads = f"{each['anchors']} anchors fit" if each["anchors"] else "No head of it is kept outside to hold it against"
                out.print(f"{each['entries']} entries, {what} holds. {heads}. Head {each['head']}", soft_wrap=True)
    if not holds:
        raise typer.Exit(1)


@app.command()
def anchor(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Write the heads of the record to the file outside of the database, now; the last act of a backup."""
    from backhaul.entrypoints import anchoring

    with opened() as house:
        made = anchoring.anchor(house, tenant_of(house, tenant), datetime.now(UTC))
    if as_json:
        say({"anchored": [asdict(each) for each in made]})
    else:
        for each in made:
            out.print(f"{each.tenant or 'the installation'}: entry {each.sequence}, head {each.hash}", soft_wrap=True)


@app.command()
def drill(copy: Annotated[str, typer.Argument(metavar="DATABASE", help="URL of the restored copy, env:NAME or file:PATH.")], *,
          actor: Annotated[str, typer.Option(help="Who you are; it stands in the trail.")] = "backhaul", tenant: Tenant = "",
          as_json: Json = False) -> None:
    """Hold a restored copy of the database against the one in use and the heads kept outside; status 1 if it is not whole."""
    from backhaul.config import Secret
    from backhaul.entrypoints import anchoring

    if copy.startswith(("env:", "file:")):
        secret = Secret(copy)
        secret.check()
        copy = secret.reveal()
    with opened() as house:
        told = anchoring.drill(house, tenant_of(house, tenant), copy, actor=actor, now=datetime.now(UTC))
    if as_json:
        say(told)
    else:
        for sentence in told["wrong"]:
            out.print(marked(("wrong: ", "red"), sentence), soft_wrap=True)
        out.print(f"{told['entries']} entries, up to {told['end'] or 'none'}; {told['missing']} that are in use are not in the copy. "
                  f"{told['messages']} messages agree with their hashes." if told["holds"] else "The copy is not whole.", soft_wrap=True)
    if not told["holds"]:
        raise typer.Exit(1)


@app.command()
def migrate(*, as_json: Json = False) -> None:
    """Bring the database's tables up to date and check that its settings are safe."""
    from backhaul.adapters.sql.store import SqlStore
    from backhaul.config import Settings

    store = SqlStore(Settings.from_env().database_url)
    store.migrate()
    store.check()
    store.close()
    say({"migrated": True}) if as_json else out.print("The tables are up to date and the settings are safe.")


@app.command()
def emulate(
    *,
    erp: Annotated[str, typer.Option(help="Which ERP to emulate.")] = "finance-scm",
    state: Annotated[Path, typer.Option(help="Folder with the emulators' state, for example the demo's.")] = Path("var/demo"),
    erp_port: Annotated[int, typer.Option(help="Port of the emulated ERP.")] = 8091,
    platform_port: Annotated[int, typer.Option(help="Port of the emulated ZigZag.")] = 8092,
) -> None:
    """Run the emulated ZigZag and an emulated ERP on loopback, with the state an earlier run left."""
    from backhaul.adapters.business_central.emulator import serve as serve_business_central
    from backhaul.adapters.finance_scm.emulator import serve as serve_finance_scm
    from backhaul.adapters.zigzag.emulator import serve as serve_zigzag

    emulators = {"finance-scm": serve_finance_scm, "business-central": serve_business_central}
    if erp not in emulators:
        message = f"no emulator for '{erp}'; there is {', '.join(emulators)}"
        raise typer.BadParameter(message)
    state.mkdir(parents=True, exist_ok=True)
    running = emulators[erp](state=state / f"{erp}.sqlite", port=erp_port)
    platform = serve_zigzag(state=state / "zigzag.sqlite", port=platform_port)
    out.print(f"{erp} on {running.base_url}, ZigZag on {platform.base_url}. Ctrl-C stops them.")
    out.print(f"export BACKHAUL_ERP_URL={running.base_url} BACKHAUL_ERP_TOKEN_URL={running.base_url}/demo/oauth2/v2.0/token "
              "BACKHAUL_ERP_SECRET=secret")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("Stopping.")
    finally:
        platform.close()
        running.close()


if __name__ == "__main__":
    main()
