"""A stand-in for ZigZag that runs on one's own machine.

The real platform's webhook names and payloads are not public (facts/zigzag 4), so every event
name, field and status here is **ours and synthetic**. What is public is kept as documented: the short
list of answers that are sent again, one sweep a day over seven days, `POST /token` and the two `PUT`
operations. Real credit lines come from a CSV file; `rule` adds what the file does not say.

It imports nothing else of Backhaul: a second, independent reading of the same contract.
"""

from backhaul.adapters.zigzag.emulator.server import Running, serve

__all__ = ["Running", "serve"]
