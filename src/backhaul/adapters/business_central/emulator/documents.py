"""Which sales documents can be written, and what do their fields do to each other?

Drafts of credit memos, return orders and invoices, as `Sales Header` and `Sales Line` validate them: customer, currency and dates; item,
variant, quantity, return reason, location, cost link and price in the order they are sent; VAT by the set-up of now, per VAT identifier
(facts/business-central 3, 9, 10).
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator import refusals as no
from backhaul.adapters.business_central.emulator.model import NEVER, NOWHERE, ZERO, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backhaul.adapters.odata_server import Row

CREDITS = frozenset({"Credit Memo", "Return Order"})
SERIES: Mapping[str, str] = {"Credit Memo": "creditMemo", "Return Order": "returnOrder", "Invoice": "invoice"}
ADDRESS: Mapping[str, str] = {"AddressLine1": "addressLine1", "AddressLine2": "addressLine2", "City": "city", "Country": "country",
                              "State": "state", "PostCode": "postalCode"}
STEP = 10_000
LINE: Mapping[str, Any] = {
    "type": "Comment", "number": "", "objectId": NOWHERE, "variantCode": "", "variantId": NOWHERE, "location": "", "locationId": NOWHERE,
    "bin": "", "description": "", "description2": "", "unit": "", "quantity": ZERO, "unitPrice": ZERO, "discountPercent": ZERO,
    "discountAmount": ZERO, "taxCode": "", "vatIdentifier": "", "taxPercent": ZERO, "amount": ZERO, "allocated": ZERO, "net": ZERO,
    "tax": ZERO, "gross": ZERO, "shipmentDate": NEVER, "returnReasonCode": "", "applFromItemEntry": 0, "unitCost": ZERO, "toReceive": ZERO,
    "received": ZERO, "toInvoice": ZERO, "invoiced": ZERO, "genProd": ""}


# ---------------------------------------------------------------- heads


def new_header(world: World, company: str, kind: str, customer: Row, told: Row) -> Row:
    """Begin a document for a customer; `told` may hold what the caller decides, an id among it."""
    number = str(customer["number"])
    if customer.get("blocked", "_x0020_") == "All" or (kind not in CREDITS and customer.get("blocked") == "Invoice"):
        raise no.customer_blocked("create", number, str(customer["blocked"]))
    if customer.get("privacyBlocked"):
        raise no.dialog(f"You cannot create this type of document when Customer {number} is blocked for privacy.")
    draft = world.number(SERIES[kind])
    address = {f"{side}{name}": customer.get(theirs, "") for side in ("sellTo", "billTo") for name, theirs in ADDRESS.items()}
    today = world.today()
    header: Row = {
        "company": company, "type": kind, "posted": False, "number": draft, "draftNumber": draft, "postingNumber": "",
        "receiptNumber": "", "externalDocumentNumber": "", "yourReference": "", "documentDate": today, "postingDate": today,
        "dueDate": today, "customerId": customer["id"], "customerNumber": number, "customerName": customer.get("displayName", ""),
        "billToCustomerId": customer["id"], "billToCustomerNumber": number, "billToName": customer.get("displayName", ""),
        "vatBus": customer.get("vatBusPostingGroup", ""), "genBus": customer.get("genBusPostingGroup", ""), "location": "",
        "currency": currency(world, company, str(customer.get("currencyCode", ""))),
        "pricesIncludingVat": bool(customer.get("pricesIncludingVat", False)), "appliesToType": "", "appliesToNumber": "",
        "reasonId": NOWHERE, "reasonCode": "", "discountAmount": ZERO, "orderNumber": "", "returnOrderNumber": "", "net": ZERO,
        "tax": ZERO, "gross": ZERO, "state": "Open", "receive": False, "invoice": False, "paymentMethodCode": "", "printed": False,
        "canceled": False, "corrective": False, **address}
    return world.put("sales", header | told)


def find_customer(world: World, company: str, values: Row) -> Row:
    """Find the customer API v2.0 was told by id, number or both, and take both out of the values."""
    identity, number = values.pop("customerId", NOWHERE), str(values.pop("customerNumber", ""))
    if identity == NOWHERE and not number:
        raise no.dialog('A "customerNumber" or a "customerId" must be provided.')
    row = world.tables.find("customers", identity) if identity != NOWHERE else world.one("customers", company, "number", number)
    if row is None or row["company"] != company:
        raise no.dialog("The sell-to customer cannot be found.")
    if number and row["number"] != number:
        raise no.dialog("The sell-to customer values do not match to a specific Customer.")
    return row


def currency(world: World, company: str, code: str) -> str:
    """Give a currency code as documents keep it: empty for the local one."""
    if code in {"", world.settings["localCurrency"]}:
        return ""
    if code not in world.settings["exchangeRates"] and world.one("currencies", company, "code", code) is None:
        raise no.dialog('The "currencyCode" does not match to a Currency.')
    return code


def change_header(world: World, header: Row, changes: Row) -> Row:
    """Change a draft's head by columns of ours; a change of customer or currency counts its lines anew."""
    changed = world.put("sales", header | changes)
    if {"currency", "vatBus", "pricesIncludingVat", "discountAmount"} & changes.keys():
        if "vatBus" in changes:
            for line in world.lines(changed):
                if line["type"] != "Comment":
                    world.put("salesLines", taxed(world, changed, line))
        changed = total(world, changed)
    return changed


