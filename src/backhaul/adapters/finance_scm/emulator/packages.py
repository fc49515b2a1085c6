"""What becomes of a data package that is handed to data management?

The package REST API of facts/finance-scm 3: a write address for the blob, an import that draws journal numbers itself, row-level
results. A row in error leaves the good rows imported. A re-used execution id is answered and not deduplicated (facts/finance-scm 7: that is
not promised).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from backhaul.adapters.finance_scm.emulator.platform import Platform
from backhaul.adapters.odata_server import Refused, Row, bad_request, coerce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from backhaul.adapters.finance_scm.emulator.model import World

ARRIVALS = "Item arrival journals V2"
ADJUSTMENTS = "Inventory adjustment journal headers and lines V2"
MOVEMENTS = "Inventory movement journal headers and lines V3"
# set of heads and set of lines a file of each entity is written to; lines of the older movement entity are seen through the newest one
JOURNALS: Mapping[str, tuple[str, str]] = {
    ADJUSTMENTS: ("InventoryAdjustmentJournalHeaders", "InventoryAdjustmentJournalEntriesV2"),
    MOVEMENTS: ("InventoryMovementJournalHeaders", "InventoryMovementJournalEntriesV4"),
}
LINES_PER_JOURNAL = 1000
QUEUED: Mapping[str, str] = {
    "Executing": "InProcess",
    "Succeeded": "Processed",
    "PartiallySucceeded": "ProcessedWithErrors",
    "Failed": "PostProcessError",
}
HEADER_TAGS = frozenset(
    {"WMSITEMARRIVALJOURNALHEADERV2ENTITY", "ITEMARRIVALJOURNALHEADERV2ENTITY", "ITEMARRIVALJOURNALHEADERV2", "ITEMARRIVALJOURNALHEADERSV2"}
)
LINE_TAGS = frozenset(
    {"WMSITEMARRIVALJOURNALLINEV2ENTITY", "ITEMARRIVALJOURNALLINEV2ENTITY", "ITEMARRIVALJOURNALLINEV2", "ITEMARRIVALJOURNALLINESV2"}
)
NOT_A_DIMENSION = frozenset({"LineNumber"})


class PackageBroken(Exception):  # noqa: N818 - it reads as what is said
    """The package cannot be read at all."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What an import did, row by row."""

    rows: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def fail(self, record: int, column: str, text: str, key: str = "") -> None:
        """Remember a row in error."""
        self.errors.append({"RecordId": str(record), "Field": column.upper(), "ErrorMessage": text})
        self.keys.append(key)

    @property
    def status(self) -> str:
        """The execution status that follows."""
        return "Succeeded" if not self.errors else "Failed" if len(self.errors) >= self.rows else "PartiallySucceeded"


# ---------------------------------------------------------------- blobs


def signature(world: World, name: str) -> str:
    """Sign a blob address."""
    return hmac.new(str(world.settings["clientSecret"]).encode(), name.encode(), hashlib.sha256).hexdigest()


def blob_url(world: World, root: str, name: str) -> str:
    """Give the signed address of a blob."""
    return f"{root}/blob/dmf/{quote(name)}?sv=2023-11-03&sp=rw&sig={signature(world, name)}"


def store_blob(world: World, name: str, body: bytes) -> None:
    """Keep a blob."""
    world.tables.put("_Blobs", (name,), {"body": base64.b64encode(body).decode()})


def read_blob(world: World, name: str) -> bytes | None:
    """Give a blob back."""
    row = world.tables.find("_Blobs", (name,))
    return None if row is None else base64.b64decode(row["body"])


def _blob_named(world: World, url: str) -> bytes:
    parts = urlsplit(url)
    name = parts.path.rpartition("/blob/dmf/")[2]
    body = read_blob(world, name)
    if parse_qs(parts.query).get("sig") != [signature(world, name)] or body is None:
        message = f"The package at {parts.path} cannot be read: no such blob, or the signature does not fit."
        raise PackageBroken(message)
    return body


