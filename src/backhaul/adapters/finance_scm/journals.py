"""How do units come into stock, change their place or leave it by an inventory journal?

One journal per batch, its number the batch's key and its lines as they were committed (`domain.allocation`), because a journal line has no
other field for a mark. Adjustments and movements travel as a data package unless told otherwise (adjustments also through Inventory
Visibility, `visibility`), transfers by OData: what is known of their
sets was observed there (facts/finance-scm 1.4, decision 13). Lines are never sent in parallel, and a number is never omitted: the import
would begin a new journal every 1000 lines (facts/finance-scm 3). The ERP's own job posts what stands open.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.adapters.finance_scm import package, wire
from backhaul.adapters.finance_scm.imports import Imports, refused
from backhaul.adapters.finance_scm.masters import Masters
from backhaul.adapters.finance_scm.visibility import Visibility
from backhaul.adapters.odata import Change, Meaning, OData, Query, Row, day_of, kind_of, noon, quoted
from backhaul.domain.allocation import UNCOMMITTED, journal
from backhaul.domain.disposition import JournalType, Place, Sellability
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.posting import (
    Adjustment,
    ErpDocument,
    Issue,
    JournalLine,
    Pending,
    Posting,
    PostingBatch,
    PostingKey,
    PostingOutcome,
    Rejected,
    Transfer,
    Unconfirmed,
    named,
)
from backhaul.domain.rules import LegalEntity, Rules

Outcomes = dict[PostingKey, PostingOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One type of journal: its sets and, where data management imports it, the entity's label there and the file's name."""

    heads: str
    lines: str
    label: str = ""
    file: str = ""


SHAPES: Final[Mapping[JournalType, Shape]] = {
    JournalType.ADJUSTMENT: Shape(heads=wire.ADJUSTMENTS, lines=wire.ADJUSTMENT_LINES, file="Inventory adjustment.csv",
                                  label="Inventory adjustment journal headers and lines V2"),
    JournalType.MOVEMENT: Shape(heads=wire.MOVEMENTS, lines=wire.MOVEMENT_LINES, file="Inventory movement.csv",
                                label="Inventory movement journal headers and lines V3"),
    JournalType.TRANSFER: Shape(heads=wire.TRANSFERS, lines=wire.TRANSFER_LINES),
}