def delete_header(world: World, header: Row) -> None:
    """Delete a draft with its lines."""
    for line in world.lines(header):
        world.tables.remove("salesLines", line["id"])
    world.tables.remove("sales", header["id"])


# ---------------------------------------------------------------- lines


def new_line(world: World, header: Row, told: Row, *, totalled: bool = True) -> Row:
    """Write a line; what `told` holds is validated in its order, what the line is first."""
    sequence = int(told.pop("sequence", 0) or 0)
    taken = {line["sequence"] for line in world.lines(header)}
    if sequence in taken:
        raise no.dialog("You cannot insert a line because a line already exists.")
    sequence = sequence or max(taken, default=0) + STEP
    line: Row = {**LINE, "company": header["company"], "documentId": header["id"], "kind": header["type"], "sequence": sequence,
                 "shipmentDate": header["postingDate"]}
    line = identify(world, header, line, told)
    line = validate(world, header, line, told)
    kept = world.put("salesLines", line)
    if totalled:
        total(world, header)
    return world.tables.find("salesLines", kept["id"]) or kept


def change_line(world: World, header: Row, line: Row, told: Row) -> Row:
    """Change a line of a draft."""
    if {"type", "number"} & told.keys() and (told.get("type", line["type"]), told.get("number", line["number"])) != (
            line["type"], line["number"]):
        line = identify(world, header, {**line, **{c: v for c, v in LINE.items() if c != "quantity"}}, told)
    told.pop("type", None)
    told.pop("number", None)
    kept = world.put("salesLines", validate(world, header, line, told))
    total(world, header)
    return world.tables.find("salesLines", kept["id"]) or kept


def delete_line(world: World, header: Row, line: Row) -> None:
    """Delete a line of a draft."""
    world.tables.remove("salesLines", line["id"])
    total(world, header)


def identify(world: World, header: Row, line: Row, told: Row) -> Row:
    """Say what a line is about, with everything that follows from an item or an account."""
    kind, number = told.pop("type", line["type"]), str(told.pop("number", ""))
    line = {**line, "type": kind, "number": number}
    if kind == "Item":
        return _item(world, header, line)
    if kind == "Account":
        return _account(world, header, line)
    if kind == "Charge":
        return taxed(world, header, line)
    return line


def _item(world: World, header: Row, line: Row) -> Row:
    item = world.one("items", header["company"], "number", line["number"])
    if item is None:
        raise no.dialog("Item does not exist.")
    number = item["number"]
    if item.get("blocked"):
        raise no.must_be("Blocked", "No", f"Item: No.={number}", "Yes")
    if item.get("salesBlocked") and header["type"] not in CREDITS:
        raise no.dialog(f"You cannot sell Item {number} because the Sales Blocked check box is selected on the Item card.")
    location = header["location"]
    place = world.one("locations", header["company"], "code", location) if location else None
    return taxed(world, header, {
        **line, "objectId": item["id"], "description": item.get("displayName", ""), "unit": item.get("baseUnitOfMeasureCode", ""),
        "unitPrice": Decimal(item.get("unitPrice", ZERO)), "unitCost": Decimal(item.get("unitCost", ZERO)), "location": location,
        "locationId": place["id"] if place else NOWHERE, "taxCode": item.get("taxGroupCode", ""),
        "genProd": item.get("generalProductPostingGroupCode", "")})