# ---------------------------------------------------------------- reading a package


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One entity of a package."""

    entity: str
    path: str
    format: str
    body: bytes


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: Element, name: str) -> str:
    return next((child.text or "" for child in element if _local(child) == name), "").strip()


def open_package(body: bytes) -> list[DataFile]:
    """Read manifest and data files."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = set(archive.namelist())
            if missing := {"Manifest.xml", "PackageHeader.xml"} - names:
                message = f"The package has no {', '.join(sorted(missing))}."
                raise PackageBroken(message)
            manifest = fromstring(archive.read("Manifest.xml"))
            fromstring(archive.read("PackageHeader.xml"))
            told = [e for e in manifest.iter() if _local(e) == "DataManagementPackageEntityData"]
            wanted = [(_text(e, "EntityName"), _text(e, "InputFilePath"), _text(e, "SourceFormat")) for e in told]
            if absent := [path for _, path, _ in wanted if path not in names]:
                message = f"The package has no file named '{absent[0]}' as its manifest says."
                raise PackageBroken(message)
            return [DataFile(entity=entity, path=path, format=kind, body=archive.read(path)) for entity, path, kind in wanted]
    except (zipfile.BadZipFile, ParseError, DefusedXmlException) as broken:
        message = f"The package cannot be read: {broken}"
        raise PackageBroken(message) from broken


def _fields(element: Element) -> dict[str, str]:
    children = {
        _local(child): (child.text or "").strip() for child in element if len(child) == 0 and _local(child).upper() not in LINE_TAGS
    }
    return dict(element.attrib) | children


def _typed(world: World, entity_set: str, fields: Mapping[str, str], company: str) -> Row:
    """Read staging columns, upper case or public, into a row; empty means not given."""
    told = world.catalogue.sets[entity_set]
    names = {name.upper(): name for name in told.properties}
    row: Row = {"dataAreaId": company}
    for column, text in fields.items():
        name = names.get(column.upper())
        if name is None:
            msg = f"The column '{column}' is not mapped to a field of {told.entity}."
            raise bad_request(msg)
        if not text:
            continue
        kind = told.properties[name]
        try:
            value: object = Decimal(text) if kind in {"Decimal", "Int32", "Int64"} else text
        except InvalidOperation as wrong:
            message = f"'{text}' is not a number in column '{column}'."
            raise bad_request(message) from wrong
        row[name] = coerce(world.catalogue, kind, name, value)
    if row["dataAreaId"] != company:
        msg = f"The row is for company {row['dataAreaId']}, the import for {company}."
        raise bad_request(msg)
    return row


# ---------------------------------------------------------------- importing rows


def import_arrivals(world: World, data: DataFile, company: str, bad: set[int]) -> Outcome:
    """Import the composite: headers with nested lines; the journal number is drawn here and handed to the lines."""
    outcome = Outcome()
    if not data.format.upper().startswith("XML"):
        message = f"Composite entities are imported from XML only, not from '{data.format}'."
        raise PackageBroken(message)
    for element in fromstring(data.body):
        if _local(element).upper() not in HEADER_TAGS:
            outcome.rows += 1
            outcome.fail(outcome.rows, _local(element), f"Element '{_local(element)}' is not part of the composite entity.")
            continue
        given = _fields(element)
        created = _import_row(
            world, outcome, bad, "ItemArrivalJournalHeadersV2", {k: v for k, v in given.items() if k.upper() != "JOURNALNUMBER"}, company
        )
        for child in element:
            if _local(child).upper() not in LINE_TAGS:
                continue
            fields = {k: v for k, v in _fields(child).items() if k.upper() != "JOURNALNUMBER"}
            if created is None:
                outcome.rows += 1
                outcome.fail(outcome.rows, "JOURNALNUMBER", "The header of this line is in error.")
            else:
                _import_row(world, outcome, bad, "ItemArrivalJournalLinesV2", fields | {"JOURNALNUMBER": created["JournalNumber"]}, company)
    return outcome


