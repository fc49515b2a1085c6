"""What a sender told that cannot sign counts once the platform itself told the same."""

from dataclasses import replace
from decimal import Decimal

from backhaul.domain.confirmation import differences, essence, heard, is_confirmed
from backhaul.domain.facts import Charge, Charged, Confirmed, Fact
from backhaul.domain.trail import digest
from backhaul.testing.builders import NOON, REF, accepted, arrived, case_of, closed, line


def told(price: str = "10.00", *more: Fact) -> list[Fact]:
    facts = arrived(line("MUG", 2, price), grades=[accepted("MUG", 2)])
    return [replace(fact, delivery="1") for fact in (*facts, *more)]


def confirmed(*facts: Fact) -> Confirmed:
    return Confirmed(return_ref=REF, at=NOON, essence=digest(essence(heard(REF, facts))))


def test_what_the_platform_told_alike_is_confirmed_however_it_writes_its_numbers() -> None:
    ours, theirs = told("10.00"), told("10.0")

    assert is_confirmed(REF, [*ours, confirmed(*theirs)])
    assert differences(heard(REF, ours), heard(REF, theirs)) == ""


def test_what_the_platform_never_told_or_told_otherwise_is_not_confirmed() -> None:
    ours = told()

    assert not is_confirmed(REF, ours)
    assert not is_confirmed(REF, [*ours, confirmed(*told("1.00"))])


def test_what_people_decided_is_no_part_of_what_was_heard() -> None:
    ours = told()

    assert is_confirmed(REF, [*ours, confirmed(*ours), closed()])


def test_a_disagreement_is_one_sentence_however_much_was_said() -> None:
    charges = Charged(return_ref=REF, at=NOON, charges=tuple(Charge(code=f"FEE{number}", amount=Decimal(1)) for number in range(20)))

    says = differences(heard(REF, told("10.00", charges)), case_of(*told()))

    assert says.startswith("charges: messages say [['FEE0', '1', False], ")
    assert says.endswith("..., the platform says []")
    assert len(says) < 260
