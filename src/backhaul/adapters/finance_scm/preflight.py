"""What does a deployment mode need from an environment, and which of it is not there?

Read from the metadata service (facts/finance-scm 4 and 11.1): sets, fields, editability, enumeration members; and from the masters what a
read can tell. Every unmet need is named, so that a mode is refused with a list and not with a guess.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.masters import BARCODES, COLUMNS, OPTIONAL, REASONS, RETURNED, TAX_VALUES, VARIANTS, rates_set, replacing
from backhaul.adapters.finance_scm.metadata import described_as, described_by
from backhaul.adapters.finance_scm.routes import Mode
from backhaul.adapters.odata import OData, Query, quoted
from backhaul.domain.contract import Contract, Trait, trait
from backhaul.domain.posting import PostingKind as K

WRITTEN: Final[Mapping[str, tuple[str, ...]]] = {
    wire.RETURN_ORDERS: ("CustomerAccountNumber", "CustomersOrderReference", "CustomerRequisitionNumber", "CustomerReturnReasonCode",
                         "CurrencyCode", "DefaultReturnWarehouseId"),
    wire.RETURN_LINES: ("ItemNumber", "ExternalItemNumber", "ReturnSalesQuantity", "SalesPrice", "ReturnUnitCost", "ReturnWarehouseId"),
    wire.SALES_ORDERS: ("OrderingCustomerAccountNumber", "CustomersOrderReference", "CurrencyCode", "SalesOrderPoolId"),
    wire.SALES_LINES: ("ItemNumber", "ExternalItemNumber", "OrderedSalesQuantity", "SalesPrice"),
    wire.JOURNALS: ("JournalNameId", "JournalDescription"),
    wire.JOURNAL_LINES: ("LineNumber", "ItemNumber", "ItemQuantity", "IsReturnOrder", "TransactionReferenceType",
                         "TransactionReferenceNumber", "ReferenceInventoryLotId", "ReturnItemNumber", "ReturnDispositionCodeId",
                         "ReceivingWarehouseId", "ReceivingWarehouseLocationId", "TransactionDate"),
    wire.ADJUSTMENT_LINES: ("JournalNumber", "LineNumber", "JournalNameId", "ItemNumber", "InventorySiteId", "InventoryWarehouseId",
                            "WarehouseLocationId", "InventoryQuantity", "UnitCost", "TransactionDate"),
    wire.MOVEMENT_LINES: ("JournalNumber", "LineNumber", "JournalNameId", "ItemNumber", "InventorySiteId", "InventoryWarehouseId",
                          "WarehouseLocationId", "InventoryQuantity", "UnitCost", "TransactionDate", "OffsetMainAccountIdDisplayValue"),
    wire.TRANSFERS: ("JournalNumber", "JournalNameId", "Description", "VoucherNumberSelectionRule", "VoucherNumberAllocationRule",
                     "PostingDetailLevel"),
    wire.TRANSFER_LINES: ("JournalNumber", "LineNumber", "ItemNumber", "SourceInventorySiteId", "SourceWarehouseId",
                          "SourceWarehouseLocationId", "DestinationInventorySiteId", "DestinationWarehouseId",
                          "DestinationWarehouseLocationId", "InventoryQuantity", "TransactionDate"),
}
BY_VARIANT: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys((wire.RETURN_LINES, wire.SALES_LINES, wire.JOURNAL_LINES, wire.ADJUSTMENT_LINES, wire.MOVEMENT_LINES), wire.PRODUCT),
    wire.TRANSFER_LINES: tuple(f"{side}{name}" for side in ("Source", "Destination") for name in wire.PRODUCT),
}
"""What else is written where SKUs name variants."""
UNASKED: Final = {"item": frozenset({VARIANTS, BARCODES}), "variant": frozenset({BARCODES}), "barcode": frozenset[str]()}
"""Sets that the option `sku` does without."""
MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "NoYes": frozenset({"No", "Yes"}), "InventTransType": frozenset({"Sales"}),
    "ReturnStatusLine": frozenset({"Awaiting", "Registered", "Received", "Invoiced"}),
}
T = TypeVar("T")
JOURNAL_NAMES: Final = "WMSItemArrivalJournalNameEntity"


BY_MODE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "A": {},
    "B": {wire.RETURN_ORDERS: ("IsReturnProcessingStopped",),
          wire.RETURN_LINES: ("ReturnDispositionCode", "ReturnWarehouseLocationId")},
    "C": {wire.SALES_LINES: ("ShippingWarehouseId", "ShippingWarehouseLocationId")},
}
"""What only one mode writes besides."""
ARRIVALS: Final = frozenset({wire.JOURNALS, wire.JOURNAL_LINES})
RETURNS: Final = frozenset({wire.RETURN_ORDERS, wire.RETURN_LINES, "ReturnDispositionCodes", REASONS})


def unused(mode: Mode, told: wire.Settings, *, journals: bool) -> frozenset[str]:
    """Name the entity sets a mode and its options do without."""
    return (UNASKED[told.sku] | (frozenset() if mode.receives_by_journal else ARRIVALS)
            | (RETURNS if K.ORDER in mode.sales else frozenset())
            | (frozenset() if journals else wire.SURPLUS))


def needs_unmet(odata: OData, told: wire.Settings, mode: Mode, *, journals: bool = False,  # noqa: PLR0913  what it depends on
                mapped: frozenset[str] = frozenset(), masters: bool = True) -> tuple[list[str], list[str], Contract]:
    """Give what is missing, what is worth knowing and what the environment shows of what is used.

    Raises `RetryLater` when the metadata cannot be read.

    Inventory `journals` are needed only where the profile says where surplus units go, or where a loss is booked by one.
    None of the `mapped` disposition codes may make a replacement order. Without `masters` only the metadata service is asked.
    """
    apart = unused(mode, told, journals=journals)
    wanted = {name: columns for name, columns in {**wire.SELECT, **COLUMNS}.items() if name not in apart}
    described = described_by(odata, "PublicEntities", "EntitySetName", wanted)
    found = {str(row.get("EntitySetName")): _fields(row) for row in described}
    shown = {str(row.get("EntitySetName")): _traits(row) for row in described}
    optional = {name: columns for name, columns in wanted.items() if name in OPTIONAL}
    missing = [line for name, columns in wanted.items() if name not in OPTIONAL for line in _lacks(name, columns, found)]
    notes = [f"optional: {line}" for name, columns in optional.items() for line in _lacks(name, columns, found)]
    tables = (WRITTEN, BY_MODE[mode.letter], BY_VARIANT if told.sku != "item" else {})
    written = [each for table in tables for each in table.items() if each[0] in wanted]
    for name, columns in written:
        missing += [f"{name}.{column} cannot be written" for column in columns if found.get(name, {}).get(column) is False]
    members_of = {name: members for name, members in MEMBERS.items() if name == "NoYes" or K.ORDER not in mode.sales}
    enums = {str(row.get("Name")): {str(member.get("Name")) for member in row.get("Members") or ()}
             for row in described_by(odata, "PublicEnumerations", "Name", members_of)}
    missing += [f"enumeration {name} lacks {', '.join(sorted(members - enums.get(name, set())))}"
                for name, members in members_of.items() if members - enums.get(name, set())]
    imported = (*((wire.JOURNALS, wire.JOURNAL_LINES) if mode.receives_by_journal else ()), *((wire.ADJUSTMENT_LINES,) if journals else ()))
    named = (*((JOURNAL_NAMES,) if mode.receives_by_journal else ()), *TAX_VALUES)
    entities = described_as(odata, "DataEntities", (*(("PublicCollectionName", each) for each in imported),
                                                    *(("Name", each) for each in named)))
    missing += _not_importable(entities)
    if journals:
        notes.append(f"Whether a journal number from outside is kept ({wire.ADJUSTMENT_LINES}.JournalNumber) no metadata tells: "
                     f"the number sequence of journal name {told.journal_names['adjustment']} must allow it.")
    notes += _of_returns(described, found) if K.ORDER not in mode.sales else [
        f"Whether the pools {told.hold_pool} and {told.invoice_pool} exist, and that no job invoices {told.hold_pool}, no metadata tells."]
    rates = rates_set(entities)
    notes.append(f"Tax rates by date are read from {rates}." if rates else
                 "No public set of tax rates: expected VAT comes from the profile's [[tax_rates]], or is not compared.")
    if masters and not missing:
        more = _masters(odata, told, mode, entities, mapped)
        missing += more[0]
        notes += more[1]
    used = {f"{name}.{column}" for name, columns in (*wanted.items(), *written, (wire.RETURN_LINES, ("ReturningInventoryLotId",)))
            for column in columns}
    return missing, notes, Contract(sets=shown, enums={name: tuple(sorted(members)) for name, members in enums.items()},
                                    used=frozenset({*wanted, *members_of, *used}))


def _of_returns(described: Iterable[Mapping[str, Any]], found: Mapping[str, Mapping[str, bool]]) -> list[str]:
    """Say what is worth knowing of return orders: can a line be linked to its sale, and can the returns of others be counted?"""
    original = found.get(wire.RETURN_LINES, {}).get("ReturningInventoryLotId")
    notes = [{True: "ReturningInventoryLotId can be written: the original lot is linked, the ERP reverses its cost.",
              False: "ReturningInventoryLotId cannot be written: cost comes from ReturnUnitCost (facts/finance-scm 8).",
              None: "ReturningInventoryLotId is not in the metadata."}[original]]
    if not any(RETURNED in str(link.get("Name")) for row in described if row.get("EntitySetName") == wire.RETURN_ORDERS
               for link in row.get("NavigationProperties") or ()):
        notes.append(f"{wire.RETURN_ORDERS} does not lead to its lines by {RETURNED}: returns made by hand are not counted (ERP-25).")
    return notes


def public_sets(odata: OData, entities: Mapping[T, str]) -> dict[T, str]:
    """Give the public set of each entity, by what it is asked for as; an entity without one is left out."""
    public = {str(row.get("Name")): str(row.get("PublicCollectionName") or "")
              for row in described_by(odata, "DataEntities", "Name", entities.values())}
    return {kind: public[entity] for kind, entity in entities.items() if public.get(entity)}


def lacking(odata: OData, wanted: Mapping[str, Iterable[str]]) -> list[str]:
    """Name the sets and columns that the environment does not show of those wanted."""
    found = {str(row.get("EntitySetName")): _fields(row) for row in described_by(odata, "PublicEntities", "EntitySetName", wanted)}
    return [line for name, columns in wanted.items() for line in _lacks(name, columns, found)]


def links_original_lot(odata: OData) -> bool:
    """Tell whether the environment lets a return order line name the lot of the original sale (facts/finance-scm 8)."""
    rows = described_by(odata, "PublicEntities", "EntitySetName", (wire.RETURN_LINES,))
    return any(_fields(row).get("ReturningInventoryLotId") is True for row in rows)


def _fields(row: Mapping[str, Any]) -> dict[str, bool]:
    return {str(field.get("Name")): bool(field.get("AllowEdit", True)) for field in row.get("Properties") or ()}


def _traits(row: Mapping[str, Any]) -> dict[str, Trait]:
    return {str(field.get("Name")): trait(str(field.get("TypeName") or field.get("DataType") or ""), key=bool(field.get("IsKey")),
                                          editable=bool(field.get("AllowEdit", True)), mandatory=bool(field.get("IsMandatory")))
            for field in row.get("Properties") or ()}


def _lacks(name: str, columns: Iterable[str], found: Mapping[str, Mapping[str, bool]]) -> list[str]:
    if name not in found:
        return [f"entity set {name}"]
    return [f"{name}.{column}" for column in columns if column not in found[name]]


def _not_importable(entities: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say which parts of the arrival composite, or of inventory journals, data management may not import."""
    by_set = {str(row.get("PublicCollectionName")): row for row in entities}
    return [f"{name} is not enabled for data management" for name in (wire.JOURNALS, wire.JOURNAL_LINES, wire.ADJUSTMENT_LINES)
            if name in by_set and str(by_set[name].get("DataManagementEnabled", True)).lower() in {"false", "no"}]