def _import_row(world: World, outcome: Outcome, bad: set[int], entity_set: str, fields: Mapping[str, str], company: str) -> Row | None:  # noqa: PLR0913, PLR0917 - a voucher has that many sides
    outcome.rows += 1
    key = "|".join(fields.get(name, "") for name in ("JOURNALNUMBER", "LINENUMBER", "ITEMNUMBER"))
    if outcome.rows in bad:
        outcome.fail(outcome.rows, "", f"Results. Warning: validateWrite failed on data source '{entity_set}'", key)
        return None
    try:
        with world.tables.transaction():
            return Platform(world).insert(entity_set, _typed(world, entity_set, fields, company))
    except Refused as refused:
        outcome.fail(outcome.rows, "", str(refused), key)
        return None


def _flat_rows(data: DataFile) -> Iterator[dict[str, str]]:
    if data.format.upper().startswith("XML"):
        yield from (_fields(element) for element in fromstring(data.body))
        return
    encoding = "utf-16" if data.body[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    for row in csv.DictReader(io.StringIO(data.body.decode(encoding), newline="")):
        yield {column: (text or "").strip() for column, text in row.items() if column}


def import_journal(world: World, data: DataFile, company: str, bad: set[int]) -> Outcome:
    """Import lines of an inventory journal; a row is unique per set of dimensions, headers are drawn when no number is given."""
    heads, lines = JOURNALS[data.entity]
    outcome, seen, drawn, columns = Outcome(), set(), dict[str, tuple[str, int]](), world.catalogue.sets[lines].keys
    for given in _flat_rows(data):
        fields = {column.upper(): text for column, text in given.items()}
        dimensions = tuple(fields.get(name.upper(), "") for name in columns if name not in NOT_A_DIMENSION)
        if dimensions in seen:
            outcome.rows += 1
            outcome.fail(
                outcome.rows,
                "ITEMNUMBER",
                "The record already exists: a line must be unique per set of inventory dimensions.",
                fields.get("ITEMNUMBER", ""),
            )
            continue
        seen.add(dimensions)
        with world.tables.transaction():
            number, used = _journal_for(world, heads, fields, company, drawn)
            mark = len(outcome.errors)
            _import_row(world, outcome, bad, lines, fields | {"JOURNALNUMBER": number}, company)
            if len(outcome.errors) == mark:
                drawn[fields.get("JOURNALNUMBER", "") or f"new {fields.get('JOURNALNAMEID', '')}"] = (number, used + 1)
    _drop_empty(world, heads, lines, company, drawn)
    return outcome


def _journal_for(
    world: World, heads: str, fields: Mapping[str, str], company: str, drawn: dict[str, tuple[str, int]]
) -> tuple[str, int]:
    asked, name = fields.get("JOURNALNUMBER", ""), fields.get("JOURNALNAMEID", "")
    number, used = drawn.get(asked or f"new {name}", (asked, 0))
    if used >= LINES_PER_JOURNAL and not asked:
        number, used = "", 0
    if not number or world.one(heads, company, number) is None:
        row = {"dataAreaId": company, "JournalNumber": number, "JournalNameId": name or world.settings["inventoryJournalNames"][0]}
        number = Platform(world).insert(heads, row)["JournalNumber"]
        drawn[asked or f"new {name}"] = (number, 0)
    return number, used


def _drop_empty(world: World, heads: str, lines: str, company: str, drawn: Mapping[str, tuple[str, int]]) -> None:
    for number, used in drawn.values():
        header = world.one(heads, company, number)
        if not used and header and not list(world.tables.where(lines, "JournalNumber", number)):
            world.drop(heads, header)


IMPORTS: Mapping[str, Callable[[World, DataFile, str, set[int]], Outcome]] = {
    ARRIVALS: import_arrivals,
    ADJUSTMENTS: import_journal,
    MOVEMENTS: import_journal,
}


# ---------------------------------------------------------------- the actions


@dataclass(slots=True, kw_only=True)
class Trouble:
    """How the next import is to go wrong: rows in error, polls it stays Executing."""

    rows: set[int] = field(default_factory=set)
    polls: int = 0


class DataManagement:
    """The bound actions of `DataManagementDefinitionGroups`."""

    def __init__(self, world: World) -> None:
        """Serve this world."""
        self.world = world

    def act(self, action: str, told: Mapping[str, Any], root: str, trouble: Trouble) -> object:  # noqa: C901, PLR0911 - a table of cases
        """Answer one action with its `value`."""
        world = self.world
        execution = str(told.get("executionId") or "")
        if action == "GetAzureWriteUrl":
            name = f"{world.number('BLOB-')}-{told['uniqueFileName']}"
            return json.dumps(
                {"BlobId": "{" + name.partition("-" + told["uniqueFileName"])[0] + "}", "BlobUrl": blob_url(world, root, name)}
            )
        if action in {"ImportFromPackage", "ImportFromPackageAsync"}:
            return self.begin(told, trouble)
        if action == "GetExecutionSummaryStatus":
            return self._poll(execution)
        if action in {"GetExecutionIdByMessageId", "GetMessageStatus"}:
            job = self.job(str(told.get("_messageId") or told.get("messageId"))) or {"DataJobStatus": {}}
            found = job["DataJobStatus"]
            return found.get("DataJobState", "") if action == "GetMessageStatus" else found.get("ExecutionIdentifier") or str(UUID(int=0))
        if action == "GetExecutionSummaryPageUrl":
            return f"{root}/?mi=DM_DMFExecutionSummary&id={quote(execution)}"
        found = world.tables.find("_Executions", (execution,)) or {"errors": [], "entity": "", "rows": 0, "status": "Unknown"}
        if action == "GetExecutionErrors":
            return json.dumps(found["errors"])
        if action == "GetEntityExecutionSummaryStatusList":
            return self._summary(found)
        if action == "GenerateImportTargetErrorKeysFile":
            if found["errors"]:
                store_blob(world, f"{execution}-keys.csv", "\r\n".join(["KEY", *found["keys"]]).encode())
            return bool(found["errors"])
        if action in {"GetImportTargetErrorKeysFileUrl", "GetImportStagingErrorFileUrl"}:
            name = f"{execution}-keys.csv"
            ready = action == "GetImportTargetErrorKeysFileUrl" and read_blob(world, name) is not None
            return blob_url(world, root, name) if ready else ""
        if action == "DeleteExecutionHistoryJob":
            return True
        raise Refused(404, {"Message": f"No HTTP resource was found that matches the request URI '{action}'."})

    def begin(self, told: Mapping[str, Any], trouble: Trouble) -> str:
        """Accept an import; it is finished at once unless trouble delays it."""
        world = self.world
        if busy := [row["executionId"] for row in world.tables.rows("_Executions") if row["status"] == "Executing"]:
            msg = f"The data project cannot be imported while execution {busy[0]} is still executing."
            raise bad_request(msg)
        execution = str(told.get("executionId") or world.number("EXEC-"))
        row: Row = {
            "executionId": execution,
            "status": "Executing",
            "url": told["packageUrl"],
            "company": told.get("legalEntityId") or world.settings["defaultCompany"],
            "overwrite": bool(told.get("overwrite")),
            "polls": Decimal(trouble.polls),
            "bad": [str(at) for at in sorted(trouble.rows)],
            "errors": [],
            "keys": [],
            "rows": Decimal(0),
            "entity": "",
        }
        if told.get("execute") is False:
            row["status"] = "NotRun"
        world.tables.put("_Executions", (execution,), row)
        if row["status"] == "Executing" and not trouble.polls:
            self.finish(execution)
        return execution

    def _poll(self, execution: str) -> str:
        row = self.world.tables.find("_Executions", (execution,))
        if row is None:
            return "Unknown"
        if row["status"] == "Executing":
            self.world.tables.put("_Executions", (execution,), {**row, "polls": row["polls"] - 1})
            if row["polls"] <= 1:
                self.finish(execution)
                return "Executing"
        return str(row["status"])

    def finish(self, execution: str) -> None:
        """Do the import and keep its result."""
        row = self.world.tables.find("_Executions", (execution,)) or {}
        try:
            entity, outcome = self._import(row)
            status = outcome.status
        except (PackageBroken, ParseError, DefusedXmlException, UnicodeDecodeError, Refused) as broken:
            entity, status, outcome = "", "Failed", Outcome()
            outcome.fail(0, "", str(broken))
        result = {"status": status, "errors": outcome.errors, "keys": outcome.keys, "rows": Decimal(outcome.rows), "entity": entity}
        self.world.tables.put("_Executions", (execution,), {**row, **result})

    def _import(self, row: Mapping[str, Any]) -> tuple[str, Outcome]:
        package = open_package(_blob_named(self.world, row["url"]))
        if not package or any(data.entity not in IMPORTS for data in package):
            message = f"The package must hold one of: {', '.join(IMPORTS)}; it holds: {', '.join(d.entity for d in package) or 'nothing'}."
            raise PackageBroken(message)
        composites = [data for data in package if data.entity == ARRIVALS]
        if composites and (row["overwrite"] or len(package) > 1):
            message = "A composite entity needs overwrite=false and a package of its own."
            raise PackageBroken(message)
        total, bad = Outcome(), {int(at) for at in row["bad"]}
        for data in package:
            outcome = IMPORTS[data.entity](self.world, data, row["company"], bad)
            total.rows += outcome.rows
            total.errors += outcome.errors
            total.keys += outcome.keys
        return package[0].entity, total

    def _summary(self, found: Mapping[str, Any]) -> list[Row]:
        failed, status = len(found["errors"]), "Finished" if found["status"] == "Succeeded" else "Error"
        numbers = {
            "StagingRecords": found["rows"],
            "StagingErrorCount": 0,
            "TargetRecords": found["rows"] - failed,
            "TargetErrorCount": failed,
        }
        return [{"EntityName": found["entity"], "StagingStatus": "Finished", "TargetStatus": status, **numbers}]

    # the recurring-integration queue

    def enqueue(self, body: bytes, company: str, external: str, trouble: Trouble) -> str:
        """Take a package into the queue; each is a message of its own, whatever external identifier it carries (facts/finance-scm 7)."""
        message = str(UUID(int=self.world.tables.last_id + 1))
        name = f"{message}.zip"
        store_blob(self.world, name, body)
        row: Row = {"messageId": message, "external": external, "company": company, "blob": name, "execution": ""}
        self.world.tables.put("_Messages", (message,), {**row, "bad": [str(at) for at in sorted(trouble.rows)],
                                                        "polls": Decimal(trouble.polls)})
        self.pump()
        return message

    def pump(self) -> None:
        """Begin the import of waiting messages, one at a time, oldest first."""
        for row in list(self.world.tables.rows("_Messages")):
            if row["execution"] or any(each["status"] == "Executing" for each in self.world.tables.rows("_Executions")):
                continue
            told = {"packageUrl": blob_url(self.world, "", row["blob"]), "legalEntityId": row["company"], "overwrite": False}
            execution = self.begin(told, Trouble(rows={int(at) for at in row["bad"]}, polls=int(row["polls"])))
            self.world.tables.put("_Messages", (row["messageId"],), {**row, "execution": execution})

    def job(self, message: str) -> Row | None:
        """Tell how far a message is, as `jobstatus` does."""
        self.pump()
        row = self.world.tables.find("_Messages", (message,))
        if row is None:
            return None
        status = self._poll(row["execution"]) if row["execution"] else ""
        known = (row["external"], row["execution"], QUEUED.get(status, "Enqueued"))
        names = ("ExternalIdentifier", "ExecutionIdentifier", "DataJobState")
        return {"DataJobStatus": dict(zip(names, known, strict=True)), "ExecutionLog": "", "ExecutionDetail": []}

    def finish_all(self) -> None:
        """Let imports that hang come to their end; the clock has moved on."""
        self.pump()
        for row in list(self.world.tables.rows("_Executions")):
            if row["status"] == "Executing":
                self.finish(row["executionId"])
