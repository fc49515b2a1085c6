"""What would be made of this return now, and what would another version of the mapping make of it?

Nothing is posted and nothing is kept: both passes are rehearsed, with the ERP's master data if it answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backhaul.application.ports import FIXED, Erp, KeptPosting, PostingState
from backhaul.application.process import Rehearsal, rehearse
from backhaul.bootstrap import House, connect, recall
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.exception_case import KINDS
from backhaul.domain.period import landing
from backhaul.domain.posting import PostingKind
from backhaul.profile import Profile, load_profile

STEPS = tuple(PostingKind)
NOT_ASKED = ("no ERP answered, so master data, original sale, caps, tax and period were not checked, and order lines are not completed "
             "from the original sale")


def preview(house: House, tenant: str, ref: str, *, mapping: str = "", now: datetime) -> Mapping[str, Any] | None:
    """Tell what would be made of a return; with a `mapping`, a file or a version that was in force, also what that would change.

    None if nobody ever heard of the return.
    """
    here = house.profiles[tenant]
    told = _told(house, here, ref, now)
    if told is None or not mapping:
        return told
    other = load_profile(Path(mapping), offline=True) if Path(mapping).is_file() else recall(house.store, tenant, mapping)
    if other.tenant != tenant:
        message = f"{mapping} is a profile of tenant '{other.tenant}', not of '{tenant}'"
        raise Misconfigured(message)
    then = _told(house, other, ref, now) or {}
    return {"difference": list(differences(told, then)), "compared": {"in_force": told["version"], "with": then["version"]},
            **then, "in_force": told}


def _told(house: House, profile: Profile, ref: str, now: datetime) -> dict[str, Any] | None:
    rules = profile.rules
    erps, routes = _ask(house, profile)
    periods = {entity.id: entity.calendar.period_of(landing(entity, now)) for entity in rules.entities}
    found = rehearse(house.store, erps, rules, routes, ref, periods=periods, now=now)
    return None if found is None else written(tenant=profile.tenant, version=profile.version, ref=ref, found=found)


def _ask(house: House, profile: Profile) -> tuple[Mapping[str, Erp], Mapping[str, Any]]:
    """Give the ERPs that answer, and the route of each legal entity, for which nobody has to answer."""
    erps, routes = {}, {}
    for entity in profile.rules.entities:
        in_force = house.profiles[profile.tenant]
        known = any(each.id == entity.id for each in in_force.rules.entities)
        with suppress(RetryLater, Misconfigured):
            erps[entity.id] = house.desk(profile.tenant, entity.id).erp
        routes[entity.id] = erps[entity.id].route if entity.id in erps else connect(in_force if known else profile, entity.id).route
    return erps, routes


def written(*, tenant: str, version: str, ref: str, found: Rehearsal) -> dict[str, Any]:
    """Write what a rehearsal showed."""
    fixed = {row.posting.key for row in found.before.kept if row.state in FIXED}
    rows = sorted(found.after.kept, key=lambda row: (row.posting.line_id, STEPS.index(row.posting.key.kind), row.posting.key))
    documents = [_document(row, becomes=_becomes(row, fixed=row.posting.key in fixed, asked=found.asked)) for row in rows]
    money: dict[str, Decimal] = {}
    for row, document in zip(rows, documents, strict=True):
        money[document["becomes"]] = money.get(document["becomes"], Decimal(0)) + row.posting.net
    return {
        "return": ref, "tenant": tenant, "legal_entity": found.after.entity.id if found.after.entity else "",
        "version": version, "asked": found.asked, "not_checked": "" if found.asked else NOT_ASKED,
        "currency": found.after.case.currency, "money": {name: str(amount) for name, amount in money.items()},
        "documents": documents,
        "findings": [
            {"line": row.case.line_id, "code": finding.code, "sentence": finding.sentence, "hint": finding.hint, "holds": finding.blocks,
             "owner": row.case.owner, "money": str(row.case.money), "now": KINDS[finding.code].now}
            for row in found.after.open for finding in row.case.findings],
    }


def _becomes(row: KeptPosting, *, fixed: bool, asked: bool) -> str:
    """Say what would become of a document: it is there already, would be made, is held, or would be made if the checks pass."""
    if fixed:
        return row.state.value
    if row.state is PostingState.HELD:
        return "held"
    return "made" if asked else "made if it passes the checks"


def _document(row: KeptPosting, *, becomes: str) -> dict[str, Any]:
    wanted = row.posting
    return {
        "kind": wanted.key.kind.value, "line": wanted.line_id, "becomes": becomes, "key": str(wanted.key), "marker": wanted.key.marker,
        "fingerprint": wanted.fingerprint, "mapping": row.mapping_version, "net": str(wanted.net), "currency": wanted.currency,
        "number": row.document.number if row.document else "", "needs": [key.marker for key in wanted.needs],
        "fields": msgspec.json.decode(msgspec.json.encode(wanted.document)),
    }


def differences(told: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Say document by document, then finding by finding, what is another; what is the same is left out."""
    here, there = ({each["key"]: each for each in side["documents"]} for side in (told, then))
    for key in [*here, *(key for key in there if key not in here)]:
        now, other = here.get(key), there.get(key)
        about = {"kind": (now or other or {})["kind"], "line": (now or other or {})["line"], "key": key}
        if now is None or other is None:
            yield {**about, "change": "only with the other" if now is None else "only in force", "net": (now or other or {})["net"]}
            continue
        names = [name for name in {**now["fields"], **other["fields"]} if now["fields"].get(name) != other["fields"].get(name)]
        fields = {name: [now["fields"].get(name), other["fields"].get(name)] for name in names}
        fields |= {name: [now[name], other[name]] for name in ("becomes", "net") if now[name] != other[name]}
        if fields:
            yield {**about, "change": "another", "fields": fields}
    for one, another, change in ((told, then, "found only in force"), (then, told, "found only with the other")):
        known = [(each["line"], each["code"], each["sentence"]) for each in another["findings"]]
        yield from ({"kind": each["code"], "line": each["line"], "change": change, "sentence": each["sentence"]}
                    for each in one["findings"] if (each["line"], each["code"], each["sentence"]) not in known)


