"""What would Business Central do? An independent reading of the vendor contracts, with ledgers that balance and faults to order."""

from backhaul.adapters.business_central.emulator.server import Emulator, serve

__all__ = ["Emulator", "serve"]