def type_of(posting: Posting) -> JournalType:
    """Say which type of journal a posting travels in."""
    return JournalType(journal(posting.document)[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Journals:
    """The inventory journals of one legal entity."""

    odata: OData
    told: wire.Settings
    entity: LegalEntity
    rules: Rules
    masters: Masters
    imports: Imports
    now: Callable[[], datetime]
    visibility: Visibility | None = None

    def post(self, batch: PostingBatch, postings: Sequence[Posting]) -> Outcomes:
        """Send one journal for all postings of a batch, its lines as they were committed; a line goes whole or not at all."""
        wanted = {posting.key: posting for posting in postings}
        outcomes: Outcomes = dict.fromkeys(wanted, Rejected(sentence=UNCOMMITTED))
        name, kind, _ = journal(postings[0].document)
        rows: dict[int, Row] = {}
        going: dict[PostingKey, int] = {}
        for line in batch.allocation:
            mine = [wanted[key] for share in line.shares if (key := PostingKey.parse(share.key)) in wanted]
            if len(mine) != len(line.shares) or not all(_says(each, line) and journal(each.document)[:2] == (name, kind) for each in mine):
                continue
            if wrong := on_sale(line, mine, self.rules.sellability):
                outcomes |= dict.fromkeys((each.key for each in mine), Rejected(sentence=wrong))
            else:
                head = {"JournalNumber": batch.key, "LineNumber": line.number, "JournalNameId": name or self.told.journal_names[kind]}
                rows[line.number] = head | self._columns(line, mine[0]) | {"TransactionDate": noon(self._day(batch, mine))}
                going |= dict.fromkeys((each.key for each in mine), line.number)
        if not rows:
            return outcomes
        if self.visibility and kind == JournalType.ADJUSTMENT:
            return outcomes | self._by_visibility(self.visibility, batch, [wanted[key] for key in going])
        shape = SHAPES[JournalType(kind)]
        return outcomes | (self._by_package(batch.key, shape, self.told.projects[kind], rows, going) if shape.label and self.told.by_package
                           else self._by_odata(batch.key, shape, rows, going))

    def _columns(self, line: JournalLine, posting: Posting) -> Row:
        """Write what moves: a transfer from source to destination, anything else at one place; what leaves is negative."""
        if line.target is not None:
            return {
                **wire.item_columns(line, "Source"), **wire.item_columns(line, "Destination"), "InventoryQuantity": line.quantity,
                "SourceInventorySiteId": self._site(line.place), "SourceWarehouseId": line.place.warehouse,
                "SourceWarehouseLocationId": line.place.location, "SourceInventoryStatusId": line.place.status,
                "DestinationInventorySiteId": self._site(line.target), "DestinationWarehouseId": line.target.warehouse,
                "DestinationWarehouseLocationId": line.target.location, "DestinationInventoryStatusId": line.target.status,
            }
        cost = None if line.cost is None else (line.cost / line.quantity).quantize(Decimal("0.000001")).normalize()
        return {
            **wire.item_columns(line), "InventorySiteId": self._site(line.place), "InventoryWarehouseId": line.place.warehouse,
            "WarehouseLocationId": line.place.location, "InventoryStatusId": line.place.status,
            "InventoryQuantity": -line.quantity if isinstance(posting.document, Issue) else line.quantity,
            "UnitCost": cost, "OffsetMainAccountIdDisplayValue": line.account,
        }

    def _site(self, place: Place) -> str:
        return self.masters.site(place.warehouse) or self.told.site

    def _day(self, batch: PostingBatch, postings: Sequence[Posting]) -> date:
        """Give the day a journal line is dated: when the last of its units was accepted, or the first day of the batch's period after that.

        The ERP posts a journal on this date, so it must lie in the period that was judged.
        """
        accepted = max((posting.accepted_at for posting in postings if posting.accepted_at), default=self.now())
        day = accepted.astimezone(ZoneInfo(self.entity.zone)).date()
        return day if self.entity.calendar.period_of(day) >= batch.period else self.entity.calendar.first(batch.period)

    # --- three ways in

    def _by_visibility(self, service: Visibility, batch: PostingBatch, postings: Sequence[Posting]) -> Outcomes:
        """Hand each posting over as an event of its own; which units share a line of a journal is decided there."""
        events = {}
        for posting in postings:
            name = journal(posting.document)[0] or self.told.journal_names[JournalType.ADJUSTMENT]
            place = posting.document.place if isinstance(posting.document, Adjustment | Issue) else Place(warehouse="", location="")
            events[posting.key] = service.event(posting, name, self._site(place), self._day(batch, [posting]))
        return service.adjust(events, batch.key)

    def _by_package(self, key: str, shape: Shape, project: str, rows: Mapping[int, Row], going: Mapping[PostingKey, int]) -> Outcomes:
        lines = [{name: _text(value) for name, value in row.items()} for row in rows.values()]
        content = package.pack_rows(project, shape.label, shape.file, lines)
        return self.imports.run(key, project, content, tuple(going), lambda: self._line_by_line(key, rows, going))

    def _by_odata(self, key: str, shape: Shape, rows: Mapping[int, Row], going: Mapping[PostingKey, int]) -> Outcomes:
        """Write header and lines in one `$batch`, each in a change set of its own, so that the server takes them one after the other.

        Nested lines and parallel writes are refused (facts/finance-scm 1.4); one bad line does not sink the others.
        """
        name = next(iter(rows.values()))["JournalNameId"]
        head = {"dataAreaId": self.told.company, "JournalNumber": key, "JournalNameId": name, "Description": key, **self.told.voucher_rules}
        sets = [[Change(method="POST", address=shape.heads, body=head)]]
        for row in rows.values():
            body = {"dataAreaId": self.told.company, **{column: value for column, value in row.items() if column != "JournalNameId"}}
            sets.append([Change(method="POST", address=shape.lines, body=wire.given(body))])
        header, *lines = [given for (given,) in self.odata.batch(sets)]
        answers = dict(zip(rows, lines, strict=True))
        verdicts = {number: answer.verdict(atomic=False) for number, answer in answers.items()}
        there = self._there(key) if any(meaning is Meaning.NO for meaning, _ in verdicts.values()) else frozenset()
        outcomes: Outcomes = {}
        for posting, number in going.items():
            (meaning, then), answer = verdicts[number], answers[number]
            if meaning is Meaning.OK or (there is not None and number in there):
                outcomes[posting] = Pending(reference=key)
            elif meaning is Meaning.NO and there is not None:
                outcomes[posting] = refused(answer, then) if header.good or there else refused(header, header.verdict()[1])
            else:
                outcomes[posting] = Unconfirmed(sentence=f"Nobody knows whether line {number} of {key} was taken: {answer.sentence}",
                                                request=answer.request)
        return outcomes

    def _there(self, key: str) -> frozenset[int] | None:
        """Give the lines a journal holds; None when it cannot be read."""
        try:
            (lines,) = self.odata.read([Query(entity_set=wire.STOCK_JOURNAL_LINES, select=wire.SELECT[wire.STOCK_JOURNAL_LINES],
                                              where=f"dataAreaId eq {quoted(self.told.company)}", column="JournalId", values=(key,))])
        except (RetryLater, Misconfigured):
            return None
        return frozenset(int(row.get("LineNum") or 0) for row in lines if row.get("JournalId") == key)

    def _line_by_line(self, key: str, rows: Mapping[int, Row], going: Mapping[PostingKey, int]) -> Outcomes:
        """Say for each posting of a finished import with errors whether its line is in the journal; the error list only explains."""
        errors = package.row_errors(self.imports.asked("GetExecutionErrors", key))
        there = self._there(key)
        if there is None:
            return dict.fromkeys(going, Unconfirmed(sentence=f"The import of {key} had errors and the journal cannot be read."))
        all_told = "; ".join(dict.fromkeys(sentence for _, sentence in errors)) or "the error list is empty"
        sentences = {number: "; ".join(sentence for record, sentence in errors if record in {str(number), str(at)})
                     for at, number in enumerate(rows, 1)}
        outcomes: Outcomes = {}
        for posting, number in going.items():
            sentence = f"The journal line was not imported: {sentences[number] or all_told}"
            outcomes[posting] = Pending(reference=key) if number in there else Rejected(
                sentence=sentence, transient=kind_of(sentence) == "RETRYABLE")
        return outcomes


def _text(value: object) -> str:
    """Write a value for a file."""
    return "" if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)


def _says(posting: Posting, line: JournalLine) -> bool:
    """Tell whether a posting wants what its line does."""
    there = (named(line), line.place, line.target, line.account)
    match posting.document:
        case Transfer(source=place, target=target):
            return (named(posting.document), place, target, "") == there
        case Adjustment(place=place) | Issue(place=place):
            return (named(posting.document), place, None, journal(posting.document)[2]) == there
        case _:
            return False


def on_sale(line: JournalLine, postings: Sequence[Posting], sellability: Sellability) -> str:
    """Say what is wrong when units nobody graded, or graded as not sellable, would go where stock is sold; empty when nothing is (INV-06).

    The third look, as severe as for receipts (`wire.unsellable_on_sale`), and with code of its own.
    """
    def plain(place: Place) -> tuple[str, str, str]:
        return place.warehouse.strip().upper(), place.location.strip().upper(), place.status.strip().upper()

    moved = [posting.document for posting in postings if isinstance(posting.document, Transfer)]
    fit = [each.disposition in sellability.dispositions and each.condition in sellability.conditions for each in moved]
    goes = line.target or line.place
    if (fit and all(fit)) or all(isinstance(posting.document, Issue) for posting in postings) \
            or not any(wire.may_be(plain(shelf), plain(goes)) for shelf in sellability.places):
        return ""
    return (f"{line.quantity} x {line.sku}: nobody has graded these units as sellable, yet {goes.warehouse}/{goes.location} is on sale. "
            "Nothing was sent.")


def stock_document(header: Row, line: Row, quantity: Decimal, cost: Decimal, place: Place | None) -> ErpDocument:
    """Read one posting's share of a line of an inventory journal; its cost is known once the job has posted it."""
    posted = header.get("Posted") == "Yes"
    return ErpDocument(
        number=str(line["JournalId"]), open=not posted, quantity=quantity, cost=cost if posted else None, place=place,
        voucher=str(line.get("Voucher") or ""), posted_on=day_of(line.get("TransDate")) if posted else None,
        ids={"JournalNumber": str(line["JournalId"])}
        | wire.ids_of(line, "LineNum", "ItemId", "InventTransId", "InventLocationId", "WMSLocationId")
        | wire.ids_of(header, "PostedDateTime"))
