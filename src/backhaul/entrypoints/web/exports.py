"""How does a list leave the console without carrying a formula into somebody's spreadsheet?

Every export goes through `safe`: text that a spreadsheet would take for a formula is made text again, numbers stay numbers (reliability
C15). Rows are read page by page along the same indexes as the lists, up to `MOST`.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from sqlalchemy import Connection

from backhaul.adapters.sql import coverage, lists, proofs, statements
from backhaul.adapters.sql.lists import Reach
from backhaul.application import casework
from backhaul.application.claims import claims, settlings
from backhaul.domain.access import Action
from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.errors import BackhaulError
from backhaul.domain.exception_case import KINDS as ALL_KINDS
from backhaul.domain.roll_forward import Whose
from backhaul.domain.valuation import Returned, liabilities, valued
from backhaul.entrypoints import joining, overseeing
from backhaul.entrypoints.journaling import proposed
from backhaul.entrypoints.spreadsheet import cell as as_cell, csv_file, safe
from backhaul.entrypoints.web.console import Console, days, query, whole
from backhaul.entrypoints.web.door import AnyRequest
from backhaul.entrypoints.web.pages.comparison import asked_for, compared
from backhaul.entrypoints.web.pages.figures import asked_for as lines_of_figure, found as figured_month
from backhaul.entrypoints.web.pages.roll_forward import asked_for as lines_of_rolled, found as rolled_month, payments_of, unanswered
from backhaul.entrypoints.web.pages.waiting import about, promise_asked, promised

MOST: Final = 50_000
"""Rows in one export; the last row says if there are more."""
KINDS: Final = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}

WHOSE: Final = ("Legal entity", "Brand", "Warehouse", "Currency")

Row = Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One list as a sheet: the right it needs (`whole`: for the whole tenant), its headings, and its rows for a request."""

    action: Action
    headings: tuple[str, ...]
    rows: Callable[[Console, AnyRequest, Connection, Reach], Iterable[Row]]
    whole: bool = False


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/exports/{name:str}", action=Action.SEE, sync_to_thread=True)
    def export(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        title, _, kind = name.rpartition(".")
        sheet = SHEETS.get(title)
        if sheet is None or kind not in KINDS:
            detail = f"there is no such export; there are {', '.join(SHEETS)}, each as .csv and .xlsx"
            raise NotFoundException(detail)
        if not console.may(request, sheet.action, whole=sheet.whole):
            detail = "Your roles do not show this list."
            raise PermissionDeniedException(detail)
        reach = console.reach(request)
        with console.house.store.read() as connection:
            found = _some(sheet.rows(console, request, connection, reach))
            written = csv_file(sheet.headings, found) if kind == "csv" else _xlsx(title, sheet.headings, found)
        return Response(written, media_type=KINDS[kind], headers={"content-disposition": f'attachment; filename="backhaul-{title}.{kind}"'})

    return [export]


def _some(rows: Iterable[Row]) -> Iterator[Row]:
    """Stop at the most an export holds, and say so."""
    for number, row in enumerate(rows):
        if number == MOST:
            yield (f"Only the first {MOST} rows are here; filter the list to get the rest.",)
            return
        yield row


def _xlsx(title: str, headings: Row, rows: Iterable[Row]) -> bytes:
    book = Workbook(write_only=True)
    page = book.create_sheet(title)
    page.freeze_panes = "A2"
    bold = []
    for heading in headings:
        cell = WriteOnlyCell(page, value=heading)
        cell.font = Font(bold=True)
        bold.append(cell)
    page.append(bold)
    for row in rows:
        page.append([as_cell(page, safe(value)) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# --- the lists -------------------------------------------------------------------------------------------------


def _returns(console: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    state, after, account = query(request, "state"), None, console.account(request)
    while True:
        found = lists.returns(connection, reach, state=state if state in lists.STATES else "", after=after, limit=1000)
        for row in found:
            yield (row.ref, row.state.value if row.state else "new", row.stage, account(row.customer, row.legal_entity),
                   row.legal_entity, row.net, row.currency, row.due_at, row.updated_at)
        if len(found) < 1000 or found[-1].updated_at is None:  # noqa: PLR2004  the page above
            return
        after = (found[-1].updated_at, found[-1].ref)


def _waiting(console: Console, request: AnyRequest, _connection: Connection, reach: Reach) -> Iterator[Row]:
    store, rules, scope, now, last = (console.house.store, console.house.profiles[reach.tenant].rules, console.scope(request),
                                      console.clock.now(), None)
    account = console.account(request)

    def row(each: casework.Waiting) -> Row:
        return (each.ref, "; ".join(each.orders), "; ".join(each.parcels), account(each.customer, each.legal_entity), each.answer.net,
                each.currency, each.answer.since, each.answer.reason, each.answer.next_at, each.answer.sentence,
                "; ".join(said.text for said in each.promises), each.promises[-1].due_at if each.promises else None)

    if asked := query(request, "who"):
        yield from map(row, about(console, request, asked))
        return
    while promise_asked(request):
        some, last = promised(console, request, after=last, limit=1000)
        yield from map(row, some)
        if last is None:
            return
    found, after = casework.waiting(store, rules, scope, now, limit=1000)
    yield from map(row, found)
    while after is not None:
        found, after = casework.waiting(store, rules, scope, now, after=after, limit=1000)
        yield from map(row, found)


def _exceptions(console: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    owner, kind, entity = (query(request, name) for name in ("owner", "kind", "entity"))
    after, account = None, console.account(request)
    while True:
        found = lists.work(connection, reach, owner=owner, kind=kind, entity=entity if entity in reach.entities else "", after=after,
                           limit=1000)
        for row in (console.work(request, each) for each in found):
            case = row.kept.case
            yield (row.kept.id, case.kind, case.owner, case.severity.value, case.return_ref, case.line_id, row.legal_entity,
                   account(row.customer, row.legal_entity), case.money.amount, case.money.currency, case.opened_at, case.due_at,
                   "; ".join(each.sentence for each in case.findings), row.kept.escalated)
        if len(found) < 1000:  # noqa: PLR2004  the page above
            return
        after = (found[-1].kept.case.due_at, found[-1].kept.id)


def _causes(console: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    entity = query(request, "entity")
    for cause in lists.causes(connection, reach, now=console.clock.now(), owner=query(request, "owner"),
                              entity=entity if entity in reach.entities else ""):
        yield (cause.kind, ALL_KINDS[cause.kind].means if cause.kind in ALL_KINDS else "", cause.owner, cause.count, cause.overdue,
               cause.oldest_at, cause.due_at, cause.money, cause.currency)


def _approvals(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    with console.house.store.look() as tx:
        told = tx.proposals(console.scope(request), open_only=False)
    for each in reversed(console.proposals(request, told)):
        yield (each.id, each.subject, each.kind.value, each.state.value, each.legal_entity, each.reason, each.proposer,
               each.proposed_at, each.expires_at, len(each.yeses), each.needed, ", ".join(each.yeses), each.ended_by, each.ended_at,
               each.result, each.money.amount, each.money.currency)


def _batches(_: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    before, narrowed = None, days(request)
    while True:
        found = lists.windows(connection, reach, days=narrowed, before=before, limit=1000)
        for _id, row in found:
            yield (row.key, row.legal_entity, row.period, row.leg, row.closed_at, row.returns, _words(row.controls), _words(row.ledger))
        if len(found) < 1000:  # noqa: PLR2004  the page above
            return
        before = found[-1][0]


def _batch_content(_: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    key, after = query(request, "batch"), ""
    if lists.window(connection, reach, key) is None:
        return
    while True:
        found = lists.travelled(connection, key, after=after, limit=1000)
        for row in found:
            yield (key, row.posting.key.return_ref, row.posting.key.kind.value, row.posting.line_id, row.state.value,
                   row.document.number if row.document else "", row.document.voucher if row.document else "", row.posting.net,
                   row.posting.currency)
        if len(found) < 1000:  # noqa: PLR2004  the page above
            return
        after = str(found[-1].posting.key)


def _proof(_: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    months = proofs.latest(connection, reach.tenant)
    period = query(request, "period") or (months[0].period if months else "")
    for row in proofs.strays(connection, reach.tenant, period, kind=query(request, "kind")):
        known = CLASSES.get(row.kind)
        yield (period, row.standing, row.kind, known.owner.value if known else "", row.return_ref, row.line_id, row.entity, row.document,
               row.amount, row.currency, row.since, row.also, row.other, known.means if known else "")


def _suggested(console: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    months = proofs.latest(connection, reach.tenant)
    period = query(request, "period") or (months[0].period if months else "")
    with console.house.store.look() as tx:
        found = joining.offered(tx, console.scope(request), period)
        days = joining.accepted_on(tx, console.house.profiles[reach.tenant].rules, found.offers)
    for each in found.offers:
        told, entity = each.told, str(each.told["legal_entity"])
        head = (period, told["key"], told["rule"], "ambiguous" if told["ambiguous"] else "", entity)
        tail = (told["currency"], console.words(request, entity)(told["evidence"]))
        for record in each.records:
            yield (*head, each.kind, record.document, "", record.posted_on, *(Decimal(text) if text else "" for text in (
                record.units, record.net)), *tail)
        for ref, line, units, net in told["lines"]:
            yield (*head, "line", ref, line, days.get((ref, line)), Decimal(units), Decimal(net), *tail)
    for said in found.given_up:
        yield (period, "", "not looked for", "", "", "", "", "", "", "", "", "", said)


def _matches(console: Console, request: AnyRequest, connection: Connection, _reach: Reach) -> Iterator[Row]:
    with console.house.store.look() as tx:
        found = joining.confirmed(tx, connection, console.scope(request))
    for each in found:
        match = each.match
        words = console.words(request, match.legal_entity)
        for line in match.lines:
            yield (match.id, each.standing.value, match.kind, match.rule.value, match.legal_entity,
                   ", ".join(sorted(set(match.records.values()))), line.return_ref, line.line_id, line.units, line.net, match.currency,
                   match.actor, match.approver, match.at, words(match.reason), match.revoked_at, match.revoked_by,
                   words(match.revoked_why), words(match.evidence), each.fell)


def _house(_: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    months = proofs.latest(connection, reach.tenant)
    period = query(request, "period") or (months[0].period if months else "")
    for row in proofs.house(connection, reach.tenant, period, kind=query(request, "kind")):
        yield (period, row.kind, CLASSES[row.kind].owner.value, row.subject, row.entity, row.count, row.amount, row.currency, row.sentence)


def _within(_: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    months = proofs.latest(connection, reach.tenant)
    period = query(request, "period") or (months[0].period if months else "")
    for row in proofs.within(connection, reach.tenant, period, row=query(request, "row")):
        yield (period, row.row, row.measure, row.return_ref, row.line_id, row.entity, row.document, row.amount, row.currency)


def _availability(_: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    for row in statements.differing(connection, reach.tenant, standing=query(request, "standing")):
        yield (row.sku, row.at, row.entity, row.warehouse, row.shop, row.erp, row.apart, row.told, row.standing.value)
def _roll_forward(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    period, rolled, _ = rolled_month(console, request)
    for row in rolled.rows if rolled else ():
        yield (period, row.flow.value, *_whose(row.whose), row.opening, _words(row.movements), row.closing, row.account, row.balance,
               row.difference, _words(row.ageing), row.beside, row.price, row.tax)


def _roll_forward_lines(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    period, row, cell, told = lines_of_rolled(console, request)
    if row is None:
        return
    for line in told:
        yield (period, row.flow.value, *_whose(row.whose), cell, line.return_ref, line.line_id, line.item, line.document, line.day,
               line.days, line.amount, line.text)


def _figure_lines(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    period, told = lines_of_figure(console, request)
    for line in told:
        head = (period, *_whose(line.whose), line.return_ref, line.line_id, line.kind)
        if isinstance(line, Returned):
            yield (*head, line.day, line.units, None, None, line.booked, line.original)
        else:
            yield (*head, line.since, line.units, line.net, line.tax, None, line.cost)


def _returned_stock(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    period, figures = figured_month(console, request)
    for row in valued(figures.returned, figures.policy) if figures else ():
        yield (period, *_whose(row.whose), row.kind, row.units, row.booked, row.original, row.compared, row.unbooked, row.untraced,
               row.part, row.written_down, row.value)


def _refund_figures(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    period, figures = figured_month(console, request)
    for row in liabilities(figures.owing, figures.policy) if figures else ():
        yield (period, *_whose(row.whose), row.where.value, row.units, row.net, row.tax, row.gross, row.untaxed, row.books, row.cost,
               row.uncosted, row.recovery, row.decrease, row.undecided, row.asset)
    for tie in figures.ties if figures else ():
        yield (period, *_whose(tie.whose), "beside the roll-forward", None, tie.in_stock, tie.in_stock_tax, tie.gross, None, "",
               *(None,) * 6, tie.memo, tie.memo_tax, tie.difference, tie.paid, tie.to_pay)


def _journals(console: Console, request: AnyRequest, _connection: Connection, reach: Reach) -> Iterator[Row]:
    period, figures = figured_month(console, request)
    for each in proposed(console.house.store, console.house.profiles[reach.tenant].rules, period) if figures else ():
        journal = each.journal
        for leg in journal.legs:
            yield (period, journal.entity, journal.sort.value, journal.subject, journal.marker,
                   each.standing.value if each.read else "not read", journal.day, journal.reverses_on, leg.account or "not named",
                   leg.role.value, leg.debit, leg.credit, journal.currency, leg.text, journal.why)


def _uncredited(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    for each in unanswered(console, request)[2]:
        yield (*_whose(each.whose), " ".join(each.returns), each.payment.provider, each.payment.reference, each.payment.day,
               each.payment.amount, each.open, each.country, each.due_on, "yes" if each.late else "no", each.source)


def _settlements(console: Console, _request: AnyRequest, _connection: Connection, reach: Reach) -> Iterator[Row]:
    for each in settlings(claims(payments_of(console), console.house.profiles[reach.tenant].rules)):
        yield (*_whose(each.whose), " ".join(each.returns), each.note or "write-off", each.other, each.amount, each.day)


def _whose(whose: Whose) -> Row:
    return whose.entity, whose.brand, whose.warehouse, whose.currency


def _mappings(console: Console, _request: AnyRequest, _connection: Connection, reach: Reach) -> Iterator[Row]:
    for row in console.house.profiles[reach.tenant].rules.mapping:
        if row.when.legal_entity in reach.entities:
            yield (row.when.legal_entity, row.when.warehouse, row.when.disposition, row.when.condition, row.when.reason, row.outcome.value,
                   row.place.warehouse, row.place.location, row.place.status, row.erp_disposition, "yes" if row.credit else "no",
                   row.expected_account)


def _coverage(console: Console, _request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    for code in coverage.codes(connection, reach, console.house.profiles[reach.tenant].rules.mapping):
        when = code.when
        yield ("mapped" if code.row else "unmapped", when.legal_entity, when.warehouse, when.disposition, when.condition, when.reason,
               code.units, code.net, code.currency, code.last_at)


def _fees(console: Console, _request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    for fee in coverage.fees(connection, reach, console.house.profiles[reach.tenant].rules.fees):
        rule = fee.rule
        does = "held" if rule is None else rule.effect.value if rule.customer_return else "no customer return"
        yield ("mapped" if rule else "unmapped", fee.legal_entity, fee.code, fee.came_as.value, does, rule.service_item if rule else "",
               fee.count, fee.amount, fee.currency, fee.last_at)


def _grades(_: Console, _request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    for each in coverage.grades(connection, reach):
        yield each.warehouse, each.condition, each.units, each.share


def _people(console: Console, _request: AnyRequest, _connection: Connection, reach: Reach) -> Iterator[Row]:
    with console.house.store.look() as tx:
        known, grants = tx.people(), tx.grants(reach.tenant)
    for person in known:
        head = (person.number, person.name, person.subject, person.issuer)
        mine = [kept for kept in grants if kept.person == person.number]
        for kept in mine:
            yield (*head, kept.grant.role.value, "all" if kept.grant.entities is None else ", ".join(sorted(kept.grant.entities)),
                   kept.granted_by, kept.approved_by, kept.at)
        if not mine:
            yield (*head, "none", "", "", "", None)


def _trail(console: Console, request: AnyRequest, connection: Connection, reach: Reach) -> Iterator[Row]:
    before, words, narrowed = whole(query(request, "before")), console.words(request, ""), days(request)
    while True:
        found = lists.trail(connection, reach.tenant, subject=query(request, "subject"), days=narrowed, before=before, limit=1000)
        for row in found:
            yield (row.sequence, row.at, row.actor, row.subject, row.action, _words(words(row.detail)), row.previous, row.hash)
        if len(found) < 1000:  # noqa: PLR2004  the page above
            return
        before = found[-1].sequence


def _comparison(console: Console, request: AnyRequest, _connection: Connection, _reach: Reach) -> Iterator[Row]:
    entity = asked_for(console, request)
    try:
        found = compared(console, request, entity) if entity else overseeing.Lists()
    except BackhaulError as away:
        yield (entity, "", "", "not asked", str(away), "")
        return
    for row in found.rows:
        yield (entity, row.listed.value, row.code, row.standing.value, row.says, "; ".join(row.alike))
    if found.goods.more:
        yield (entity, "item", "", "not asked", f"{found.goods.more} more codes of the latest {found.goods.returns} returns", "")


def _words(values: Any) -> str:  # noqa: ANN401  loose values of a window or an entry
    return "; ".join(f"{name} {value}" for name, value in values.items() if value not in (None, "", [], {}))


SHEETS: Final[dict[str, Sheet]] = {
    "returns": Sheet(action=Action.SEE, rows=_returns, headings=(
        "Return", "State", "Goods", "Customer", "Legal entity", "Net", "Currency", "Due", "Changed")),
    "waiting": Sheet(action=Action.SEE, rows=_waiting, headings=(
        "Return", "Orders", "Parcels", "Customer", "Waits for", "Currency", "Since", "Why", "Next date", "To read out", "Promised",
        "Promised until")),
    "exceptions": Sheet(action=Action.SEE, rows=_exceptions, headings=(
        "Number", "Cause", "Team", "Severity", "Return", "Line", "Legal entity", "Customer", "Held", "Currency", "Opened", "Due", "Says",
        "Before")),
    "causes": Sheet(action=Action.SEE, rows=_causes, headings=(
        "Cause", "Means", "Team", "Open", "Overdue", "Oldest", "Due first", "Held", "Currency")),
    "approvals": Sheet(action=Action.SEE, rows=_approvals, headings=(
        "Number", "About", "What", "State", "Legal entity", "Reason", "Proposed by", "Proposed", "Waits until", "Approvals", "Needed",
        "Approved by", "Ended by", "Ended", "Result", "Money", "Currency")),
    "batch-content": Sheet(action=Action.SEE, rows=_batch_content, headings=(
        "Batch", "Return", "Document", "Line", "State", "Number", "Voucher", "Net", "Currency")),
    "batches": Sheet(action=Action.SEE, rows=_batches, headings=(
        "Batch", "Legal entity", "Period", "Leg", "Closed", "Returns", "Control totals", "Ledger")),
    "proof": Sheet(action=Action.SEE, whole=True, rows=_proof, headings=(
        "Month", "Standing", "Class", "Team", "Return", "Line", "Legal entity", "Document", "Amount", "Currency", "Since", "Also", "With",
        "Means")),
    "suggested-matches": Sheet(action=Action.SEE, rows=_suggested, headings=(
        "Month", "Suggestion", "Rule", "Ambiguous", "Legal entity", "Side", "Document or return", "Line", "On", "Units", "Net", "Currency",
        "Says")),
    "matches": Sheet(action=Action.SEE, rows=_matches, headings=(
        "Match", "Stands", "Kind", "Rule", "Legal entity", "Documents", "Return", "Line", "Units", "Net", "Currency", "Proposed by",
        "Approved by", "At", "Because", "Revoked", "Revoked by", "Revoked because", "Says", "Fell")),
    "house": Sheet(action=Action.SEE, whole=True, rows=_house, headings=(
        "Month", "Class", "Team", "About", "Legal entity", "Found", "Amount", "Currency", "Says")),
    "within": Sheet(action=Action.SEE, whole=True, rows=_within, headings=(
        "Month", "Tolerance", "Figure", "Return", "Line", "Legal entity", "Document", "Amount", "Currency")),
    "availability": Sheet(action=Action.SEE, whole=True, rows=_availability, headings=(
        "SKU", "Shop's place", "Legal entity", "Warehouse", "Offered", "On sale", "Apart", "Told last", "Stands")),
    "roll-forward": Sheet(action=Action.SEE, whole=True, rows=_roll_forward, headings=(
        "Month", "Flow", *WHOSE, "Opening", "Movements", "Closing", "Tied to", "Balance", "Difference", "By age in days",
        "Credited, not paid", "At selling price", "Its VAT")),
    "roll-forward-lines": Sheet(action=Action.SEE, whole=True, rows=_roll_forward_lines, headings=(
        "Month", "Flow", *WHOSE, "Figure", "Return", "Line", "What", "Document", "Since", "Days", "Amount", "Says")),
    "figure-lines": Sheet(action=Action.SEE, whole=True, rows=_figure_lines, headings=(
        "Month", *WHOSE, "Return", "Line", "Class", "Since", "Units", "Net", "VAT", "Booked cost", "Original cost")),
    "returned-stock": Sheet(action=Action.SEE, whole=True, rows=_returned_stock, headings=(
        "Month", *WHOSE, "Class", "Units", "Booked cost", "Original cost", "Difference", "Units without booked cost",
        "Units without original cost", "Loses", "Written down", "Value")),
    "refund-figures": Sheet(action=Action.SEE, whole=True, rows=_refund_figures, headings=(
        "Month", *WHOSE, "Goods are", "Units", "Net", "VAT", "Liability", "Units without VAT", "Books in", "Cost", "Units without cost",
        "To get them", "They lose", "Units of no policy", "Right to goods", "Memo of received", "Its VAT", "Difference", "Paid already",
        "Still to pay")),
    "journals": Sheet(action=Action.SEE, whole=True, rows=_journals, headings=(
        "Month", "Legal entity", "Why", "About", "Marker", "Stands", "On", "Taken back on", "Account", "For", "Debit", "Credit", "Currency",
        "Text", "Says")),
    "uncredited": Sheet(action=Action.SEE, whole=True, rows=_uncredited, headings=(
        *WHOSE, "Returns", "Provider", "Payment", "Paid on", "Paid", "Open", "Country", "Due on", "Late", "Clock by")),
    "settlements": Sheet(action=Action.SEE, whole=True, rows=_settlements, headings=(
        *WHOSE, "Returns", "Credit note", "With", "Amount", "On")),
    "mappings": Sheet(action=Action.SEE, rows=_mappings, headings=(
        "Legal entity", "Warehouse", "Disposition", "Condition", "Reason", "Outcome", "To warehouse", "To location", "To status",
        "ERP code", "Credit", "Account expected")),
    "comparison": Sheet(action=Action.SEE, rows=_comparison, headings=("Legal entity", "List", "Code", "Stands", "Says", "Looks like")),
    "coverage": Sheet(action=Action.SEE, rows=_coverage, headings=(
        "Mapped", "Legal entity", "Warehouse", "Disposition", "Condition", "Reason", "Units", "Net", "Currency", "Last seen")),
    "fees": Sheet(action=Action.SEE, rows=_fees, headings=(
        "Mapped", "Legal entity", "Code", "Came as", "Does", "Service item", "Count", "Amount", "Currency", "Last seen")),
    "grades": Sheet(action=Action.SEE, rows=_grades, headings=("Warehouse", "Grade", "Units", "Per cent of the warehouse")),
    "people": Sheet(action=Action.SEE_PEOPLE, whole=True, rows=_people, headings=(
        "Person", "Name", "Subject", "Issuer", "Role", "Legal entities", "Granted by", "Approved by", "At")),
    "trail": Sheet(action=Action.SEE_TRAIL, whole=True, rows=_trail, headings=(
        "Number", "When", "Who", "About", "What", "Detail", "Previous", "Hash")),
}
"""Every list that can be taken away."""
