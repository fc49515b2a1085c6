"""Which services does the environment serve, and which of them at this version?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backhaul.adapters.business_central.emulator import bridge, pages, returns
from backhaul.adapters.business_central.emulator.service import Service
from backhaul.adapters.business_central.emulator.surface import Surface, surface

if TYPE_CHECKING:
    from backhaul.adapters.business_central.emulator.model import World

EXTENSION = "api/backhaul/returns/v1.0"
PUBLISHED = frozenset({"salesDocuments", "salesDocumentLines"})


def service_at(world: World, name: str, base: str) -> Service | None:
    """Give the service below a root, if the environment has it."""
    gone = world.settings["gone"]
    if name == "api/v2.0":
        return Service(world, surface("api").at(world.major).without(gone), pages.PAGES, base)
    if name == "ODataV4":
        told = surface("services").at(world.major)
        hidden = {*world.settings.get("unpublished", ()), *(() if world.settings["bridge"] else PUBLISHED)}
        sets = {each: s for each, s in told.sets.items() if each not in hidden}
        return Service(world, Surface(sets=sets, enums=told.enums).without(gone), bridge.PAGES, base)
    if name == EXTENSION and world.settings["extension"]:
        api, own = surface("api"), surface("returns")
        sets = {"companies": api.sets["companies"], **own.sets}
        served = Surface(sets=sets, enums=own.enums).without(gone)
        return Service(world, served, {"companies": pages.PAGES["companies"], **returns.PAGES}, base)
    return None