def _account(world: World, header: Row, line: Row) -> Row:
    row = world.one("accounts", header["company"], "number", line["number"])
    if row is None:
        raise no.dialog("Account does not exist.")
    if row.get("blocked"):
        raise no.must_be("Blocked", "No", f"G/L Account: No.={row['number']}", "Yes")
    if not row.get("directPosting", True):
        raise no.must_be("Direct Posting", "Yes", f"G/L Account: No.={row['number']}", "No")
    return taxed(world, header, {**line, "objectId": row["id"], "description": row.get("displayName", ""),
                                 "taxCode": row.get("vatProdPostingGroup", ""), "genProd": row.get("genProdPostingGroup", "")})


def vat_setup(world: World, company: str, bus: str, prod: str) -> Row:
    """Give the VAT posting set-up of a pair of groups; while a company has none at all, everything is free of VAT."""
    rows = list(world.of("vatPostingSetups", company))
    for row in rows:
        if (row.get("vatBusPostingGroup", ""), row.get("vatProdPostingGroup", "")) == (bus, prod):
            return row
    if rows:
        raise no.no_related("VAT Posting Setup", f"VAT Bus. Posting Group='{bus}',VAT Prod. Posting Group='{prod}'")
    return {"vatPercent": ZERO, "vatIdentifier": prod}


def taxed(world: World, header: Row, line: Row) -> Row:
    """Give a line the rate of now."""
    setup = vat_setup(world, header["company"], header["vatBus"], line["taxCode"])
    return {**line, "taxPercent": Decimal(setup["vatPercent"]), "vatIdentifier": setup.get("vatIdentifier") or line["taxCode"]}


# ---------------------------------------------------------------- fields of a line, in the order they are sent


def validate(world: World, header: Row, line: Row, told: Mapping[str, Any]) -> Row:
    """Set fields one after the other; several change others, so the order decides (facts/business-central 10, 13)."""
    for name, value in told.items():
        rule = RULES.get(name)
        line = rule(world, header, line, value) if rule else {**line, name: value}
    return _discounted(world, header, line, by_amount="discountAmount" in told and "discountPercent" not in told)


def _discounted(world: World, header: Row, line: Row, *, by_amount: bool) -> Row:
    full = world.round(line["quantity"] * line["unitPrice"], header["currency"])
    if by_amount:
        share = line["discountAmount"] * 100 / full if full else ZERO
        return {**line, "discountPercent": share.quantize(Decimal("0.00001"))}
    return {**line, "discountAmount": world.round(full * line["discountPercent"] / 100, header["currency"])}


def _quantity(world: World, header: Row, line: Row, value: Decimal) -> Row:
    changed = {**line, "quantity": value, "toReceive": value if header["type"] == "Return Order" else ZERO, "toInvoice": value}
    if line["type"] == "Item":
        item = world.one("items", header["company"], "number", line["number"]) or {}
        changed["unitPrice"] = Decimal(item.get("unitPrice", ZERO))
    if line["applFromItemEntry"]:
        check_cost_link(world, changed)
    return changed


def _variant(world: World, header: Row, line: Row, code: str) -> Row:
    row = next((v for v in world.of("itemVariants", header["company"], "itemNumber", line["number"]) if v["code"] == code), None)
    if code and row is None:
        raise no.not_in_table("Variant Code", code, "Item Variant")
    if row is not None and row.get("blocked"):
        raise no.must_be("Blocked", "No", f"Item Variant: Item No.={line['number']}, Code={code}", "Yes")
    return {**line, "variantCode": code, "variantId": row["id"] if row else NOWHERE,
            "description": row.get("description") or line["description"] if row else line["description"]}


def _location(world: World, header: Row, line: Row, code: str) -> Row:
    row = world.one("locations", header["company"], "code", code) if code else None
    if code and row is None:
        raise no.not_in_table("Location Code", code, "Location")
    return {**line, "location": code, "locationId": row["id"] if row else NOWHERE, "bin": ""}


def _reason(world: World, header: Row, line: Row, code: str) -> Row:
    """Set the return reason, which may move the goods and take away their value."""
    row = world.one("returnReasons", header["company"], "code", code) if code else None
    if code and row is None:
        raise no.not_in_table("Return Reason Code", code, "Return Reason")
    changed = {**line, "returnReasonCode": code}
    if row is not None and row.get("defaultLocationCode"):
        changed = _location(world, header, changed, row["defaultLocationCode"])
    if row is not None and row.get("inventoryValueZero"):
        changed["unitCost"] = ZERO
    return changed


