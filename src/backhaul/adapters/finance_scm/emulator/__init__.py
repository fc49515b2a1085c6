"""What would Finance & SCM do? An independent reading of the vendor contracts, with ledgers that balance and faults to order."""

from backhaul.adapters.finance_scm.emulator.server import Emulator, Running, serve

__all__ = ["Emulator", "Running", "serve"]
