"""What does an environment's own description say of the sets and fields we use?

Every service root has a `$metadata` document in CSDL (facts/business-central 2): types with their keys and properties, enumerations, and
for each set whether records may be inserted. What the adapter uses of it is its contract (reliability ERP-30); nothing else is kept.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from backhaul.adapters.business_central import bridge, inbox, journals, wire
from backhaul.adapters.business_central.central import API, EXTENSION, PUBLISHED, Central
from backhaul.adapters.business_central.looking import LEDGER, LEDGER_COLUMNS
from backhaul.adapters.business_central.masters import COLUMNS, OPTIONAL
from backhaul.adapters.business_central.routes import Mode
from backhaul.domain.contract import Contract, Trait, trait
from backhaul.domain.errors import RetryLater
from backhaul.domain.posting import PostingKind as K

EDM: Final = "{http://docs.oasis-open.org/odata/ns/edm}"
OURS: Final = "Microsoft.NAV."
LINE: Final = ("documentId", "sequence", "lineType", "lineObjectNumber", "itemVariantId", "locationId", "description", "description2",
               "quantity", "unitPrice", "netAmount", "netTaxAmount", "taxPercent", "netAmountIncludingTax")
"""What is written to a line of API v2.0, and read of it."""
HEAD: Final = ("externalDocumentNumber", "customerNumber", "currencyCode")
Columns = Mapping[str, tuple[str, ...]]


def used(mode: Mode) -> Mapping[str, Columns]:
    """Name the fields a mode reads or writes, by service root and set. A set without which we do well is not among them."""
    told: dict[str, Columns] = {API: {
        **{name: columns for name, columns in COLUMNS.items() if name not in OPTIONAL}, LEDGER: LEDGER_COLUMNS,
        wire.MEMOS: (*wire.SELECT[wire.MEMOS], *HEAD, "invoiceId", "customerReturnReasonId"),
        wire.INVOICES: (*wire.SELECT[wire.INVOICES], *HEAD), **dict.fromkeys(wire.LINES_OF.values(), LINE)}}
    if mode.bridged:
        told[PUBLISHED] = {bridge.ORDERS: bridge.SELECT[bridge.ORDERS], bridge.LINES: (*bridge.SELECT[bridge.LINES], "description")}
    if mode.inboxed:
        told[EXTENSION] = {**inbox.SELECT, inbox.LINES: inbox.LINE,
                           **(journals.SELECT if K.ADJUSTMENT in mode.route.goods else {})}
    return told


def contract(central: Central, mode: Mode) -> Contract:
    """Read what the environment shows of what this mode uses; raise `RetryLater` where it cannot be read."""
    sets: dict[str, dict[str, Trait]] = {}
    enums: dict[str, tuple[str, ...]] = {}
    names: set[str] = set()
    for service, wanted in used(mode).items():
        shown, members = _read(_document(central, service), wanted)
        sets |= shown
        enums |= members
        names |= {*wanted, *members, *(f"{name}.{column}" for name, columns in wanted.items() for column in columns)}
    return Contract(sets=sets, enums=enums, used=frozenset(names))


def lacking(shown: Contract, *, told: Iterable[str]) -> list[str]:
    """Name what is used and not shown, apart from sets of which that was `told` already because they could not be read."""
    known = tuple(told)
    apart = [(entity, column) for entity, dot, column in (name.partition(".") for name in sorted(shown.used)) if dot]
    return [f"field {entity}.{column}" for entity, column in apart if entity in shown.sets and column not in shown.sets[entity]
            and not any(sentence.startswith(f"entity set {entity} ") for sentence in known)]


def _document(central: Central, service: str) -> bytes:
    answer, _, body = central.send("GET", f"{central.root}/{service}/$metadata", headers={"Accept": "application/xml"})
    if answer.status != 200:  # noqa: PLR2004  whole and readable
        message = f"The environment does not describe {service}: {answer.sentence}"
        raise RetryLater(message, after_seconds=answer.wait)
    return body


def _read(document: bytes, wanted: Iterable[str]) -> tuple[dict[str, dict[str, Trait]], dict[str, tuple[str, ...]]]:
    """Read the fields of these sets, and the members of the enumerations they are of."""
    try:
        root = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as broken:
        message = f"The environment's description of itself cannot be read: {broken}"
        raise RetryLater(message) from None
    types = {str(each.get("Name")): each for each in root.iter(f"{EDM}EntityType")}
    sets: dict[str, dict[str, Trait]] = {}
    for each in root.iter(f"{EDM}EntitySet"):
        kind = types.get(str(each.get("EntityType")).rpartition(".")[2])
        if each.get("Name") in wanted and kind is not None:
            keys = {str(key.get("Name")) for key in kind.iter(f"{EDM}PropertyRef")}
            able = any(value.get("Property") == "Insertable" and value.get("Bool") == "true" for value in each.iter(f"{EDM}PropertyValue"))
            sets[str(each.get("Name"))] = {
                str(prop.get("Name")): trait(str(prop.get("Type")), key=prop.get("Name") in keys, editable=able)
                for prop in kind.iter(f"{EDM}Property")}
    kinds = {trait.type.removeprefix(OURS) for told in sets.values() for trait in told.values() if trait.type.startswith(OURS)}
    enums = {str(each.get("Name")): tuple(sorted(str(member.get("Name")) for member in each.iter(f"{EDM}Member")))
             for each in root.iter(f"{EDM}EnumType") if each.get("Name") in kinds}
    return sets, enums
