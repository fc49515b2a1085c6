"""How do units come into stock, change their place or leave it where our extension is installed?

By item journals, which API v2.0 does not have (facts/business-central 3.5). Each batch of ours is a journal batch of its own with one
document number, the batch's key; its lines are those that were committed (`domain.allocation`), keyed by their numbers. They are written,
read back and compared, and only then posted as a whole. Posting takes the lines away, and the extension refuses a line, and a posting,
whose document number the item ledger has already: what is asked for twice is done once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.adapters.business_central.central import EXTENSION, Ask, Central, Write
from backhaul.adapters.business_central.looking import LEDGER, LEDGER_COLUMNS
from backhaul.adapters.business_central.refusals import DONE, TAKEN, says, sentence_of
from backhaul.adapters.business_central.wire import NO_BIN, VARIANT, Settings, given
from backhaul.adapters.odata import Answer, Meaning, Row, day_of, number
from backhaul.domain.allocation import UNCOMMITTED, journal, split
from backhaul.domain.disposition import Place, Sellability
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.posting import (
    JOURNALS,
    Adjustment,
    ErpDocument,
    ErpItem,
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

BATCHES: Final = "itemJournalBatches"
LINES: Final = "itemJournalLines"
ENTRIES: Final = "itemLedgerEntriesExt"
POST: Final = "Microsoft.NAV.post"
COMES, LEAVES, MOVES = "Positive_x0020_Adjmt_x002E_", "Negative_x0020_Adjmt_x002E_", "Transfer"
"""Types of entries, as enumerations are written (facts/business-central 5)."""
NAME: Final = 10
"""So long may the name of a journal batch be."""
NOT_BEGUN: Final = frozenset({401, 403, 404, 405, 413, 415, 429})
SELECT: Final[Mapping[str, tuple[str, ...]]] = {
    BATCHES: ("id", "journalTemplateName", "name"),
    LINES: ("id", "batchId", "lineNumber", "entryType", "documentNumber", "externalDocumentNumber", "itemNumber", "variantCode",
            "locationCode", "binCode", "newLocationCode", "newBinCode", "quantity"),
    ENTRIES: ("entryNumber", "itemNumber", "variantCode", "locationCode", "postingDate", "documentNumber", "externalDocumentNumber",
              "quantity", "costAmountActual"),
}
Outcomes = dict[PostingKey, PostingOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What the ERP holds of one journal: the batch's id, its lines by number, and whether its document is posted."""

    identity: str
    lines: Mapping[int, Row]
    posted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Journals:
    """The item journals of one company."""

    central: Central
    told: Settings
    entity: LegalEntity
    rules: Rules

    def post(self, batch: PostingBatch, postings: Sequence[Posting]) -> Outcomes:
        """Post one journal for all postings of a batch; a line goes whole or not at all, and all that go are posted together."""
        wanted = {posting.key: posting for posting in postings}
        outcomes: Outcomes = dict.fromkeys(wanted, Rejected(sentence=UNCOMMITTED))
        rows: dict[int, Row] = {}
        going: dict[PostingKey, int] = {}
        for line in batch.allocation:
            mine = [wanted[key] for share in line.shares if (key := PostingKey.parse(share.key)) in wanted]
            if len(mine) != len(line.shares) or not all(_says(each, line) for each in mine):
                continue
            if wrong := on_sale(line, mine, self.rules.sellability):
                outcomes |= dict.fromkeys((each.key for each in mine), Rejected(sentence=wrong))
            else:
                rows[line.number] = _columns(batch.key, line, mine[0]) | {"postingDate": self._day(batch, mine).isoformat()}
                going |= dict.fromkeys((each.key for each in mine), line.number)
        return outcomes | self._journal(batch, self._template(postings[0]), rows, going) if rows else outcomes

    def _template(self, posting: Posting) -> str:
        moves = isinstance(posting.document, Transfer)
        return journal(posting.document)[0] or (self.told.reclass_journal if moves else self.told.item_journal)

    def _day(self, batch: PostingBatch, postings: Sequence[Posting]) -> date:
        """Give the day a line is dated: when the last of its units was accepted, or the first day of the period that was judged."""
        accepted = max((posting.accepted_at for posting in postings if posting.accepted_at), default=self.central.now())
        day = accepted.astimezone(ZoneInfo(self.entity.zone)).date()
        return day if self.entity.calendar.period_of(day) >= batch.period else self.entity.calendar.first(batch.period)

    # --- from draft to ledger

    def _journal(self, batch: PostingBatch, template: str, rows: Mapping[int, Row], going: Mapping[PostingKey, int]) -> Outcomes:
        """Write what is not there yet, compare what is, and post it; nothing is posted while a line is in doubt."""
        there = self._there(batch.key, template)
        if there.posted:
            return dict.fromkeys(going, Unconfirmed(sentence=f"Journal {batch.key} is posted already; it is looked for."))
        if not there.identity:
            made = self._open(batch.key, template)
            if not isinstance(made, str):
                return dict.fromkeys(going, made)
            there = There(identity=made, lines={}, posted=False)
        missing = {at: row for at, row in rows.items() if at not in there.lines}
        answers = dict(zip(missing, self.central.write([
            Write(method="POST", address=f"{BATCHES}({there.identity})/{LINES}", service=EXTENSION, body=row) for row in missing.values()]),
            strict=True)) if missing else {}
        try:
            now = self._there(batch.key, template)
        except (RetryLater, Misconfigured) as away:
            return dict.fromkeys(going, Unconfirmed(sentence=f"Journal {batch.key} was written and cannot be read: {away}"))
        refused = {at: answer for at, answer in answers.items() if at not in now.lines and answer.verdict()[0] is Meaning.NO
                   and not says(answer, (*TAKEN, *DONE))}
        doubt = sorted(rows.keys() - now.lines.keys() - refused.keys())
        if now.posted or doubt:
            why = f"line {doubt[0]} is in doubt" if doubt and not now.posted else "it is posted already"
            return dict.fromkeys(going, Unconfirmed(sentence=f"Journal {batch.key} was not posted: {why}."))
        outcomes: Outcomes = {key: _refused(refused[at]) for key, at in going.items() if at in refused}
        ready = {key: at for key, at in going.items() if at not in refused}
        strange = [at for at, row in now.lines.items() if at not in rows or not _alike(rows[at], row)]
        if strange:
            return outcomes | self._withdrawn(batch.key, now, ready, Rejected(
                sentence=f"Journal {batch.key} holds a line {strange[0]} that says something else. Nothing was posted."))
        return outcomes | (self._post(batch.key, template, now, ready) if ready else {})

    def _open(self, key: str, template: str) -> str | PostingOutcome:
        """Make the batch and give its id; one that is there already is read."""
        (answer,) = self.central.write([Write(method="POST", address=BATCHES, service=EXTENSION, body={
            "journalTemplateName": template, "name": key[:NAME], "description": f"Backhaul {key}"})])
        if answer.verdict()[0] is Meaning.OK and isinstance(answer.body, dict):
            return str(answer.body["id"])
        if answer.verdict()[0] is Meaning.NO and not says(answer, TAKEN):
            return _refused(answer)
        return Unconfirmed(sentence=f"Nobody knows whether journal batch {key[:NAME]} was made: {sentence_of(answer)}",
                           request=answer.request)

    def _post(self, key: str, template: str, there: There, ready: Mapping[PostingKey, int]) -> Outcomes:
        """Post the batch; an error may follow a success, so a refusal is believed only once the ledger was read.

        What it did is compared line by line when the ledger is looked at, so it is pending until then.
        """
        answer = self.central.act(f"{BATCHES}({there.identity})/{POST}", EXTENSION)
        posted: Outcomes = dict.fromkeys(ready, Pending(reference=key))
        meaning, _ = answer.verdict()
        if meaning is Meaning.OK:
            return posted
        if answer.sent and answer.status not in NOT_BEGUN:
            try:
                now = self._there(key, template)
            except (RetryLater, Misconfigured):
                now = there
                meaning = Meaning.UNKNOWN
            if now.posted:
                return posted
            if meaning is Meaning.UNKNOWN or answer.status is None:
                return dict.fromkeys(ready, Unconfirmed(sentence=f"Nobody knows whether journal {key} is posted: {sentence_of(answer)}",
                                                        request=answer.request))
        return self._withdrawn(key, there, ready, _refused(answer))

    def _withdrawn(self, key: str, there: There, ready: Mapping[PostingKey, int], why: Rejected) -> Outcomes:
        """Take the lines back that were not posted, so that nobody posts them by hand; while they stand, the journal keeps its key."""
        gone = self.central.write([Write(method="DELETE", address=f"{LINES}({row['id']})", service=EXTENSION,
                                         etag=str(row.get("@odata.etag") or "*")) for row in there.lines.values()])
        if all(answer.good or answer.status == 404 for answer in gone):  # noqa: PLR2004  not there any more
            return dict.fromkeys(ready, why)
        return dict.fromkeys(ready, Unconfirmed(sentence=f"Journal {key} is not posted and its lines still stand: {why.sentence}"))

    # --- reading

    def _there(self, key: str, template: str) -> There:
        batches, entries = self.central.read([
            Ask(entity_set=BATCHES, select=SELECT[BATCHES], column="name", values=(key[:NAME],), expand=LINES), _entries({key})],
            service=EXTENSION)
        row = next((row for row in batches if row.get("journalTemplateName") == template), {})
        return There(identity=str(row.get("id") or ""), lines={int(line["lineNumber"]): line for line in row.get(LINES) or ()},
                     posted=any(each.get("documentNumber") == key for each in entries))

    def find(self, postings: Iterable[Posting], batches: Mapping[PostingKey, str],
             allocations: Mapping[str, Sequence[JournalLine]]) -> dict[PostingKey, ErpDocument]:
        """Find what the item ledger has of these postings, each with its share of its line as it was committed."""
        mine = [posting for posting in postings if isinstance(posting.document, JOURNALS) and batches.get(posting.key)]
        numbers = {batches[posting.key] for posting in mine}
        promised = {(key, share.key): line for key, lines in allocations.items() for line in lines for share in line.shares}
        (rows,) = self.central.read([_entries(numbers)], service=EXTENSION) if mine else ([],)
        accounts = self._accounts({batches[each.key] for each in mine if getattr(each.document, "expected_account", "")})
        found = {}
        for posting in mine:
            line = promised.get((batches[posting.key], str(posting.key)))
            moved = [row for row in rows if line and row.get("documentNumber") == batches[posting.key]
                     and row.get("externalDocumentNumber") == str(line.number)]
            if line and moved:
                told = accounts.get(batches[posting.key], ()) if getattr(posting.document, "expected_account", "") else ()
                found[posting.key] = replace(_document(posting, line, moved), accounts=tuple(told))
        return found

    def _accounts(self, numbers: Collection[str]) -> Mapping[str, Collection[str]]:
        """Learn which accounts journals touched, where somebody expects one; none where cost is posted to the ledger later on."""
        touched: dict[str, dict[str, None]] = {}
        if numbers:
            (rows,) = self.central.read([Ask(entity_set=LEDGER, select=LEDGER_COLUMNS, column="documentNumber", values=tuple(numbers))])
            for row in rows:
                touched.setdefault(str(row.get("documentNumber")), {})[str(row.get("accountNumber"))] = None
        return touched