def _masters(odata: OData, told: wire.Settings, mode: Mode, entities: Iterable[Mapping[str, Any]],
             mapped: frozenset[str]) -> tuple[list[str], list[str]]:
    """Check disposition codes and, where an entity for them is public, the journal name; as far as the mode uses them."""
    if K.ORDER in mode.sales:
        return [], []
    company = f"dataAreaId eq {quoted(told.company)}"
    names = next((str(row.get("PublicCollectionName") or "") for row in entities if row.get("Name") == JOURNAL_NAMES), "")
    asked = [Query(entity_set="ReturnDispositionCodes", select=COLUMNS["ReturnDispositionCodes"], where=company)]
    if names:
        asked.append(Query(entity_set=names, where=company, column="JournalNameId", values=(told.journal_name,)))
    rows = odata.read(asked, optional=frozenset({names}))
    missing = [] if rows[0] else [f"no disposition codes in company {told.company}"]
    missing += [f"a disposition code that makes no replacement order: '{code}' does, and the platform owns exchanges"
                for code in sorted(mapped & {*replacing(rows[0])})]
    if not mode.receives_by_journal:
        return missing, []
    if not names:
        return missing, [f"Journal name {told.journal_name} could not be checked: no public entity for arrival journal names."]
    if not any(row.get("JournalNameId") == told.journal_name for row in rows[1]):
        missing.append(f"arrival journal name {told.journal_name}")
    return missing, []
