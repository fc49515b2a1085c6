"""Which entity sets are there, with which fields, and what of them may be written?

Read from `contract.json`, which holds three surfaces that are never merged: API v2.0, the published ODataV4 services, and the API of the
extension (facts/business-central 3 and 4).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from backhaul.adapters.business_central.emulator.model import NEVER, NOWHERE, ZERO

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

FOREVER = 1_000
ZEROS: Mapping[str, Any] = {"Guid": NOWHERE, "Date": NEVER, "DateTime": f"{NEVER}T00:00:00Z", "Decimal": ZERO, "Int32": 0, "Int64": 0,
                            "Boolean": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prop:
    """One field: an Edm type without prefix, `Code` and `String` with a length, or an enumeration with a leading `~`."""

    kind: str
    length: int = 0
    read_only: bool = False

    @property
    def text(self) -> bool:
        """Whether it holds text."""
        return self.kind in {"String", "Code"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySet:
    """One collection. `nav` says of each navigation which set it leads to and whether to many."""

    name: str
    type: str
    keys: tuple[str, ...]
    ops: frozenset[str]
    actions: frozenset[str]
    nav: Mapping[str, tuple[str, bool]]
    props: Mapping[str, Prop]
    since: int = 0
    until: int = FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """All sets and enumerations of one service root."""

    sets: Mapping[str, EntitySet]
    enums: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def zero(self, prop: Prop) -> Any:
        """Give the value a field has when nobody set it."""
        return (self.enums.get(prop.kind[1:]) or [""])[0] if prop.kind.startswith("~") else ZEROS.get(prop.kind, "")

    def at(self, major: int) -> Surface:
        """Give what of it a version serves."""
        return Surface(sets={name: s for name, s in self.sets.items() if s.since <= major < s.until}, enums=self.enums)

    def without(self, gone: Collection[str]) -> Surface:
        """Give what an update leaves of it: `gone` names sets, and fields as `set.field`."""
        if not gone:
            return self
        kept = {name: s for name, s in self.sets.items() if name not in gone}
        return Surface(enums=self.enums, sets={
            name: replace(s, props={each: prop for each, prop in s.props.items() if f"{name}.{each}" not in gone})
            for name, s in kept.items()})


def _prop(text: str) -> Prop:
    match = re.fullmatch(r"(\*?)(~\w+|Int32|Int64|String|Code|DateTime|[A-Z][a-z]+)(\d*)", text)
    if match is None:
        message = f"The contract names a type '{text}' nobody knows."
        raise ValueError(message)
    return Prop(kind=match[2], length=int(match[3] or 0), read_only=bool(match[1]))


@cache
def surface(name: str) -> Surface:
    """Read one surface of the contract: `api`, `services` or `returns`."""
    told = json.loads(files(__package__).joinpath("contract.json").read_text("utf-8"))
    sets = {
        each: EntitySet(
            name=each, type=s["type"], keys=tuple(s["keys"]), ops=frozenset(s["ops"]), actions=frozenset(s["actions"]),
            nav={n: (target.rstrip("!"), not target.endswith("!")) for n, target in s["nav"].items()},
            props={p: _prop(text) for p, text in s["props"].items()}, since=s.get("since", 0), until=s.get("until", FOREVER))
        for each, s in told[name].items()
    }
    return Surface(sets=sets, enums=told["enums"])


EDM: Mapping[str, str] = {"Code": "String", "DateTime": "DateTimeOffset"}
ABLE = (("I", "Insert", "Insertable"), ("U", "Update", "Updatable"), ("D", "Delete", "Deletable"))


def edmx(told: Surface) -> bytes:
    """Describe a surface in CSDL."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>',
             '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>',
             '<Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">']
    for each in told.sets.values():
        lines.append(f'<EntityType Name="{each.type}"><Key>{"".join(f"<PropertyRef Name={quoteattr(key)}/>" for key in each.keys)}</Key>')
        for name, prop in each.props.items():
            kind = f"Microsoft.NAV.{prop.kind[1:]}" if prop.kind.startswith("~") else f"Edm.{EDM.get(prop.kind, prop.kind)}"
            lines.append(f'<Property Name="{name}" Type="{kind}"{f" MaxLength={quoteattr(str(prop.length))}" if prop.length else ""}/>')
        for name, (target, many) in each.nav.items():
            if target in told.sets:
                kind = f"Microsoft.NAV.{told.sets[target].type}"
                lines.append(f'<NavigationProperty Name="{name}" Type="{f"Collection({kind})" if many else kind}" ContainsTarget="true"/>')
        lines.append("</EntityType>")
    for name, members in told.enums.items():
        inner = "".join(f'<Member Name={quoteattr(member)} Value="{at}"/>' for at, member in enumerate(members))
        lines.append(f'<EnumType Name="{name}">{inner}</EnumType>')
    lines += [f'<Action Name="{action}" IsBound="true"><Parameter Name="bindingParameter" Type="Microsoft.NAV.{each.type}"/></Action>'
              for each in told.sets.values() for action in sorted(each.actions)]
    lines.append('<EntityContainer Name="default">')
    for each in told.sets.values():
        able = "".join(f'<Annotation Term="Org.OData.Capabilities.V1.{term}Restrictions"><Record><PropertyValue Property="{prop}" '
                       f'Bool="{str(letter in each.ops).lower()}"/></Record></Annotation>' for letter, term, prop in ABLE)
        lines.append(f'<EntitySet Name="{each.name}" EntityType="Microsoft.NAV.{each.type}">{able}</EntitySet>')
    lines.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "\n".join(lines).encode()
