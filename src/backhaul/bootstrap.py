"""Where do the parts meet?

The only module that knows which adapter stands behind which port. ERPs are found through the entry-point
group `backhaul.erp`, ours included, so a third party adds one without touching this file.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import entry_points
from os import getpid
from pathlib import Path
from secrets import token_hex
from socket import gethostname
from typing import Any, Final
from zoneinfo import ZoneInfo

from backhaul.adapters import outgoing
from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.client import Moment, ZigZagClient
from backhaul.adapters.zigzag.wire import BySource, ZigZagWire
from backhaul.application import books, drift, listening, versions
from backhaul.application.hand_in import ByHand
from backhaul.application.lease import LASTING
from backhaul.application.ports import Capabilities, Clock, Erp, KeptProfile, Platform, Store
from backhaul.application.post import Desk
from backhaul.application.sweep import SOURCE
from backhaul.config import Settings
from backhaul.domain.delivery import BY_HAND
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.job_schedule import findings
from backhaul.domain.period_status import Status, apart, ending
from backhaul.domain.rules import LegalEntity
from backhaul.domain.validation import Questions
from backhaul.profile import Profile, load_profile, read_profile
from backhaul.toml_rows import with_row

log = logging.getLogger(__name__)

ERP_GROUP: Final = "backhaul.erp"


def elapsed() -> float:
    """Give seconds of a clock that only goes forward, also while this machine sleeps, if it has one that does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(slots=True)
class House:
    """Everything one running Backhaul is made of. ERPs are connected and probed when first needed."""

    settings: Settings
    store: SqlStore
    profiles: Mapping[str, Profile]
    _desks: dict[tuple[str, str], Desk] = field(default_factory=dict)
    _platforms: dict[str, Platform] = field(default_factory=dict)
    _apis: dict[str, ZigZagClient] = field(default_factory=dict)
    clock: Clock = field(default_factory=Moment)
    capabilities: dict[tuple[str, str], Capabilities] = field(default_factory=dict)
    reviewed: set[str] = field(default_factory=set)
    """Tenants whose open exceptions have been looked at under the profile this process started with."""
    tidied: dict[str, date] = field(default_factory=dict)
    """On which day what nobody asks for any more was last forgotten, by tenant: once a day is enough."""
    escalates: dict[str, datetime] = field(default_factory=dict)
    """When overdue work is looked for again, by tenant."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Why the version in a tenant's file does not hold, where it does not."""
    compared: set[tuple[str, str]] = field(default_factory=set)
    """Legal entities whose environment has been compared with its recorded contract since this process started."""
    anchored: set[str] = field(default_factory=set)
    """Tenants whose record has been held against its last anchors since this process started."""
    worker: str = field(default_factory=lambda: f"{gethostname()}:{getpid()}:{token_hex(3)}")
    lasting: timedelta = LASTING
    elapsed: Callable[[], float] = elapsed
    """Under which name this process acts, how long its leases last, and how it measures that."""

    @property
    def state_dir(self) -> Path:
        """Give the folder where what is kept beside the database lies."""
        return self.settings.state_dir

    def platform(self, tenant: str) -> Platform:
        """Give the reader of a tenant's payloads."""
        if tenant not in self._platforms:
            profile = self.profiles[tenant]
            lookups = profile.reach.payloads if profile.reach else {}
            asked: dict[str, Platform] = {SOURCE + name: ZigZagWire(payload) for name, payload in lookups.items()}
            self._platforms[tenant] = BySource(
                usual=ZigZagWire(profile.wire), asked=asked | {BY_HAND: ByHand()},
                tests=frozenset(source.name for source in profile.sources if source.tests_only))
        return self._platforms[tenant]

    def api(self, tenant: str) -> ZigZagClient | None:
        """Give the way to a tenant's platform; None where its profile names none."""
        reach = self.profiles[tenant].reach
        if reach is not None and tenant not in self._apis:
            self._apis[tenant] = reach.connect(self.clock)
        return self._apis.get(tenant)

    def desk(self, tenant: str, legal_entity: str) -> Desk:
        """Give a legal entity's desk; at the first time its ERP is connected and probed.

        Raises `Misconfigured`, naming each, if a need of its deployment mode is unmet. An environment that met them and has drifted since
        gets its desk all the same: nothing is sent from it, and looking goes on.
        """
        at = (tenant, legal_entity)
        if at not in self._desks:
            rules = self.profiles[tenant].rules
            entity = rules.entity(legal_entity)
            erp = connect(self.profiles[tenant], legal_entity)
            able = self.capabilities.get(at) or erp.capabilities()
            if able.missing and not self.has_drifted(tenant, entity, able):
                needs = "".join(f"\n  - {need}" for need in able.missing)
                message = f"{entity.id}: {entity.erp} deployment {entity.deployment} lacks:{needs}"
                raise Misconfigured(message)
            self.capabilities[at] = able
            self._desks[at] = Desk(store=self.store, erp=erp, rules=rules, entity=entity, route=able.route)
        return self._desks[at]

    def has_drifted(self, tenant: str, entity: LegalEntity, able: Capabilities) -> bool:
        """Tell whether an environment no longer shows the contract that was recorded of it."""
        with self.store.look() as tx:
            return bool(drift.seen(tx, self.profiles[tenant].rules, entity, able).stops)

    def refresh(self, tenant: str) -> bool:
        """Work by the version that holds now, if another has come into force; tell whether one has. Who may send is read at start only.

        One that cannot be used here, because a secret it names is missing, is `Misconfigured`, and the one before it goes on.
        """
        with self.store.look() as tx:
            holds = tx.reign(tenant)
            kept = tx.profile(tenant, holds.version) if holds else None
        if kept is None or kept.sha256 == self.profiles[tenant].sha256:
            return False
        profile = self.drafted(tenant, kept.text, where=f"(version {kept.version})")
        keep(self.store, profile, datetime.now(UTC))
        self.profiles = {**self.profiles, tenant: profile}
        self._desks = {at: desk for at, desk in self._desks.items() if at[0] != tenant}
        for known in (self._platforms, self._apis):
            known.pop(tenant, None)
        self.reviewed.discard(tenant)
        return True

    def drafted(self, tenant: str, text: str, *, where: str = "(draft)") -> Profile:
        """Read a text as a version of a tenant's profile, refused whole with its lines if anything is wrong with it."""
        profile = read_profile(text.encode(), Path(where), self.settings.environ)
        if profile.tenant != tenant:
            message = f"{where}: this is a profile of tenant '{profile.tenant}', not of '{tenant}'"
            raise Misconfigured(message)
        return profile

    def mapped(self, tenant: str, row: Mapping[str, Any], *, version: str, remark: str = "") -> Profile:
        """Draft a version that differs from the one that holds by one more mapping row."""
        return self.drafted(tenant, with_row(self.profiles[tenant].text, "mapping", row, version=version, remark=remark))

    def adopt(self, desk: Desk) -> None:
        """Work from this desk instead of the one that would be built: how a wrapper gets around the ERP port."""
        self._desks[desk.rules.tenant, desk.entity.id] = desk

    def close(self) -> None:
        """Let go of the database and of the platform."""
        for api in self._apis.values():
            api.close()
        self.store.close()


