"""Does the server half of OData answer as the protocol and Dynamics' dialect of it demand?"""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from backhaul.adapters.odata_server import (
    EMPTY_DATE,
    NAMESPACE,
    Answer,
    Call,
    Catalogue,
    EntitySet,
    Filter,
    Navigation,
    Refused,
    Service,
    decode,
    encode,
    etag,
    infolog,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "http://erp/data/"
BOOKS = EntitySet(
    name="Books",
    entity="BookEntity",
    type="Book",
    keys=("dataAreaId", "Title"),
    properties={"dataAreaId": "String", "Title": "String", "Price": "Decimal", "Printed": "DateTimeOffset", "IsSold": "~NoYes"},
    defaults={"dataAreaId": "", "Title": "", "Price": Decimal(0), "Printed": EMPTY_DATE, "IsSold": "No"},
    navigations={"Chapters": Navigation(target="Chapters", on=(("dataAreaId", "dataAreaId"), ("Title", "Title")))},
)
CHAPTERS = EntitySet(
    name="Chapters",
    entity="ChapterEntity",
    type="Chapter",
    keys=("dataAreaId", "Title", "LineNumber"),
    properties={"dataAreaId": "String", "Title": "String", "LineNumber": "Decimal"},
    defaults={"dataAreaId": "", "Title": "", "LineNumber": Decimal(0)},
)
CATALOGUE = Catalogue(sets={"Books": BOOKS, "Chapters": CHAPTERS}, enums={"NoYes": ("No", "Yes")})


class Shelf:
    """Rows on a shelf: two dictionaries and one rule, that nobody sells a free book."""

    default_company = "usmf"

    def __init__(self) -> None:
        self.page_size = 10_000
        self.kept: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}

    def rows(self, entity_set: str, hint: object) -> list[dict[str, Any]]:
        del hint
        return [row for (name, _), row in self.kept.items() if name == entity_set]

    def find(self, entity_set: str, key: tuple[str, ...]) -> dict[str, Any] | None:
        return self.kept.get((entity_set, key))

    def insert(self, entity_set: str, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("Price") == 0:
            sentence = "A book is not free."
            msg = "BookEntity"
            raise infolog(msg, sentence)
        row = values | {"_v": 1, "_id": len(self.kept) + 1}
        self.kept[entity_set, CATALOGUE.sets[entity_set].key_of(row)] = row
        return row

    def update(self, entity_set: str, row: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        self.kept[entity_set, CATALOGUE.sets[entity_set].key_of(row)] = row | changes | {"_v": row["_v"] + 1}
        return row

    def delete(self, entity_set: str, row: dict[str, Any]) -> None:
        del self.kept[entity_set, CATALOGUE.sets[entity_set].key_of(row)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = dict(self.kept)
        try:
            yield
        except Refused:
            self.kept = before
            raise


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    for title, price, sold in (("a", "1.10", "No"), ("b", "2.20", "Yes"), ("O'Hara+co", "3", "No")):
        shelf.insert(
            "Books", {"dataAreaId": "usmf", "Title": title, "Price": Decimal(price), "Printed": "2025-01-01T12:00:00Z", "IsSold": sold}
        )
    shelf.insert("Books", {"dataAreaId": "defr", "Title": "z", "Price": Decimal(9)})
    for number in (1, 2):
        shelf.insert("Chapters", {"dataAreaId": "usmf", "Title": "a", "LineNumber": Decimal(number)})
    return shelf


def ask(shelf: Shelf, method: str, path: str, body: object = None, **headers: str) -> Answer:
    path, _, query = path.partition("?")
    call = Call(
        method=method,
        path=path,
        query=query,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
        body=encode(body) if body is not None else b"",
    )
    return Service(CATALOGUE, shelf).answer(call, BASE)


def titles(shelf: Shelf, query: str) -> list[str]:
    answer = ask(shelf, "GET", f"Books?{query}")
    assert answer.status == 200, answer.body
    return [row["Title"] for row in decode(answer.body)["value"]]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Title eq 'a'", ["a"]),
        ("Title ne 'a' and Price lt 3", ["b"]),
        ("Title eq 'O''Hara+co'", ["O'Hara+co"]),
        ("Title eq '*a*'", ["a", "O'Hara+co"]),
        ("Title eq 'A'", []),
        ("not (Title eq 'a' or Title eq 'b')", ["O'Hara+co"]),
        ("Price ge 2.2 and Price le 3", ["b", "O'Hara+co"]),
        ("Price gt 1.1", ["b", "O'Hara+co"]),
        ("Printed eq 2025-01-01T12:00:00Z", ["a", "b", "O'Hara+co"]),
        ("Printed lt 2025-01-01", []),
        (f"IsSold eq {NAMESPACE}.NoYes'Yes'", ["b"]),
        ("dataAreaId eq 'defr'", []),
    ],
)
def test_a_filter_finds_what_it_says(shelf: Shelf, expression: str, found: list[str]) -> None:
    assert titles(shelf, "$filter=" + quote(expression)) == found


@pytest.mark.parametrize(
    "expression",
    [
        "Title in ('a','b')",
        "IsSold has NoYes'Yes'",
        "IsSold eq 'Yes'",
        f"IsSold gt {NAMESPACE}.NoYes'No'",
        "Nothing eq 1",
        "Title eq 1",
        "Title eq",
        "contains(Title,'a')",
        "(Title eq 'a'",
    ],
)
def test_a_filter_the_platform_does_not_know_is_refused(shelf: Shelf, expression: str) -> None:
    assert ask(shelf, "GET", "Books?$filter=" + quote(expression)).status == 400


def test_or_joined_equalities_name_the_index_to_use() -> None:
    assert Filter("dataAreaId eq 'x' and (Title eq 'a' or Title eq 'b')", BOOKS).hint == ("Title", frozenset({"a", "b"}))
    assert Filter("Title eq 'a' or Price eq 1", BOOKS).hint is None


def test_another_company_is_seen_only_when_asked_for(shelf: Shelf) -> None:
    assert titles(shelf, "$filter=Title%20eq%20'z'") == []
    assert titles(shelf, "cross-company=true&$filter=dataAreaId%20eq%20'defr'") == ["z"]
    assert ask(shelf, "GET", "Books(dataAreaId='defr',Title='z')").status == 404
    assert ask(shelf, "GET", "Books(dataAreaId='defr',Title='z')?cross-company=true").status == 200


def test_pages_are_followed_by_their_links_until_the_end(shelf: Shelf) -> None:
    shelf.page_size = 2
    first = decode(ask(shelf, "GET", "Books?$count=true&$orderby=Title%20desc&$select=Title").body)
    second = decode(ask(shelf, "GET", first["@odata.nextLink"].removeprefix(BASE)).body)

    assert first["@odata.count"] == 3
    assert [row["Title"] for row in [*first["value"], *second["value"]]] == ["b", "a", "O'Hara+co"]
    assert set(first["value"][0]) == {"@odata.etag", "Title"}
    assert "@odata.nextLink" not in second


def test_skip_top_and_expand_shape_the_answer(shelf: Shelf) -> None:
    assert titles(shelf, "$skip=1&$top=1") == ["b"]
    (row,) = decode(ask(shelf, "GET", "Books?$filter=Title%20eq%20'a'&$expand=Chapters").body)["value"]
    assert [chapter["LineNumber"] for chapter in row["Chapters"]] == [1, 2]
    assert ask(shelf, "GET", "Books?$expand=Pages").status == 400


def test_a_key_needs_all_its_parts_and_quotes_what_is_quoted(shelf: Shelf) -> None:
    assert ask(shelf, "GET", "Books('a')").status == 400
    assert ask(shelf, "GET", "Books(Title='a')").status == 400
    assert decode(ask(shelf, "GET", "Books(dataAreaId='usmf',Title='O%27%27Hara%2Bco')").body)["Title"] == "O'Hara+co"
    assert ask(shelf, "GET", "Chapters(dataAreaId='usmf',Title='a',LineNumber=1.00)").status == 200
    assert ask(shelf, "GET", "Magazines").status == 404


def test_a_post_gives_the_full_row_with_exact_numbers(shelf: Shelf) -> None:
    answer = ask(shelf, "POST", "Books", {"Title": "c", "Price": Decimal("0.10")})

    assert answer.status == 201
    assert b'"Price":0.10' in answer.body
    assert decode(answer.body)["dataAreaId"] == "usmf"
    assert answer.headers["ETag"] == decode(answer.body)["@odata.etag"]


@pytest.mark.parametrize("body", [{"Nothing": 1}, {"Title": 1}, {"Price": "1"}, {"IsSold": "Perhaps"}, {"Printed": "soon"}, []])
def test_a_body_that_does_not_fit_the_type_is_refused(shelf: Shelf, body: object) -> None:
    assert ask(shelf, "POST", "Books", body).status == 400


def test_a_stale_version_is_not_overwritten(shelf: Shelf) -> None:
    row = shelf.find("Books", ("usmf", "a"))
    assert row is not None
    version = etag(row)

    assert ask(shelf, "PATCH", "Books(dataAreaId='usmf',Title='a')", {"Price": 5}, if_match=version).status == 204
    assert ask(shelf, "PATCH", "Books(dataAreaId='usmf',Title='a')", {"Price": 6}, if_match=version).status == 412
    assert ask(shelf, "DELETE", "Books(dataAreaId='usmf',Title='a')").status == 204
    assert ask(shelf, "DELETE", "Books(dataAreaId='usmf',Title='a')").status == 404


def batch(shelf: Shelf, *parts: str, prefer: str = "") -> str:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    call = Call(
        method="POST", path="$batch", headers={"content-type": 'multipart/mixed; boundary="b"', "prefer": prefer}, body=body.encode()
    )
    return Service(CATALOGUE, shelf).answer(call, BASE).body.decode()


def get(url: str) -> str:
    return (
        f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET {url} HTTP/1.1\r\nAccept: application/json\r\n\r\n"
    )


def change_set(mark: str, *operations: tuple[str, str]) -> str:
    inner = "".join(
        f"--{mark}\r\nContent-Type: application/http\r\nContent-ID: {at}\r\n\r\nPOST {url} HTTP/1.1\r\n"
        f"Content-Type: application/json\r\n\r\n{body}\r\n"
        for at, (url, body) in enumerate(operations, 1)
    )
    return f"Content-Type: multipart/mixed; boundary={mark}\r\n\r\n{inner}--{mark}--"


def test_a_batch_keeps_order_and_takes_absolute_rooted_and_relative_addresses(shelf: Shelf) -> None:
    text = batch(shelf, get(f"{BASE}Books?$top=1"), get("/data/Books?$skip=1&$top=1"), get("Books?$skip=2"))

    assert text.count("HTTP/1.1 200") == 3
    assert text.index('"a"') < text.index('"b"') < text.index("O'Hara+co")


def test_a_change_set_is_one_transaction_and_one_error_part(shelf: Shelf) -> None:
    good, bad = ("Books", '{"Title":"c","Price":1}'), ("Books", '{"Title":"d","Price":0}')

    stopped = batch(shelf, change_set("x", good, bad), change_set("y", good))
    kept_going = batch(shelf, change_set("x", good, bad), change_set("y", good), prefer="odata.continue-on-error")

    assert (stopped.count("HTTP/1.1 400"), stopped.count("HTTP/1.1 201")) == (1, 0)
    assert "A book is not free." in stopped
    assert "Content-ID: 2" in stopped
    assert (kept_going.count("HTTP/1.1 400"), kept_going.count("HTTP/1.1 201")) == (1, 1)
    assert titles(shelf, "$filter=Title%20eq%20'c'%20or%20Title%20eq%20'd'") == ["c"]


def test_a_change_set_holds_no_reads_and_a_reference_is_not_resolved(shelf: Shelf) -> None:
    assert "cannot be resolved" in batch(shelf, change_set("x", ("$1/Chapters", "{}")))
    assert "cannot hold a GET" in batch(shelf, change_set("x", ("Books", "{}")).replace("POST", "GET"))


def test_the_metadata_document_names_every_set_and_type() -> None:
    text = Service(CATALOGUE, Shelf()).answer(Call(method="GET", path="$metadata"), BASE).body.decode()

    assert '<EntitySet Name="Books"' in text
    assert f'Type="{NAMESPACE}.NoYes"' in text
    assert f'<NavigationProperty Name="Chapters" Type="Collection({NAMESPACE}.Chapter)"/>' in text
