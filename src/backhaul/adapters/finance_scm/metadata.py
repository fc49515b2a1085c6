"""What does an environment say of its entities and enumerations, by name?

Asked at the metadata service (facts/finance-scm 4), which gives each with all its fields.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from backhaul.adapters.odata import OData, quoted
from backhaul.domain.errors import Misconfigured

AT_MOST: Final = 1_850
"""So many characters of a filter fit into one address, which holds 2,000."""

Named = tuple[str, str]
"""A column that names what is described, and the name."""


def described_by(odata: OData, name: str, column: str, values: Iterable[str]) -> list[Mapping[str, Any]]:
    """Ask the metadata service about what one column names, several at once."""
    return described_as(odata, name, ((column, value) for value in values))


def described_as(odata: OData, name: str, wanted: Iterable[Named]) -> list[Mapping[str, Any]]:
    """Ask the metadata service about what is called so, many at once: all of it would be thousands of entities with all their fields.

    That it reads `or` in a filter is inferred from its being OData; where it refuses, it is asked about one name after the other.
    """
    each = sorted({*wanted})
    try:
        rows = [row for some in _fitting(each) for row in _asked(odata, name, some)]
    except Misconfigured:
        rows = [row for one in each for row in _asked(odata, name, _filter(one))]
    return [row for row in rows if any(row.get(column) == value for column, value in each)]


def _filter(named: Named) -> str:
    return quote(f"{named[0]} eq {quoted(named[1])}", safe="")


def _fitting(wanted: Sequence[Named]) -> Iterator[str]:
    """Give as few filters as fit into an address each."""
    joint, text = quote(" or ", safe=""), ""
    for part in map(_filter, wanted):
        if text and len(text) + len(joint) + len(part) > AT_MOST:
            yield text
            text = ""
        text = f"{text}{joint}{part}" if text else part
    if text:
        yield text


def _asked(odata: OData, name: str, which: str) -> Iterator[Mapping[str, Any]]:
    page = odata.get(f"{odata.root}/metadata/{name}?$filter={which}")
    if page is None:
        message = f"The environment has no metadata service at /metadata/{name}; its mode cannot be checked."
        raise Misconfigured(message)
    return odata.pages(page)
