"""In which words does Business Central refuse?

Codes, statuses and texts follow the error catalogue the contract comes with; every text ends in a correlation id, and without
`Accept-Language: en-US` it comes in the tenant's language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backhaul.adapters.odata_server import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


def refusal(code: str, text: str, status: int = 400) -> Refused:
    """Refuse with a code and a text; the correlation id is added where the answer leaves."""
    return Refused(status, {"error": {"code": code, "message": text}})


def dialog(text: str) -> Refused:
    """Refuse as AL's `Error` does; every posting failure arrives like this."""
    return refusal("Application_DialogException", text)


def told(refused: Refused) -> str:
    """Give the text of a refusal."""
    body = refused.body
    return str(body["error"]["message"]) if isinstance(body, dict) else str(refused)


# ---------------------------------------------------------------- the request


def not_found(path: str) -> Refused:
    """Refuse an address nobody serves."""
    return refusal("BadRequest_ResourceNotFound", f"No HTTP resource was found that matches the request URI '{path}'.", 404)


def no_record(setting: Mapping[str, object], caption: str, key: str) -> Refused:
    """Refuse a record that is not there."""
    text = f"The {caption} does not exist. Identification fields and values: {key}"
    return refusal(str(setting["code"]), text, int(str(setting["status"])))


def no_property(name: str, type_name: str) -> Refused:
    """Refuse a name the type does not have."""
    return refusal("BadRequest", f"The property '{name}' does not exist on type 'Microsoft.NAV.{type_name}'. "
                                 "Make sure to only use property names that are defined by the type.")


def cannot_read(name: str, kind: str) -> Refused:
    """Refuse a value of the wrong type."""
    return refusal("BadRequest", f"Cannot convert a value to target type 'Edm.{kind}' because of conversion error (property '{name}').")


def too_long(value: str, length: int) -> Refused:
    """Refuse a text that does not fit."""
    return refusal("Application_StringExceededLength", f"The length of the string is {len(value)}, but it must be less than or equal to "
                                                       f"{length} characters. Value: {value}")


def read_only(name: str) -> Refused:
    """Refuse a field that may not be written."""
    return refusal("BadRequest_InvalidOperation", f"Control '{name}' is read-only")


def bad_enum(value: object, members: object) -> Refused:
    """Refuse an enumeration member nobody knows."""
    return refusal("Unknown", f"'{value}' is not an option. The existing options are: {members}")


def not_allowed(method: str) -> Refused:
    """Refuse a method an entity set does not have."""
    return refusal("BadRequest_MethodNotAllowed", f"Entity does not support {method}.", 405)


def no_etag() -> Refused:
    """Refuse a change without `If-Match`."""
    return refusal("BadRequest_InvalidToken", "Could not validate the client concurrency token required by the service. "
                                              "Please provide a valid token in the client request.")


def stale() -> Refused:
    """Refuse a change of what somebody else changed."""
    return refusal("Request_EntityChanged", "Another user has already changed the record.", 409)


def not_permitted(name: str) -> Refused:
    """Refuse whoever lacks the permission for what a set shows."""
    return refusal("Authorization_RequestDenied", f"Sorry, the current permissions prevented the action. (TableData behind {name})", 403)


def duplicate(caption: str, key: str) -> Refused:
    """Refuse a key that exists."""
    return refusal("Internal_EntityWithSameKeyExists", f"The {caption} already exists. Identification fields and values: {key}")


def batch_too_large(most: int) -> Refused:
    """Refuse a batch of too many operations."""
    return refusal("Unknown", f"The current batch message contains too many parts. A maximum number of '{most}' query operations and "
                              "change sets are allowed in a batch message.")


def no_company() -> Refused:
    """Refuse a company nobody has."""
    return refusal("Unknown", "The supplied company name is not valid.", 404)


def too_many() -> Refused:
    """Refuse because of the limits (facts/business-central 6)."""
    return refusal("Application_TooManyRequests", "Too many requests.", 429)


# ---------------------------------------------------------------- records


def must_be(field: str, value: str, record: str, actual: str) -> Refused:
    """Refuse as `TestField` with a value does."""
    return refusal("Application_FieldValidationException", f"{field} must be equal to '{value}'  in {record}. Current value is '{actual}'.")


def missing_value(field: str, record: str) -> Refused:
    """Refuse as `TestField` without a value does."""
    return refusal("Application_FieldValidationException", f"{field} must have a value in {record}. It cannot be zero or empty.")


def no_related(table: str, fields: str) -> Refused:
    """Refuse because a record of set-up is missing."""
    return refusal("Internal_RecordNotFound", f"The {table} does not exist. Identification fields and values: {fields}")


def not_in_table(field: str, value: object, table: str) -> Refused:
    """Refuse a code that is in no related table."""
    text = f"The field {field} of table Sales Line contains a value ({value}) that cannot be found in the related table ({table})."
    return refusal("Internal_InvalidTableRelation", text)


def no_numbers_left(series: str, date: str) -> Refused:
    """Refuse because a number series is used up."""
    return dialog(f"You cannot assign new numbers from the number series {series} on {date}.")


def customer_blocked(verb: str, number: str, kind: str) -> Refused:
    """Refuse a customer that is blocked for everything."""
    return dialog(f"You cannot {verb} this type of document when Customer {number} is blocked with type {kind}")


def no_entry_within(table: str, filters: str) -> Refused:
    """Refuse because nothing is within a filter."""
    return refusal("Internal_DataNotFoundFilter", f"There is no {table} within the filter. Filters: {filters}")
