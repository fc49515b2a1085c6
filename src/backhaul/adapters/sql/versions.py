"""Which profiles were in force, and what was on sale under each?"""

from datetime import datetime

from sqlalchemy import insert, select

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import drafts, profiles, reigns, sellable
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptProfile
from backhaul.domain.disposition import Sellability


class Versions(Session):
    """Profiles, each kept whole under its version, so that a posting's mapping version can always be explained (INV-16)."""

    def keep_profile(self, profile: KeptProfile, *, at: datetime) -> KeptProfile:
        """Keep a profile that is in force from now on; give what is kept under its version."""
        told = self._connection.execute(self._insert(profiles).on_conflict_do_nothing().returning(profiles.c.version), {
            "tenant": profile.tenant, "version": profile.version, "sha256": profile.sha256, "text": profile.text, "at": at})
        if told.first() is not None:
            self.record(profile.tenant, subject=f"profile {profile.version}", action="profile", at=at, actor="backhaul",
                        detail={"version": profile.version, "sha256": profile.sha256})
        return self.profile(profile.tenant, profile.version) or profile

    def profile(self, tenant: str, version: str) -> KeptProfile | None:
        """Give the profile that was in force under this version."""
        row = self._connection.execute(
            select(profiles).where(profiles.c.tenant == tenant, profiles.c.version == version)).first()
        return None if row is None else KeptProfile(tenant=row.tenant, version=row.version, sha256=row.sha256, text=row.text)

    def keep_draft(self, profile: KeptProfile, *, actor: str, at: datetime) -> None:
        """Keep a profile that somebody would have come into force; once is enough."""
        self._connection.execute(self._insert(drafts).on_conflict_do_nothing(), {
            "tenant": profile.tenant, "version": profile.version, "sha256": profile.sha256, "text": profile.text, "actor": actor, "at": at})

    def draft(self, tenant: str, sha256: str) -> KeptProfile | None:
        """Give a draft by the hash of its bytes."""
        row = self._connection.execute(select(drafts).where(drafts.c.tenant == tenant, drafts.c.sha256 == sha256)).first()
        return None if row is None else KeptProfile(tenant=row.tenant, version=row.version, sha256=row.sha256, text=row.text)

    def reign(self, tenant: str) -> KeptReign | None:
        """Give the version that holds; None before the first start."""
        return next(iter(self.reigns(tenant, most=1)), None)

    def reigns(self, tenant: str, *, most: int = 50) -> list[KeptReign]:
        """Give the versions that held, the present one first."""
        told = self._connection.execute(select(reigns).where(reigns.c.tenant == tenant).order_by(reigns.c.id.desc()).limit(most))
        return [KeptReign(version=row.version, sha256=row.sha256, since=row.at, by=row.by, proposal=row.proposal) for row in told]

    def crown(self, tenant: str, reign: KeptReign) -> None:
        """Let a version hold from now on; the database refuses one that needs an approval and has none (INV-16, INV-30)."""
        self._connection.execute(insert(reigns), {"tenant": tenant, "version": reign.version, "sha256": reign.sha256, "by": reign.by,
                                                  "proposal": reign.proposal, "at": reign.since})
        self.record(tenant, subject=f"profile {reign.version}", action="profile.in-force", at=reign.since, actor="backhaul", detail={
            "version": reign.version, "sha256": reign.sha256, "by": reign.by, "proposal": reign.proposal})

    def keep_sellable(self, tenant: str, version: str, told: Sellability) -> None:
        """Keep what is on sale under a mapping version, for the database's own check; what was kept of it first stands (INV-06)."""
        self._connection.execute(self._insert(sellable).on_conflict_do_nothing(), {
            "tenant": tenant, "version": version, **rows.sellable_row(told)})
