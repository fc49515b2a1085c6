"""What do the elements of an XML file say?

The profile names the element that repeats. Its children and attributes are columns, or, with `whole`, it is a message of its own: an
element becomes an object, repeated ones a list, text a value. Names count without their namespace. A document type is refused, and with
it every entity somebody could make grow; nothing outside of the file is ever fetched.
"""

import io
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from backhaul.adapters.zigzag.files import grid
from backhaul.adapters.zigzag.files.layout import TOTALS, Layout, Message, Refused, Row
from backhaul.adapters.zigzag.payload import Payload
from backhaul.adapters.zigzag.reader import DEPTH, Path, bare_key, exact

NIL: Final = "nil"
TEXT: Final = "value"
"""Under which name the text of an element stands that has attributes too."""


class _Unclear(Exception):  # noqa: N818  raised and caught inside this module
    """An element cannot be read as the profile says."""


def messages(name: str, content: bytes, payload: Payload, layout: Layout) -> Iterator[Message]:
    """Give the messages of a file."""
    if not layout.row:
        raise Refused(name, "the profile does not say which element of an XML file is a row", 'name it in [files]: row = "Root.Data"')
    elements, said = _elements(name, content, layout)
    at = layout.trailer.rows_at if layout.trailer else ""
    if at and exact(said) != len(elements):
        what = f"says {said} rows and holds {len(elements)}" if said else "names no number of rows"
        raise Refused(name, f"it {what} (at {at})", "nothing of it was taken in; ask the sender for the whole file", code=TOTALS)
    if not elements:
        raise Refused(name, f"it has no element at {layout.row}", "correct row in [files], or ask the sender for the right file")
    return _whole(elements) if layout.whole else _flat(name, elements, payload, layout)


def _elements(name: str, content: bytes, layout: Layout) -> tuple[list[Element], str]:
    """Give the elements that are rows, and what stands at the path of their number; what is between them is let go at once."""
    row, at = Path.of(layout.row).flat, Path.of(layout.trailer.rows_at).flat if layout.trailer and layout.trailer.rows_at else ()
    found: list[Element] = []
    said = ""
    way: list[tuple[str, Element]] = []
    try:
        for event, element in iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                way.append((bare_key(_name(element.tag)), element))
                if len(way) > DEPTH:
                    raise Refused(name, f"it is nested deeper than {DEPTH} levels", "look at who sent it")
                continue
            here = tuple(step for step, _ in way)
            way.pop()
            if here == at:
                said = (element.text or "").strip()
            if here == row:
                found.append(element)
                if len(found) > layout.max_rows:
                    raise Refused(name, f"it has more than {layout.max_rows} rows", "send it in parts, or raise max_rows in [files]")
            if way and len(here) <= len(row):
                way[-1][1].remove(element)
    except DefusedXmlException as error:
        raise Refused(name, "it has a document type or entities of its own, which are refused", "send it without them") from error
    except (ParseError, ValueError, LookupError) as error:
        raise Refused(name, f"no valid XML: {error}", "mend it, or ask the sender for the file anew") from error
    return found, said


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _whole(elements: list[Element]) -> Iterator[Message]:
    for number, element in enumerate(elements, start=1):
        try:
            yield Message(rows=(number,), body=msgspec.json.encode(_value(element)))
        except _Unclear as unclear:
            yield grid.flawed_message([number], [{"text": "".join(element.itertext()).strip()}], f"row {number}: {unclear}")


def _value(element: Element) -> Any:  # noqa: ANN401  a JSON value
    """Give an element as JSON: text, or an object of its attributes and children; nothing at all is null."""
    text = (element.text or "").strip() + "".join((child.tail or "").strip() for child in element)
    told: dict[str, Any] = {_name(key): value.strip() for key, value in element.attrib.items() if _name(key) != NIL}
    if len(element) and text:
        message = f"<{_name(element.tag)}> holds text beside elements"
        raise _Unclear(message)
    if not len(element):
        return {**told, TEXT: text} if told and text else told or text or None
    for child in element:
        key = _name(child.tag)
        value = _value(child)
        if key not in told:
            told[key] = value
        elif key in element.attrib:
            message = f"<{_name(element.tag)}> has '{key}' as attribute and as element"
            raise _Unclear(message)
        elif isinstance(told[key], list):
            told[key].append(value)
        else:
            told[key] = [told[key], value]
    return told


def _flat(name: str, elements: list[Element], payload: Payload, layout: Layout) -> Iterator[Message]:
    told = [_cells(element) for element in elements]
    columns = list(dict.fromkeys(column for cells, _ in told for column in cells))
    bare: dict[str, str] = {}
    for column in columns:
        if bare.setdefault(bare_key(column), column) != column:
            raise Refused(name, f"the elements '{bare[bare_key(column)]}' and '{column}' have one name", "give each a name of its own")
    rows = [Row(number=number, cells=[cells.get(column, "") for column in columns], flaw=flaw)
            for number, (cells, flaw) in enumerate(told, start=1)]
    return grid.messages(name, grid.Table(columns=columns, rows=rows), payload, layout)


def _cells(element: Element) -> tuple[dict[str, str], str]:
    """Give the cells of a row: its attributes, its children, and their attributes; and what cannot be a cell."""
    cells = {_name(key): value.strip() for key, value in element.attrib.items()}
    flaw = ""
    for child in element:
        key = _name(child.tag)
        if len(child):
            flaw = flaw or f"<{key}> holds elements of its own; such messages are read with whole = true"
        if key in cells:
            flaw = flaw or f"<{key}> stands there twice"
        cells[key] = (child.text or "").strip()
        cells |= {f"{key}.{_name(its)}": value.strip() for its, value in child.attrib.items() if _name(its) != NIL}
    return cells, flaw
