"""What really happened to every return, whatever anybody received?

The source's side of the proof: computed from a return's youngest event, so a lost, doubled or late
delivery changes nothing here. Quantities are pieces; amounts are text in the return's currency, net
unless the name says gross, each line rounded to pennies, half away from zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from backhaul.adapters.zigzag.emulator.rule import gross
from backhaul.adapters.zigzag.emulator.story import Json, Reached, number

PENNY: Final = Decimal("0.01")


def truth_of(body: Json, goods: Sequence[bool]) -> Json:
    """Say how a return stands by its youngest event. `goods` tells for each line whether it is goods."""
    told = body["return"]
    reached = Reached[told["status"]]
    lines = [
        _line(line, told["country"], reached, goods=is_goods)
        for line, is_goods in zip(told["lines"], goods, strict=True)
    ]
    amounts = {key: _sum(line["amounts"][key] for line in lines) for key in lines[0]["amounts"]}
    return {
        "returnId": told["returnId"],
        "status": told["status"],
        "asOf": body["occurredAt"],
        "customer": told["customer"],
        "country": told["country"],
        "currency": told["currency"],
        "warehouseDC": told["warehouseDC"],
        "refundedGross": told["refund"]["amount"] if told["refund"] else "0.00",
        "lines": lines,
        "amounts": amounts,
    }


def _line(line: Json, country: str, reached: Reached, *, goods: bool) -> Json:
    announced = Decimal(str(line["quantity"]))
    accepted: dict[str, Decimal] = {}
    rejected = Decimal(0)
    for grade in line["grades"] or ():
        pieces = Decimal(str(grade["quantity"]))
        if grade["outcome"] == "ACCEPTED":
            accepted[grade["disposition"]] = accepted.get(grade["disposition"], Decimal(0)) + pieces
        else:
            rejected += pieces
    due = announced if not goods and reached is Reached.COMPLETED else Decimal(0)
    received = line["quantityReceived"]
    short = announced - Decimal(str(received)) if received is not None else Decimal(0)
    credited = sum(accepted.values(), due)
    parts = {"announcedNet": announced, "acceptedNet": credited, "rejectedNet": rejected, "shortNet": short}
    return {
        "sku": line["sku"],
        "orderNumber": line["orderNumber"],
        "unitPrice": line["unitPrice"],
        "goods": goods,
        "announced": number(announced),
        "received": received,
        "accepted": {key: number(value) for key, value in sorted(accepted.items())},
        "serviceDue": number(due),
        "rejected": number(rejected),
        "short": number(short),
        "waiting": number(announced - credited - rejected - short),
        "amounts": _amounts(parts, Decimal(line["unitPrice"]), country),
    }


def _amounts(parts: Mapping[str, Decimal], price: Decimal, country: str) -> Json:
    """Price the pieces of a line; what is left of the announced amount is waiting."""
    nets = {key: (quantity * price).quantize(PENNY, ROUND_HALF_UP) for key, quantity in parts.items()}
    waiting = nets["announcedNet"] - nets["acceptedNet"] - nets["rejectedNet"] - nets["shortNet"]
    found = {**nets, "waitingNet": waiting, "acceptedGross": gross(nets["acceptedNet"], country)}
    return {key: f"{amount:.2f}" for key, amount in found.items()}


def _sum(amounts: Iterable[str]) -> str:
    return f"{sum((Decimal(amount) for amount in amounts), Decimal(0)):.2f}"