def show(out: Console, told: Mapping[str, Any]) -> None:
    """Print it, difference first."""
    if "difference" in told:
        out.print(Text.assemble((told["return"], "bold"), f": {told['compared']['in_force']} in force, compared with "
                                f"{told['compared']['with']}"))
        _show_difference(out, told["difference"])
    wanted = ", ".join(f"{name} {amount} {told['currency']}" for name, amount in told["money"].items()) or "nothing is wanted"
    out.print(Text.assemble((told["return"], "bold"), f" for {told['legal_entity'] or '?'} under {told['version']}: {wanted}"))
    table = Table("document", "line", "becomes", "net", "content")
    for row in told["documents"]:
        content = ", ".join(f"{name} {_short(value)}" for name, value in row["fields"].items() if value and name != "line_id")
        table.add_row(row["kind"], row["line"], row["becomes"], row["net"], content)
    if told["documents"]:
        out.print(table)
    for row in told["findings"]:
        out.print(Text.assemble((row["code"], "red"), f" {row['line']} ({row['owner']}, {row['money']}): {row['sentence']}",
                                f" ({row['hint']})" if row["hint"] else ""))
    if told["not_checked"]:
        out.print(f"{told['not_checked'].capitalize()}.", style="yellow")


def _show_difference(out: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        out.print("No difference.")
    for row in rows:
        says = row.get("sentence") or row.get("net") or "; ".join(
            f"{name}: {_short(before)} → {_short(after)}" for name, (before, after) in row["fields"].items())
        out.print(f"  {row['kind']} {row['line']}, {row['change']}: {says}")


def _short(value: Any) -> str:  # noqa: ANN401  decoded JSON
    """Write a value in one line."""
    return "/".join(str(each) for each in value.values() if each) if isinstance(value, dict) else str(value)
