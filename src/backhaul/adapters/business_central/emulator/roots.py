"""Which services does the environment serve, and which of them at this version?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backhaul.adapters.business_central.emulator.pages import PAGES
from backhaul.adapters.business_central.emulator.service import Service
from backhaul.adapters.business_central.emulator.surface import surface

if TYPE_CHECKING:
    from backhaul.adapters.business_central.emulator.model import World


def service_at(world: World, name: str, base: str) -> Service | None:
    """Give the service below a root, if the environment has it."""
    if name == "api/v2.0":
        return Service(world, surface("api").at(world.major), PAGES, base)
    return None