def _entries(numbers: Collection[str]) -> Ask:
    return Ask(entity_set=ENTRIES, select=SELECT[ENTRIES], column="documentNumber", values=tuple(numbers))


def _columns(key: str, line: JournalLine, posting: Posting) -> Row:
    """Write what moves: a transfer from place to target, anything else at one place."""
    kind = MOVES if line.target else LEAVES if isinstance(posting.document, Issue) else COMES
    cost: Row = {}
    if line.cost is not None and kind == COMES:
        cost = {"unitCost": (line.cost / line.quantity).quantize(Decimal("0.00001")).normalize() + 0}
    item = named(line)
    return given({
        "lineNumber": line.number, "entryType": kind, "documentNumber": key, "externalDocumentNumber": str(line.number),
        "itemNumber": item.number, "variantCode": dict(item.dimensions).get(VARIANT, ""),
        "locationCode": line.place.warehouse, "binCode": _bin(line.place),
        "newLocationCode": line.target.warehouse if line.target else "", "newBinCode": _bin(line.target) if line.target else "",
        "quantity": line.quantity}) | cost


def _bin(place: Place) -> str:
    return "" if place.location == NO_BIN else place.location


def _alike(wanted: Row, there: Row) -> bool:
    """Tell whether a line of the journal says what we wrote; dates and worth are the ERP's to refuse."""
    told = ("entryType", "documentNumber", "externalDocumentNumber", "itemNumber", "variantCode", "locationCode", "binCode",
            "newLocationCode", "newBinCode")
    same = all(str(wanted.get(name, "")) == str(there.get(name) or "") for name in told)
    return same and wanted["quantity"] == number(there.get("quantity"))


