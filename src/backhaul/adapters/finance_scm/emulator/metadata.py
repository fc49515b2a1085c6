"""What does the environment say about its own entities and enumerations?

The preflight service `/metadata/…` (facts/finance-scm 4): computed from the table of entity sets and the rules in force, answered by the
same OData code.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from backhaul.adapters.finance_scm.emulator.documents import MANDATORY, is_editable
from backhaul.adapters.odata_server import NAMESPACE, Catalogue, EntitySet, Hint, Refused, Row, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backhaul.adapters.finance_scm.emulator.model import World

DATA_TYPES: Mapping[str, str] = {
    "String": "String",
    "Decimal": "Real",
    "DateTimeOffset": "UtcDateTime",
    "Int32": "Integer",
    "Int64": "Int64",
    "Boolean": "Boolean",
    "Binary": "Container",
}
# set: (key, other columns); the lists inside a row need no type of their own
_SETS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "DataEntities": (
        "Name",
        {
            "PublicEntityName": "String",
            "PublicCollectionName": "String",
            "LabelText": "String",
            "EntityCategory": "String",
            "DataServiceEnabled": "Boolean",
            "DataManagementEnabled": "Boolean",
            "IsReadOnly": "Boolean",
        },
    ),
    "PublicEntities": (
        "Name",
        {
            "EntitySetName": "String",
            "LabelText": "String",
            "IsReadOnly": "Boolean",
            "Properties": "String",
            "NavigationProperties": "String",
        },
    ),
    "PublicEnumerations": ("Name", {"LabelText": "String", "Members": "String"}),
}


def _told() -> Catalogue:
    sets = {
        name: EntitySet(
            name=name,
            entity=name,
            type=name,
            keys=(key,),
            properties={key: "String", **columns},
            defaults={c: False if k == "Boolean" else "" for c, k in {key: "String", **columns}.items()},
            read_only=True,
        )
        for name, (key, columns) in _SETS.items()
    }
    return Catalogue(sets=sets, enums={})


class _Rows:
    """The descriptions as rows; computed per question, since the editable columns are a setting."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def default_company(self) -> str:
        return ""

    @property
    def page_size(self) -> int:
        return 10_000

    def rows(self, entity_set: str, hint: Hint | None) -> list[Row]:
        if entity_set == "PublicEnumerations":
            return self._drifted([self._enumeration(name, list(members)) for name, members in self._world.catalogue.enums.items()],
                                 "Name", "Members")
        named = {"EntitySetName": "name", "PublicCollectionName": "name", "Name": "entity" if entity_set == "DataEntities" else "type"}
        asked = [told for told in self._world.catalogue.sets.values()
                 if hint is None or hint[0] not in named or getattr(told, named[hint[0]]) in hint[1]]
        describe = self._data_entity if entity_set == "DataEntities" else self._public_entity
        rows = [describe(told) for told in asked]
        return rows if entity_set == "DataEntities" else self._drifted(rows, "EntitySetName", "Properties")

    def _drifted(self, rows: list[Row], named: str, parts: str) -> list[Row]:
        """Tell the rows as an update of the environment left them; the data service goes on as before."""
        drift = self._world.settings.get("drift", {})
        gone, changed = set(drift.get("gone", ())), drift.get("changed", {})
        return [
            {**row, parts: [
                part | changed.get(f"{row[named]}.{part['Name']}", {})
                for part in row[parts] if f"{row[named]}.{part['Name']}" not in gone
            ]}
            for row in rows if row[named] not in gone
        ]

    def find(self, entity_set: str, key: tuple[str, ...]) -> Row | None:
        return next((row for row in self.rows(entity_set, None) if row["Name"] == key[0]), None)

    def _enumeration(self, name: str, members: list[str]) -> Row:
        return {"Name": name, "LabelText": name, "Members": [{"Name": member, "Value": at} for at, member in enumerate(members)]}

    def _data_entity(self, told: EntitySet) -> Row:
        return {
            "Name": told.entity,
            "PublicEntityName": told.type,
            "PublicCollectionName": told.name,
            "LabelText": told.type,
            "EntityCategory": "Transaction",
            "DataServiceEnabled": True,
            "DataManagementEnabled": not told.name.endswith("BiEntities"),
            "IsReadOnly": told.read_only,
        }

    def _public_entity(self, told: EntitySet) -> Row:
        mandatory = {column for column, _ in MANDATORY.get(told.name, ())}
        properties = [
            {
                "Name": name,
                "TypeName": f"{NAMESPACE}.{kind[1:]}" if kind.startswith("~") else f"Edm.{kind}",
                "DataType": "Enum" if kind.startswith("~") else DATA_TYPES.get(kind, kind),
                "IsKey": name in told.keys,
                "IsMandatory": name in mandatory,
                "AllowEdit": not told.read_only and is_editable(self._world, told.name, name),
            }
            for name, kind in told.properties.items()
        ]
        navigations = [{"Name": name, "RelatedEntity": navigation.target} for name, navigation in told.navigations.items()]
        head = {"Name": told.type, "EntitySetName": told.name, "LabelText": told.type, "IsReadOnly": told.read_only}
        return {**head, "Properties": properties, "NavigationProperties": navigations}

    def insert(self, entity_set: str, values: Row) -> Row:
        raise Refused(405, {"Message": f"{entity_set} cannot be written ({len(values)} values)."})

    def update(self, entity_set: str, row: Row, changes: Row) -> Row:
        raise Refused(405, {"Message": f"{entity_set} {row['Name']} cannot be written ({len(changes)} values)."})

    def delete(self, entity_set: str, row: Row) -> None:
        raise Refused(405, {"Message": f"{entity_set} {row['Name']} cannot be deleted."})

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield


def metadata_service(world: World) -> Service:
    """Serve the descriptions of a world."""
    return Service(_told(), _Rows(world))
