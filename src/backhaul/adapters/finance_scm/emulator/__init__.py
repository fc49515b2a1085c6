"""What would Finance & SCM do? An independent reading of the vendor contracts, with ledgers that balance and faults to order."""

from backhaul.adapters.finance_scm.emulator.server import Emulator, serve
from backhaul.adapters.loopback import Running

__all__ = ["Emulator", "Running", "serve"]