def _says(posting: Posting, line: JournalLine) -> bool:
    """Tell whether a posting wants what its line does."""
    match posting.document:
        case Transfer(source=place, target=target):
            return (named(posting.document), place, target) == (named(line), line.place, line.target)
        case Adjustment(place=place) | Issue(place=place):
            return (named(posting.document), place, None) == (named(line), line.place, line.target)
        case _:
            return False


def _refused(answer: Answer) -> Rejected:
    """Say what a clean refusal comes to: again later when the service is busy or away, else a person's."""
    busy = not answer.sent or answer.status in {401, 409, 412, 429, 503}
    return Rejected(sentence=sentence_of(answer), request=answer.request, transient=busy, after_seconds=answer.wait, counts=not busy)


def _document(posting: Posting, line: JournalLine, rows: Sequence[Row]) -> ErpDocument:
    """Read one posting's share of what the item ledger has of its line; a transfer shows the side it leaves and the place it came to."""
    comes = isinstance(posting.document, Adjustment)
    counted = [row for row in rows if (number(row.get("quantity")) > 0) is comes] or rows
    sign = 1 if comes else -1
    quantity, worth = (sum((number(row.get(name)) for row in counted), Decimal(0)) for name in ("quantity", "costAmountActual"))
    units, cost = split(line, sign * quantity, sign * worth, posting.currency)[posting.key]
    wanted = line.target or line.place
    ends = [row for row in rows if number(row.get("quantity")) > 0] if line.target else rows
    codes = {str(row.get("locationCode") or "") for row in ends}
    # Entries name no bin: a place is told where the location has none, or is another one.
    at = next((code for code in sorted(codes) if code != wanted.warehouse), wanted.warehouse if codes else "")
    place = Place(warehouse=at, location=NO_BIN) if at and (at != wanted.warehouse or wanted.location == NO_BIN) else None
    first = counted[0]
    variant = str(first.get("variantCode") or "")
    return ErpDocument(
        number=str(first["documentNumber"]), voucher=str(first["documentNumber"]), quantity=sign * units, cost=sign * cost, place=place,
        posted_on=day_of(first.get("postingDate")),
        item=ErpItem(number=str(first.get("itemNumber")), dimensions=((VARIANT, variant),) if variant else ()),
        ids={"documentNumber": str(first["documentNumber"]), "entity": ENTRIES, "lineNumber": str(line.number),
             "entryNumbers": " ".join(str(row["entryNumber"]) for row in rows)})


def on_sale(line: JournalLine, postings: Sequence[Posting], sellability: Sellability) -> str:
    """Say what is wrong when units nobody graded as sellable would go where stock is sold; empty when nothing is (INV-06).

    The third look, with code of its own: codes know no case, and a bin nobody names may be any.
    """
    if all(isinstance(posting.document, Issue) for posting in postings):
        return ""
    if all(isinstance(moved := posting.document, Transfer) and moved.condition in sellability.conditions
           and moved.disposition in sellability.dispositions for posting in postings):
        return ""
    goes = line.target or line.place
    location, bin_code = goes.warehouse.strip().upper(), goes.location.strip().upper()
    for shelf in sellability.places:
        shelf_bin = shelf.location.strip().upper()
        if location == shelf.warehouse.strip().upper() and (bin_code in {NO_BIN, ""} or shelf_bin in {NO_BIN, bin_code}):
            return (f"{line.quantity} x {line.sku}: nobody has graded these units as sellable, yet {goes.warehouse}/{goes.location} is on "
                    "sale. Nothing was sent.")
    return ""