def connect(profile: Profile, legal_entity: str) -> Erp:
    """Find the adapter that a legal entity names and connect it."""
    entity = profile.rules.entity(legal_entity)
    found = {point.name: point for point in entry_points(group=ERP_GROUP)}
    if entity.erp not in found:
        message = f"{entity.id}: no ERP adapter '{entity.erp}' is installed; there are {', '.join(sorted(found)) or 'none'}"
        raise Misconfigured(message)
    erp: Erp = found[entity.erp].load()(entity, profile.rules, entity.options)
    return erp


ABOUT: Final = timedelta(days=92)
"""So far before and after today an ERP's periods are looked at."""


def examine(profile: Profile, legal_entity: str, store: Store, now: datetime) -> Mapping[str, Any]:
    """Say what a legal entity's ERP can do, what its mode lacks, and what differs from its recorded contract and from its calendar.

    That nobody answers is a need unmet as well.
    """
    entity = profile.rules.entity(legal_entity)
    about = {"legal_entity": entity.id, "erp": entity.erp, "deployment": entity.deployment}
    try:
        erp = connect(profile, legal_entity)
        able = erp.capabilities()
    except (Misconfigured, RetryLater) as wrong:
        return about | {"missing": [str(wrong)], "notes": [], "drift": [], "calendar": [], "documents": {}}
    calendar, periods = _periods(erp, entity, store, profile.tenant, now)
    with store.begin() as tx:
        differs = drift.seen(tx, profile.rules, entity, able)
        heard = [told] if (told := listening.note(tx, profile.tenant, entity)) else []
    missing = [*able.missing, *(f"to tell stock to the platform: {need}" for need in able.untold)]
    return about | {"missing": missing, "notes": [*able.notes, *(f"contract: {note}" for note in differs.notes), *heard, *periods],
                    "drift": list(differs.stops), "calendar": calendar,
                    "documents": {kind.value: able.route.nature[kind].value for kind in able.route.steps}}


