"""What does an environment say of its entities and enumerations, by name?

Asked at the metadata service (facts/finance-scm 4), which gives each with all its fields.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from backhaul.adapters.odata import OData, quoted
from backhaul.domain.errors import Misconfigured

AT_ONCE: Final = 10
"""So many names fit into one address: below 2,000 characters with those of any set."""


def described_by(odata: OData, name: str, column: str, values: Iterable[str]) -> list[Mapping[str, Any]]:
    """Ask the metadata service about these names, several at once: all of it would be thousands of entities with all their fields.

    That it reads `or` in a filter is inferred from its being OData; where it refuses, it is asked about one name after the other.
    """
    wanted = sorted({*values})
    some = [wanted[at:at + AT_ONCE] for at in range(0, len(wanted), AT_ONCE)]
    try:
        rows = [row for names in some for row in _asked(odata, name, column, names)]
    except Misconfigured:
        rows = [row for each in wanted for row in _asked(odata, name, column, [each])]
    return [row for row in rows if row.get(column) in wanted]


def _asked(odata: OData, name: str, column: str, values: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    which = " or ".join(f"{column} eq {quoted(value)}" for value in values)
    page = odata.get(f"{odata.root}/metadata/{name}?$filter={quote(which, safe='')}")
    if page is None:
        message = f"The environment has no metadata service at /metadata/{name}; its mode cannot be checked."
        raise Misconfigured(message)
    return odata.pages(page)
