"""Which events does a return send, and what do they say?

`tell` turns a credit note and its plan into timed events, the shape we call *typed*; `whole` says the
same in the other shape comparable platforms use (no event type, the whole return with a status,
other spellings). `flat_rows` lays an event out for a CSV file. All names are ours: ZigZag's are not
public (facts/zigzag 4).

Every event carries the whole return, and its quantities are totals so far. Amounts are text, times
are UTC, quantities are numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid5

from backhaul.adapters.zigzag.emulator.credit_lines import CreditLine, CreditNote
from backhaul.adapters.zigzag.emulator.rule import REASONS, Grade, LinePlan, ReturnPlan, gross

Json: TypeAlias = dict[str, Any]

EVENT_NAMES: Final = UUID("6f0d2c2e-1f5e-5c1b-9a57-0c3a5d0b7e11")
"""Namespace of our event ids."""
MAX_GRADES: Final = 2
"""No line is split over more grades than this, so a CSV row has columns for as many."""


class Reached(IntEnum):
    """How far a return has come; its name is the status an event carries."""

    REGISTERED = 0
    LABEL_ISSUED = 1
    IN_TRANSIT = 2
    RECEIVED = 3
    INSPECTED = 4
    COMPLETED = 5
    CANCELLED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: its id, when it happens, and its body in the typed shape."""

    event_id: str
    at: str
    return_id: str
    sequence: int
    body: Json


def tell(note: CreditNote, plan: ReturnPlan, retailer: str) -> Iterator[Event]:
    """Tell the life of one return, in the order it happens."""
    steps = (
        ("ReturnCreated", Reached.REGISTERED, plan.registered),
        ("LabelIssued", Reached.LABEL_ISSUED, plan.labelled),
        ("CarrierFirstScan", Reached.IN_TRANSIT, plan.scanned),
        ("RefundIssued", Reached.IN_TRANSIT, plan.refunded),
        ("ParcelReceived", Reached.RECEIVED, plan.received),
        ("ReturnInspected", Reached.INSPECTED, plan.inspected),
        ("ReturnCompleted", Reached.COMPLETED, plan.completed),
        ("ReturnCancelled", Reached.CANCELLED, plan.cancelled),
    )
    happened = ((name, reached, at) for name, reached, at in steps if at is not None)
    for sequence, (name, reached, at) in enumerate(happened, start=1):
        event_id = str(uuid5(EVENT_NAMES, f"{retailer}:{note.number}:{name}:{sequence}"))
        body = {
            "eventId": event_id,
            "eventType": name,
            "occurredAt": utc_text(at),
            "sequence": sequence,
            "retailerCode": retailer,
            "return": _return(note, plan, reached, at),
        }
        yield Event(event_id=event_id, at=utc_text(at), return_id=note.number, sequence=sequence, body=body)


def _return(note: CreditNote, plan: ReturnPlan, reached: Reached, at: datetime) -> Json:
    number = int("".join(filter(str.isdecimal, note.number)) or 0)
    travels = plan.labelled is not None and at >= plan.labelled
    return {
        "returnId": note.number,
        "returnOrderId": 7_000_000 + number,
        "status": reached.name,
        "customer": note.customer,
        "country": note.country,
        "currency": "GBP",
        "warehouseDC": plan.warehouse,
        "shipmentNumber": 90_000_000 + number if travels else None,
        "trackingNumber": f"ZZ{number:09d}GB" if travels else None,
        "test": False,
        "lines": [_line(line, happens, reached) for line, happens in zip(note.lines, plan.lines, strict=True)],
        "refund": _refund(note, plan, at),
    }


def _line(line: CreditLine, happens: LinePlan, reached: Reached) -> Json:
    received = Reached.RECEIVED <= reached < Reached.CANCELLED and happens.received is not None
    graded = happens.grades is not None and (happens.kept or Reached.INSPECTED <= reached < Reached.CANCELLED)
    return {
        "sku": line.sku,
        "description": line.description,
        "quantity": number(line.quantity),
        "unitPrice": line.unit_price,
        "orderNumber": line.order,
        "reasonId": happens.reason,
        "reason": REASONS[happens.reason],
        "option": "REFUND",
        "quantityReceived": number(happens.received) if received and happens.received is not None else None,
        "grades": [_grade(grade) for grade in happens.grades or ()] if graded else None,
    }