def _periods(erp: Erp, entity: LegalEntity, store: Store, tenant: str, now: datetime) -> tuple[list[str], list[str]]:
    """Ask the ERP for its periods and jobs and remember them: where the profile's calendar differs, what posts nothing now."""
    try:
        master = erp.master_data(Questions(legal_entity=entity.id))
    except (Misconfigured, RetryLater) as away:
        return [], [f"periods were not read: {away}"]
    with store.begin() as tx:
        books.keep(tx, tenant, entity, master, now)
    today = now.astimezone(ZoneInfo(entity.zone)).date()
    told = master.periods
    recent = [each for each in told if each.last >= today - ABOUT and each.first <= today + ABOUT]
    found = [*apart(entity.calendar, recent), *ending(entity.calendar, today)]
    scheduled = [f"{each.code}: {each.sentence}" for each in findings(entity, master.jobs)]
    if not told:
        return found, ["periods: the ERP tells none, so that the profile's calendar and closed_periods alone decide", *scheduled]
    return found, [*(f"periods: {each}" for each in recent if each.status is not Status.OPEN), *scheduled]


def keep(store: Store, profile: Profile, now: datetime) -> None:
    """Keep a profile whole under its version; another content under the same name is refused with `Misconfigured` (INV-16)."""
    mine = kept_as(profile)
    with store.begin() as tx:
        kept = tx.keep_profile(mine, at=now)
        tx.keep_sellable(profile.rules.tenant, profile.rules.version, profile.rules.sellability)
    if kept.sha256 != mine.sha256:
        raise _renamed(profile, kept)


def recall(store: Store, tenant: str, version: str) -> Profile:
    """Give a profile that was in force, by its version with or without the hash; one that never was is `Misconfigured`."""
    name, _, start = version.partition("+")
    with store.begin() as tx:
        kept = tx.profile(tenant, name)
    if kept is None or not kept.sha256.startswith(start):
        message = f"no profile of tenant '{tenant}' was in force under version '{version}', and there is no such file"
        raise Misconfigured(message)
    return read_profile(kept.text.encode(), Path(f"(version {name})"), None)


def build(settings: Settings) -> House:
    """Open the store, bring its tables up to date, check that it is safe, and load the profiles."""
    outgoing.permit(settings.private_networks)
    store = SqlStore(settings.database_url)
    store.migrate()
    store.check()
    profiles = [load_profile(path, settings) for path in settings.profiles]
    for profile in profiles:
        _begin(store, profile, settings, datetime.now(UTC))
    house = House(settings=settings, store=store, profiles={each.rules.tenant: each for each in profiles})
    for profile in profiles:
        if house.refresh(profile.tenant):
            house.waiting[profile.tenant] = (
                f"{profile.path} is version {profile.version}, which nobody approved; {house.profiles[profile.tenant].version} holds. "
                f"To have it approved: backhaul profile propose {profile.path}")
            log.info("profile_waits", extra={"tenant": profile.tenant, "why": house.waiting[profile.tenant]})
    return house


def _begin(store: SqlStore, profile: Profile, settings: Settings, now: datetime) -> None:
    """Let a file's version hold if it may; one that must be approved first is kept as a draft, and the one that holds goes on."""
    mine = kept_as(profile)
    with store.begin() as tx:
        kept = tx.profile(mine.tenant, mine.version)
        if kept is not None and kept.sha256 != mine.sha256:
            raise _renamed(profile, kept)
        holds = versions.begin(tx, mine, by_approval=settings.sign_in.production, now=now)
    if holds.sha256 == mine.sha256:
        keep(store, profile, now)


def kept_as(profile: Profile) -> KeptProfile:
    """Give a profile as the store keeps it."""
    return KeptProfile(tenant=profile.tenant, version=profile.name, sha256=profile.sha256, text=profile.text)


def _renamed(profile: Profile, kept: KeptProfile) -> Misconfigured:
    return Misconfigured(
        f"{profile.path}: version '{profile.name}' of tenant '{profile.tenant}' was in force with other content "
        f"(SHA-256 {kept.sha256}; this file has {profile.sha256}). Give the changed profile a version of its own.")
