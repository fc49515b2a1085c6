"""Which profiles were in force, and what was on sale under each?"""

from datetime import datetime

from sqlalchemy import select

from backhaul.adapters.sql import rows
from backhaul.adapters.sql.tables import profiles, sellable
from backhaul.adapters.sql.turns import Turns
from backhaul.application.ports import KeptProfile
from backhaul.domain.disposition import Sellability


class Versions(Turns):
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

    def keep_sellable(self, tenant: str, version: str, told: Sellability) -> None:
        """Keep what is on sale under a mapping version, for the database's own check; what was kept of it first stands (INV-06)."""
        self._connection.execute(self._insert(sellable).on_conflict_do_nothing(), {
            "tenant": tenant, "version": version, **rows.sellable_row(told)})