def _grade(grade: Grade) -> Json:
    return {
        "condition": grade.condition,
        "disposition": grade.disposition,
        "quantity": number(grade.quantity),
        "outcome": "ACCEPTED" if grade.accepted else "REJECTED",
    }


def _refund(note: CreditNote, plan: ReturnPlan, at: datetime) -> Json | None:
    if plan.refunded is None or at < plan.refunded:
        return None
    amount = sum((gross(line.net, note.country) for line in note.lines), Decimal(0))
    return {
        "amount": f"{amount:.2f}",
        "currency": "GBP",
        "reference": f"PAY-{note.number}",
        "paidAt": utc_text(plan.refunded),
    }


def number(quantity: Decimal) -> int | float:
    """Write a quantity as a JSON number, whole where it is whole."""
    return int(quantity) if quantity == quantity.to_integral_value() else float(quantity)


def utc_text(at: datetime) -> str:
    """Write a UTC time as in `2010-12-01T09:41:00Z`; such texts sort as the times do."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def whole(body: Json) -> Json:
    """Say an event the other way: no id, no type, the whole return, other spellings of every key."""
    told = body["return"]
    refund = told["refund"]
    changed = {
        "RetailerCode": body["retailerCode"],
        "ReturnId": told["returnId"],
        "Return_Order_Id": told["returnOrderId"],
        "Status": told["status"],
        "last_updated": body["occurredAt"],
        "CustomerNo": told["customer"],
        "ShippingCountry": told["country"],
        "currency_code": told["currency"],
        "dcWarehouse": told["warehouseDC"],
        "Shipment Number": told["shipmentNumber"],
        "TrackingNo": told["trackingNumber"],
        "isTest": told["test"],
        "Lines": [_whole_line(line) for line in told["lines"]],
    }
    if refund:
        changed["Refund"] = {
            "Amount": refund["amount"],
            "currency_code": refund["currency"],
            "Payment Reference": refund["reference"],
            "paid_at": refund["paidAt"],
        }
    return changed


def _whole_line(line: Json) -> Json:
    return {
        "productSku": line["sku"],
        "Description": line["description"],
        "qty": line["quantity"],
        "unit_price": line["unitPrice"],
        "Order No.": line["orderNumber"],
        "returnReasonId": line["reasonId"],
        "return_reason": line["reason"],
        "returnOption": line["option"],
        "qty_received": line["quantityReceived"],
        "Grades": None if line["grades"] is None else [_whole_grade(grade) for grade in line["grades"]],
    }


def _whole_grade(grade: Json) -> Json:
    return {
        "grade": grade["condition"],
        "disposition_code": grade["disposition"],
        "qty": grade["quantity"],
        "Outcome": grade["outcome"],
    }


def flat_rows(bodies: Iterable[Json]) -> Iterator[Mapping[str, str]]:
    """Lay events of the typed shape out as flat rows, one per line of each event; null is empty text."""
    for body in bodies:
        told = body["return"]
        refund = told["refund"] or {}
        head = {
            **{key: body[key] for key in ("eventId", "eventType", "occurredAt", "sequence", "retailerCode")},
            **{key: value for key, value in told.items() if key not in {"lines", "refund"}},
            "refundAmount": refund.get("amount"),
            "refundCurrency": refund.get("currency"),
            "refundReference": refund.get("reference"),
            "refundPaidAt": refund.get("paidAt"),
        }
        for position, line in enumerate(told["lines"], start=1):
            row = {**head, "linePosition": position, **{k: v for k, v in line.items() if k != "grades"}}
            row |= _grade_columns(line["grades"] or [])
            yield {key: _text(value) for key, value in row.items()}


def _grade_columns(grades: list[Json]) -> Json:
    columns: Json = {}
    for n in range(MAX_GRADES):
        grade = grades[n] if n < len(grades) else {}
        for key in ("condition", "disposition", "quantity", "outcome"):
            columns[f"grade{n + 1}{key.capitalize()}"] = grade.get(key)
    return columns


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
