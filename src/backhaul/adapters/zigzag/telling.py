"""How does a fact read in one line, for a person who compares it with a sample?"""

from backhaul.domain.facts import (
    Announced,
    AnnouncedLine,
    Charge,
    Charged,
    Exchanged,
    Fact,
    Grade,
    Inspected,
    Lost,
    Progressed,
    Received,
    Refunded,
)


def tell(fact: Fact) -> str:
    """Write a fact in one line."""
    match fact:
        case Announced():
            says = (f"announced for {fact.customer or 'nobody known'}, {fact.currency}, to {fact.warehouse}: "
                    f"{'; '.join(map(_line, fact.lines))}")
        case Progressed():
            says = f"reached {fact.stage.value}"
        case Received():
            says = f"arrived: {'; '.join(f'{count.quantity} x {count.line.sku}' for count in fact.counts)}"
        case Inspected():
            says = f"inspected: {'; '.join(map(_grade, fact.grades))}"
        case Charged():
            says = f"charged: {'; '.join(map(_charge, fact.charges)) or 'nothing'}"
        case Exchanged():
            on_top = f", difference {fact.difference}" if fact.difference else ""
            says = f"exchanged by the platform's order {fact.reference}{on_top}"
        case Refunded():
            says = f"the customer was paid {fact.money} ({fact.reference})"
        case Lost():
            says = f"lost on its way: {fact.parcel or 'the whole return'}"
        case _:
            says = getattr(fact, "sentence", fact.kind)
    return f"{fact.return_ref} at {fact.at:%Y-%m-%d %H:%M:%S} UTC: {says}"


def _line(line: AnnouncedLine) -> str:
    reason = f", {line.reason}" if line.reason else ""
    return f"{line.quantity} x {line.ref.sku} at {line.unit_price} (order {line.order or 'unknown'}{reason})"


def _grade(grade: Grade) -> str:
    found = "accepted" if grade.accepted else "rejected"
    if grade.found or grade.instead:
        found = f"{grade.found or grade.instead} in its place, {found}"
    return f"{grade.quantity} x {grade.line.sku} {grade.condition}/{grade.disposition} {found}"


def _charge(charge: Charge) -> str:
    return f"{charge.code} {charge.amount}{f' for {charge.line.sku}' if charge.line else ''}{', prepaid' if charge.prepaid else ''}"
