"""Do the inventory journal names that decisions use exist, as the type they are used as, and do they keep the voucher rules?

One journal per window is one voucher per date only if the name says so, allocated when it is posted; and a journal whose lines are deleted
after posting cannot be read back (books 4). The public names of these sets are not documented, the entities' are, so the metadata
service is asked (facts/finance-scm 4).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.odata import OData, Query, Row, quoted
from backhaul.domain.disposition import JournalType

ENTITIES: Final = {
    JournalType.ADJUSTMENT: "InventInventoryAdjustmentJournalNameEntity",
    JournalType.MOVEMENT: "InventInventoryMovementJournalNameEntity",
    JournalType.TRANSFER: "InventInventoryTransferJournalNameEntity",
}
NEEDED: Final = {"DefaultVoucherNumberAllocationRule": "Post", "WillPostingDeleteLinesByDefault": "No"}
"""Without these a batch makes vouchers nobody can tie to it, or lines nobody can read back."""
CHOSEN: Final = ("DefaultVoucherNumberSelectionRule", "DefaultPostingSummationLevel")
"""What finance chooses; another choice than Backhaul's is worth knowing."""
SELECT: Final = ("dataAreaId", "JournalNameId", *NEEDED, *CHOSEN)


def names_unmet(odata: OData, told: wire.Settings, wanted: Collection[tuple[JournalType, str]],
                sets: Mapping[JournalType, str]) -> tuple[list[str], list[str]]:
    """Give what is missing and what is worth knowing of the journals `wanted`; `sets` are the sets of names by type."""
    missing, notes = list[str](), list[str]()
    for kind, name in sorted({(kind, name or told.journal_names[kind]) for kind, name in wanted if kind in ENTITIES}):
        if not sets.get(kind):
            notes.append(f"{kind.value} journal name {name} could not be checked: {ENTITIES[kind]} has no public set.")
            continue
        (rows,) = odata.read([Query(entity_set=sets[kind], select=SELECT, where=f"dataAreaId eq {quoted(told.company)}",
                                    column="JournalNameId", values=(name,))], optional=frozenset({sets[kind]}))
        row = next((row for row in rows if row.get("JournalNameId") == name), None)
        if row is None:
            missing.append(f"{kind.value} journal name {name}")
        else:
            missing += [f"{kind.value} journal name {name}: {line}" for line in _wrong(row)]
            notes += [f"{kind.value} journal name {name}: {column} is {row[column]}, here {value} is meant" for column, value in zip(
                CHOSEN, ("DateChange", told.voucher_rules["PostingDetailLevel"]), strict=True) if row.get(column) not in {value, None}]
    return missing, notes


def _wrong(row: Row) -> Iterator[str]:
    return (f"{column} is {row[column]}, {value} is needed" for column, value in NEEDED.items() if row.get(column) not in {value, None})
