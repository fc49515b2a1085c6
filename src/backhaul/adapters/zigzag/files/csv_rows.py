"""What do the rows of a CSV file say?"""

import csv
import io
from collections.abc import Iterator

from backhaul.adapters.zigzag.files.layout import Refused, Row


def rows(name: str, content: bytes) -> Iterator[Row]:
    """Give the rows, the head first; the delimiter is told from the first line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(name, f"not UTF-8 at byte {error.start}", "save it as CSV in UTF-8 and send it again") from error
    first = text.partition("\n")[0]
    table = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;|\t", key=first.count), strict=True)
    try:
        for number, cells in enumerate(table, start=1):
            yield Row(number=number, cells=[cell.strip() for cell in cells])
    except csv.Error as error:
        raise Refused(name, f"no valid CSV at line {table.line_num}: {error}", "mend it, or ask the sender for the file anew") from error
