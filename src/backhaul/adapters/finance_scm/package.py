"""How is a journal packed for data management, and how are its answers read?

One zip holds the manifest, the header and one file: XML of the composite entity "Item arrival journals V2", or CSV of "Inventory adjustment
journal headers and lines V2"; staging names are upper case (facts/finance-scm 3). An arrival journal's number stays out: the composite
draws it.
"""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring

ENTITY: Final = "Item arrival journals V2"
FILE: Final = "Item arrival journals V2.xml"
HEADER: Final = "WMSITEMARRIVALJOURNALHEADERV2ENTITY"
LINE: Final = "WMSITEMARRIVALJOURNALLINEV2ENTITY"
SPACE: Final = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"
NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
LONGEST: Final = 32 * 1024 * 1024
SETTINGS: Final = (
    ("EntityName", "{entity}"), ("ExcelSheetName", ""), ("ExecutionUnit", "1"), ("FailExecutionUnitOnError", "false"),
    ("FailLevelOnError", "false"), ("InputFilePath", "{file}"), ("LevelInExecutionUnit", "1"), ("RunBusinessLogic", "true"),
    ("RunBusinessValidation", "true"), ("SampleFilePath", ""), ("SequenceInLevel", "1"), ("SourceFormat", "{form}"),
    ("ValidationStatus", "Yes"),
)


def pack(project: str, header: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> bytes:
    """Give the zip for one journal; the same content gives the same bytes. Empty values are left out."""
    columns = dict.fromkeys(name.upper() for row in (header, *lines) for name in row)
    manifest = _manifest(project, tuple(columns), "Accepted returns", {"entity": ENTITY, "file": FILE, "form": "XML-Element"})
    return _zip({"Manifest.xml": manifest, "PackageHeader.xml": _package_header("Accepted returns"), FILE: _journal(header, lines)})


def pack_rows(project: str, entity: str, file: str, lines: Sequence[Mapping[str, str]]) -> bytes:
    """Give the zip for one inventory journal, whose lines name it; columns that are empty throughout are left out."""
    columns = [name for name in dict.fromkeys(name for line in lines for name in line) if any(line.get(name) for line in lines)]
    text, why = io.StringIO(newline=""), "Units of returns"
    rows = csv.writer(text)
    rows.writerow(name.upper() for name in columns)
    rows.writerows([line.get(name, "") for name in columns] for line in lines)
    manifest = _manifest(project, tuple(name.upper() for name in columns), why, {"entity": entity, "file": file, "form": "CSV-Comma"})
    return _zip({"Manifest.xml": manifest, "PackageHeader.xml": _package_header(why), file: text.getvalue().encode("utf-8-sig")})


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unpack(content: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Read a package back: the header's columns and each line's. Raises `ValueError` for what is no package of ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LONGEST:
                message = "the package unpacks to more than 32 MiB"
                raise ValueError(message)
            (header,) = fromstring(archive.read(FILE))
    except (zipfile.BadZipFile, KeyError, SyntaxError) as broken:
        message = f"no package of arrival journals: {type(broken).__name__}"
        raise ValueError(message) from broken
    return ({field.tag: field.text or "" for field in header if field.tag != LINE},
            [{field.tag: field.text or "" for field in line} for line in header if line.tag == LINE])


def write_address(value: Any) -> str:  # noqa: ANN401  JSON
    """Read `GetAzureWriteUrl`: its value is JSON inside a string (facts/finance-scm 3). Empty when it is not."""
    told = inner(value)
    return str(told.get("BlobUrl") or "") if isinstance(told, dict) else ""


def row_errors(value: Any) -> list[tuple[str, str]]:  # noqa: ANN401  JSON
    """Read `GetExecutionErrors`: pairs of record id and sentence; the list can be empty although the job failed (facts/finance-scm 3)."""
    told = inner(value)
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    return [(str(row.get("RecordId") or ""), " ".join(str(row.get(name) or "") for name in ("Field", "ErrorMessage")).strip())
            for row in rows]


def inner(value: Any) -> Any:  # noqa: ANN401  JSON
    """Read the value of a bound action that is JSON inside a string; None when it is not."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None


def _journal(header: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> bytes:
    root = Element("Document")
    journal = SubElement(root, HEADER)
    _fill(journal, header)
    for line in lines:
        _fill(SubElement(journal, LINE), line)
    return _bytes(root)


def _fill(element: Element, row: Mapping[str, str]) -> None:
    for name, text in row.items():
        if text:
            SubElement(element, name.upper()).text = text


def _manifest(project: str, columns: Sequence[str], why: str, told: Mapping[str, str]) -> bytes:
    root = Element("DataManagementPackageManifest", {"xmlns": SPACE})
    _leaf(root, "DefinitionGroupName", project)
    _leaf(root, "Description", why)
    data = SubElement(SubElement(root, "PackageEntityList"), "DataManagementPackageEntityData")
    maps = SubElement(data, "EntityMapList")
    for column in columns:
        entry = SubElement(maps, "EntityMap")
        _leaf(entry, "ArrayIndex", "0")
        _leaf(entry, "EntityField", column)
        SubElement(entry, "EntityFieldConversionList", {NIL: "true"})
        for name in ("IsAutoDefault", "IsAutoGenerated", "IsDefaultValueEqualNull", "UseTextQualifier"):
            _leaf(entry, name, "false")
        _leaf(entry, "XMLField", column)
    for name, text in SETTINGS:
        _leaf(data, name, text.format(**told))
        if name == "EntityName":
            SubElement(data, "EntityTransformList", {NIL: "true"})
    return _bytes(root)


def _package_header(why: str) -> bytes:
    root = Element("DataManagementPackageHeader", {"xmlns": SPACE})
    _leaf(root, "Description", why)
    _leaf(root, "ManifestType", "Microsoft.Dynamics.AX.Framework.Tools.DataManagement.Serialization.DataManagementPackageManifest")
    _leaf(root, "PackageType", "DefinitionGroup")
    _leaf(root, "PackageVersion", "1")
    return _bytes(root)


def _leaf(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _bytes(root: Element) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + bytes(tostring(root, encoding="utf-8", xml_declaration=False))