def _cost_link(world: World, _: Row, line: Row, number: int) -> Row:
    changed = {**line, "applFromItemEntry": number}
    if number:
        entry = check_cost_link(world, changed)
        changed["unitCost"] = entry["costAmountActual"] / entry["quantity"]
    return changed


def check_cost_link(world: World, line: Row) -> Row:
    """Check what the goods are said to have been sold as, and give that entry."""
    number = line["applFromItemEntry"]
    entry = next(iter(world.of("itemLedger", line["company"], "entryNumber", number)), None)
    if entry is None:
        raise no.no_related("Item Ledger Entry", f"Entry No.='{number}'")
    if line["type"] != "Item" or not line["quantity"]:
        raise no.missing_value("Quantity", f"Sales Line: Line No.={line['sequence']}")
    if line["quantity"] < 0:
        raise no.dialog("Quantity must be positive.")
    for column, caption in (("number", "Item No."), ("variantCode", "Variant Code")):
        held = entry["itemNumber" if column == "number" else column]
        if line[column] != held:
            raise no.must_be(caption, str(line[column]), f"Item Ledger Entry: Entry No.={number}", str(held))
    if entry["quantity"] >= 0:
        raise no.must_be("Positive", "No", f"Item Ledger Entry: Entry No.={number}", "Yes")
    if line["quantity"] > -entry["quantity"]:
        raise no.dialog(f"You cannot return more than the {-entry['quantity']} units that you have shipped for Document No. "
                        f"{entry['documentNumber']}.")
    if line["quantity"] > entry["notReturned"]:
        raise no.dialog(f"{-entry['quantity'] - entry['notReturned']} units for Document No. {entry['documentNumber']} have already been "
                        f"returned. Therefore, only {entry['notReturned']} units can be returned.")
    return entry


def _tax_code(world: World, header: Row, line: Row, code: str) -> Row:
    return taxed(world, header, {**line, "taxCode": code})


def _bin(_: World, __: Row, line: Row, code: str) -> Row:
    return {**line, "bin": code}


RULES: Mapping[str, Callable[[World, Row, Row, Any], Row]] = {
    "quantity": _quantity, "variantCode": _variant, "location": _location, "returnReasonCode": _reason, "applFromItemEntry": _cost_link,
    "taxCode": _tax_code, "bin": _bin}


# ---------------------------------------------------------------- totals


def total(world: World, header: Row) -> Row:
    """Add up a document: net and discount per line, VAT per VAT identifier and sign, so that a line may be a cent off its own product."""
    money = header["currency"]
    lines = [line for line in world.lines(header) if line["type"] != "Comment"]
    amounts = [world.round(line["quantity"] * line["unitPrice"], money) - line["discountAmount"] for line in lines]
    shares = _allocate(world, header, amounts)
    running: dict[tuple[str, bool], tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
    sums = {"net": ZERO, "tax": ZERO, "gross": ZERO}
    for line, amount, share in zip(lines, amounts, shares, strict=True):
        group, rate, base = (line["vatIdentifier"], amount >= 0), line["taxPercent"] / 100, amount - share
        seen, given = running[group]
        seen += base
        counted = world.round(seen - seen / (1 + rate), money) if header["pricesIncludingVat"] else world.round(seen * rate, money)
        tax = counted - given
        running[group] = (seen, counted)
        net = base - tax if header["pricesIncludingVat"] else base
        totals = {"amount": amount, "allocated": share, "net": net, "tax": tax, "gross": net + tax}
        if any(line[name] != value for name, value in totals.items()):
            world.put("salesLines", line, **totals)
        for name in sums:
            sums[name] += totals[name]
    return world.put("sales", world.tables.find("sales", header["id"]) or header, **sums)


def _allocate(world: World, header: Row, amounts: Sequence[Decimal]) -> list[Decimal]:
    """Spread the invoice discount over what is credited, the rest of rounding on the last line."""
    discount, whole = header["discountAmount"], sum((amount for amount in amounts if amount > 0), ZERO)
    if not discount or not whole:
        return [ZERO] * len(amounts)
    shares = [world.round(discount * amount / whole, header["currency"]) if amount > 0 else ZERO for amount in amounts]
    last = max(at for at, amount in enumerate(amounts) if amount > 0)
    shares[last] += discount - sum(shares, ZERO)
    return shares
