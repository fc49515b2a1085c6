"""What does finance hand to an auditor when a month is closed?

A pack is a table of sections, each of which makes headed rows from what was kept; whoever has another section adds a row to `SECTIONS`, or
to `MONTH_END` where it is about figures of the month's end. Everything is as of the month's latest proof and signatures, so that the same
record makes the same pack.
"""

from collections.abc import Mapping
from typing import Final

from backhaul.application.material import Formula, Material, Sheet, gather
from backhaul.application.month_end import MONTH_END
from backhaul.application.sections import COLUMNS, SECTIONS, Section

READ: Final = ("Extract parameters", "Extracts")
ALL: Final[Mapping[str, Section]] = {**{name: section for name, section in SECTIONS.items() if name not in READ}, **MONTH_END,
                                     **{name: SECTIONS[name] for name in READ}}
"""Every section in its order; what was read stands last."""


def pack(material: Material) -> tuple[Sheet, ...]:
    """Make every section."""
    return tuple(Sheet(name=name, headings=section.headings, rows=tuple(section.rows(material))) for name, section in ALL.items())


__all__ = ["COLUMNS", "Formula", "Material", "Sheet", "gather", "pack"]
