"""How does this tenant's profile let us reach the platform, and is that possible as it stands?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

from backhaul.adapters.zigzag import payload as messages
from backhaul.adapters.zigzag.client import Access, Lookup, ZigZagClient
from backhaul.adapters.zigzag.payload import Payload
from backhaul.adapters.zigzag.reader import Path as FieldPath
from backhaul.adapters.zigzag.webhook import Kind
from backhaul.application.ports import Clock
from backhaul.application.sweep import SweepPlan
from backhaul.domain.errors import Misconfigured
from backhaul.profile_tables import LookupTable, PlatformTable, ProfileFile
from backhaul.profile_values import Flaw, duration, duration_flaw, secret_flaw
from backhaul.secret import Secret

PLACES: Final = frozenset({"order", "return", "retailer", "since", "page"})
"""What a look-up's path may leave open."""
SIGNING: Final = frozenset({Kind.HMAC, Kind.STANDARD_WEBHOOKS})
"""Ways of proving a sender that prove what was said; the others prove that somebody knows a secret."""
PAGING: Final = ("none", "number", "cursor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Everything about asking the platform: the way there, and what is swept. `payloads` read what look-ups give, by look-up."""

    access: Access
    sweep: SweepPlan | None = None
    read_back: str = ""
    payloads: Mapping[str, Payload]

    def connect(self, clock: Clock) -> ZigZagClient:
        """Make the client; nothing is asked yet."""
        return ZigZagClient(self.access, clock)


def platform_flaws(file: ProfileFile, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    """Say everything that is wrong with how the platform is asked."""
    for name, payload in file.payloads.items():
        yield from ((f"payloads.{name}", f"{setting}: {sentence}") for setting, sentence in messages.flaws(payload))
        if payload.zone not in available_timezones():
            yield f"payloads.{name}.zone", f"there is no time zone '{payload.zone}'"
    yield from _read_back_flaws(file)
    if file.platform is None:
        if file.sweep is not None:
            yield "sweep.changed", "a sweep needs [platform]: where to ask"
        return
    yield from _access_flaws(file.platform, environ)
    for name, lookup in file.platform.lookups.items():
        yield from _lookup_flaws(f"platform.lookups.{name}", lookup, file)
    yield from _sweep_flaws(file, file.platform)


def _access_flaws(table: PlatformTable, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    yield from secret_flaw("platform.password", table.password, environ)
    for key in ("username", "base_url"):
        if getattr(table, key).startswith(("env:", "file:")):
            yield from secret_flaw(f"platform.{key}", getattr(table, key), environ)
    if not table.token_path.startswith("/"):
        yield "platform.token_path", "a path begins with /; the host is that of base_url"
    for key in ("renew_after", "timeout"):
        yield from duration_flaw(f"platform.{key}", getattr(table, key))


def _lookup_flaws(here: str, table: LookupTable, file: ProfileFile) -> Iterator[Flaw]:
    if not table.path.startswith("/"):
        yield f"{here}.path", "a path begins with /; the host is that of platform.base_url"
    for place in set(re.findall(r"\{(.*?)\}", table.path)) - PLACES:
        yield f"{here}.path", f"nothing stands for {{{place}}}; there are {', '.join(f'{{{each}}}' for each in sorted(PLACES))}"
    if table.paging not in PAGING:
        yield f"{here}.paging", f"paging is {', '.join(PAGING)}, not '{table.paging}'"
    elif (table.paging != "none") != ("{page}" in table.path):
        yield f"{here}.paging", f"paging '{table.paging}' and a path {'with' if '{page}' in table.path else 'without'} {{page}} do not fit"
    if table.paging == "number" and not table.first.isdecimal():
        yield f"{here}.first", f"pages are counted from a number, not from '{table.first}'"
    if (table.paging == "cursor") != bool(table.next):
        yield f"{here}.next", "a cursor needs `next`, where it stands in the answer, and nothing else does"
    if table.payload and table.payload not in file.payloads:
        yield f"{here}.payload", f"there is no [payloads.{table.payload}]"
    for text in filter(None, (table.items, table.return_ref, table.next, table.total)):
        yield from ((here, sentence) for sentence in _path_flaws(text))


def _path_flaws(text: str) -> Iterator[str]:
    try:
        deep = FieldPath.of(text).lists
    except ValueError as error:
        yield str(error)
    else:
        if deep:
            yield f"'{text}' goes through a list; name the list itself, without []"


def read_back_of(file: ProfileFile) -> frozenset[str]:
    """Give the sources whose word alone moves no money: those that sign nothing, unless the profile says otherwise."""
    return frozenset(name for name, table in file.source.items()
                     if (table.auth not in SIGNING if table.read_back is None else table.read_back))


def _read_back_flaws(file: ProfileFile) -> Iterator[Flaw]:
    wanted, name = read_back_of(file), file.platform.read_back if file.platform else ""
    for source in sorted(wanted) if not name else ():
        yield f"source.{source}.auth", (
            f"'{file.source[source].auth.value}' signs nothing, so what it tells is read back from the platform before money moves: "
            "name the look-up in platform.read_back, or say read_back = false and accept that "
            "whoever knows the secret can have credits made"
            if file.source[source].read_back is None else "read_back = true needs platform.read_back: the look-up that tells one return")
    lookup = file.platform.lookups.get(name) if file.platform and name else None
    if name and lookup is None:
        yield "platform.read_back", f"there is no [platform.lookups.{name}]"
    elif lookup is not None and "{return}" not in lookup.path:
        yield "platform.read_back", f"the path of look-up '{name}' does not say where {{return}} goes"


def _sweep_flaws(file: ProfileFile, platform: PlatformTable) -> Iterator[Flaw]:
    if file.sweep is None:
        return
    for key, needed, place in (("changed", True, "{since}"), ("one", file.sweep.named_only, "{return}")):
        name = getattr(file.sweep, key)
        if not name and needed:
            yield f"sweep.{key}", "a list that only names returns needs the look-up that tells one"
        elif name and name not in platform.lookups:
            yield f"sweep.{key}", f"there is no [platform.lookups.{name}]"
        elif name and place not in platform.lookups[name].path:
            yield f"sweep.{key}", f"the path of look-up '{name}' does not say where {place} goes"
    for key in ("every", "overlap", "at_most", "alarm"):
        yield from duration_flaw(f"sweep.{key}", getattr(file.sweep, key))


class _Said:
    """A user name that is no secret stands in the profile itself."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text


def reach_of(file: ProfileFile, environ: Mapping[str, str]) -> Reach | None:
    """Build what a sound profile says about reaching the platform; None where it says nothing."""
    table = file.platform
    if table is None:
        return None
    sweep = file.sweep
    return Reach(
        access=Access(
            base_url=_told(table.base_url, environ), password=Secret(table.password, environ),
            username=Secret(table.username, environ) if table.username.startswith(("env:", "file:")) else _Said(table.username),
            token_path=table.token_path, token_form=table.token_form, username_field=table.username_field,
            password_field=table.password_field, token_field=table.token_field, renew_after=duration(table.renew_after),
            timeout=duration(table.timeout).total_seconds(),
            lookups={name: _lookup(name, each) for name, each in table.lookups.items()}),
        sweep=None if sweep is None else SweepPlan(
            changed=sweep.changed, one=sweep.one, named_only=sweep.named_only, every=duration(sweep.every),
            overlap=duration(sweep.overlap), at_most=duration(sweep.at_most), alarm=duration(sweep.alarm)),
        read_back=table.read_back,
        payloads={name: file.payloads.get(each.payload, file.payload) for name, each in table.lookups.items()})


def _told(text: str, environ: Mapping[str, str]) -> str:
    try:
        return Secret(text, environ).reveal() if text.startswith(("env:", "file:")) else text
    except Misconfigured:
        return text


def _lookup(name: str, table: LookupTable) -> Lookup:
    return Lookup(name=name, path=table.path, items=table.items, ref=table.return_ref, payload=table.payload, paging=table.paging,
                  first=table.first, next=table.next, total=table.total, since_format=table.since_format)
