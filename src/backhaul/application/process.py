"""Step 2. Judge a return and say what should be posted.

Two passes. `process` needs nothing but what we know: it folds each touched return and plans its
postings. `judge` asks the ERP's master data about the returns of one window and fixes what may go.
Between the two a plan may change freely; after `judge` its content never does.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from backhaul.application import books
from backhaul.application.ports import FIXED, Erp, KeptCase, KeptException, KeptPosting, PostingState, Store, Tx
from backhaul.application.read_back import finding as unconfirmed_finding, unconfirmed
from backhaul.application.taken import taken
from backhaul.domain import original, validation
from backhaul.domain.answering import waits_for
from backhaul.domain.charges import debited_line, is_charge
from backhaul.domain.entry import Side
from backhaul.domain.errors import RetryLater
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Fact, LinesMinted, Matched, Stage
from backhaul.domain.kits import explode
from backhaul.domain.legs import with_needs
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.mapped import version_for
from backhaul.domain.matching import remarks
from backhaul.domain.money import Money
from backhaul.domain.pairing import Match
from backhaul.domain.period import landing
from backhaul.domain.placement import Placement, Where, arrived_since, at_hub, is_over, next_due, onward_due, place
from backhaul.domain.plan import Plan, derive_postings
from backhaul.domain.posting import (
    CreditNote,
    ErpDocument,
    ErpItem,
    Goods,
    LotShare,
    OrderLine,
    Posting,
    PostingKind,
    Route,
    named,
)
from backhaul.domain.returns import NOTHING, ReturnCase, ReturnLine, fold
from backhaul.domain.routing import Whereabouts, owner_of
from backhaul.domain.rules import LegalEntity, Rules, Tolerances
from backhaul.domain.sending_back import unchanged
from backhaul.domain.tax import posted_differences, tax_of
from backhaul.domain.validation import Claims, MasterData, Matter, Origin, Taken, validate

FROM_POSTING = frozenset({"ERP_REJECTED", "ERP_DIFFERS", "TOTALS_DIFFER", "ARRIVAL_DIFFERS", "DAMAGED_ON_SALE", "DUPLICATE",
                          "OVERDUE_IN_ERP", "UNCONFIRMED_TOO_LONG"})
"""Findings that only `post` makes; they last as long as the posting is in that state."""
REFUSED = frozenset({"ERP_REJECTED", "ERP_DIFFERS", "TOTALS_DIFFER", "ARRIVAL_DIFFERS", "DAMAGED_ON_SALE", "DUPLICATE"})

FROM_PROFILE = frozenset({"UNKNOWN_LEGAL_ENTITY", "BEFORE_GO_LIVE", "UNMAPPED_DISPOSITION", "UNMAPPED_FEE", "NOT_A_CUSTOMER_RETURN",
                          "DAMAGED_TO_SELLABLE"})
"""Findings that a new version of the profile can end although nothing new is heard of the return."""

DAY = timedelta(days=1)
"""Over which credits add up for the limits of a customer and of a legal entity."""
BUSY = frozenset({PostingState.READY, PostingState.SENDING, PostingState.UNCONFIRMED, PostingState.PENDING,
                  PostingState.AWAITED, PostingState.POSTED})
"""States in which the next step is ours or the ERP's, not a person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything known about one return at one moment."""

    case: ReturnCase
    entity: LegalEntity | None
    kept: Sequence[KeptPosting]
    open: Sequence[KeptException]

    @property
    def whereabouts(self) -> Whereabouts:
        """Say by what its exceptions are routed."""
        return Whereabouts(retailer=self.case.retailer, legal_entity=self.entity.id if self.entity else "", warehouse=self.case.warehouse)

    @property
    def fixed(self) -> tuple[Posting, ...]:
        """Give the postings whose content never changes again."""
        return tuple(row.posting for row in self.kept if row.state in FIXED)

    @property
    def verified(self) -> tuple[tuple[Posting, ErpDocument], ...]:
        """Give every document that was read back and stands."""
        return tuple((row.posting, row.document) for row in self.kept if row.state is PostingState.VERIFIED and row.document)

    def allowed(self, rules: Rules, now: datetime) -> Tolerances:
        """Say by how much its documents may differ from what was wanted."""
        return rules.tolerances_of(self.entity.id if self.entity else "", self.case.currency, now.date())

    @property
    def credited(self) -> tuple[tuple[Posting, ErpDocument], ...]:
        """Give the credit notes that were read back from the ERP."""
        return tuple((row.posting, row.document) for row in self.kept
                     if isinstance(row.posting.document, CreditNote) and row.state is PostingState.VERIFIED and row.document)

    @property
    def began_at(self) -> datetime | None:
        """Say since when its customer waits: it was announced, or the goods were first heard of, or somebody first had to look."""
        return self.case.announced_at or min(self.case.reached.values(), default=None) or min(
            (row.case.opened_at for row in self.open), default=None)

    def placements(self, rules: Rules, now: datetime, held: frozenset[str] | None = None) -> tuple[Placement, ...]:
        """Say where every unit of the return is."""
        lines = frozenset(row.case.line_id for row in self.open if row.case.holds) if held is None else held
        return tuple(place(self.case, rules, self.entity, posted=self.credited, held=lines, now=now))


def pictures(tx: Tx, rules: Rules, refs: Collection[str]) -> dict[str, Picture]:
    """Read what is known about these returns and fold it."""
    facts, kept = tx.facts(rules.tenant, refs), tx.postings(rules.tenant, refs)
    open_cases: dict[str, list[KeptException]] = {}
    for row in tx.exceptions(rules.tenant, refs=refs):
        open_cases.setdefault(row.case.return_ref, []).append(row)
    return {ref: _picture(ref, facts.get(ref, ()), kept.get(ref, ()), open_cases.get(ref, ()), rules) for ref in refs}


def _picture(ref: str, facts: Iterable[Fact], kept: Sequence[KeptPosting], open_cases: Sequence[KeptException],
             rules: Rules) -> Picture:
    case = explode(fold(ref, facts), rules.kits)
    return Picture(case=case, entity=rules.entity_of(case.retailer), kept=kept, open=open_cases)


def process(store: Store, rules: Rules, routes: Mapping[str, Route], now: datetime, *, limit: int = 400) -> int:
    """Fold and plan returns about which something was learned; give how many there were."""
    with store.begin() as tx:
        refs = tx.touched(rules.tenant, limit)
        unread, by_hand = unconfirmed(tx, rules, refs), tx.matched_lines(rules.tenant, refs)
        for picture in pictures(tx, rules, refs).values():
            _take_stock(tx, picture, rules, routes, now, unread=picture.case.ref in unread, by_hand=by_hand)
    return len(refs)


def _take_stock(tx: Tx, picture: Picture, rules: Rules, routes: Mapping[str, Route], now: datetime, *,  # noqa: PLR0913  the whole picture
                unread: bool, by_hand: Mapping[tuple[str, str], Sequence[Match]]) -> None:
    """Plan one return by what is known of it, and give an owner to what stands in the way."""
    if picture.case.unminted:
        tx.add_facts(rules.tenant, [LinesMinted(return_ref=picture.case.ref, at=now, lines=picture.case.unminted)])
    if _is_backlog(picture, rules):
        plan = Plan(findings=tuple(_backlog(picture, rules, now)))
        held = _own(tx, picture, rules, now, plan.findings, replaces=lambda _: True)
    else:
        plan = _plan(picture, rules, routes)
        found = (*picture.case.findings, *plan.findings, *_late(picture.case, rules, now), *_on_the_way(picture, rules, now),
                 *taken(tx, picture.kept), *_in_trouble(picture), *unchanged(picture.case, plan.postings),
                 *posted_differences(picture.credited, picture.allowed(rules, now).tax),
                 *remarks(picture.verified, picture.allowed(rules, now), picture.entity.currency if picture.entity else "GBP"),
                 *([unconfirmed_finding(tx, rules, picture.case.ref)] if unread and plan.postings else []),
                 *_by_hand(picture, by_hand))
        held = _own(tx, picture, rules, now, found, replaces=lambda code: code not in validation.CODES)
    tx.plan(rules.tenant, picture.case.ref, _with_a_line(plan.postings, held), held_lines=held, now=now)
    _save(tx, picture, rules, plan, held, now=now)


def _by_hand(picture: Picture, by_hand: Mapping[tuple[str, str], Sequence[Match]]) -> Iterable[Finding]:
    """Find lines that a credit or a receipt by hand was confirmed for: nothing more is made of them here.

    The customer were credited twice, or the goods received twice. A line we credited whole ourselves waits for nobody.
    """
    for (ref, line_id), match in sorted(((at, match) for at, some in by_hand.items() for match in some), key=lambda each: each[0]):
        line = next((line for line in picture.case.lines if line.line_id == line_id), None)
        done = sum((posting.document.quantity for posting, _ in picture.credited
                    if posting.line_id == line_id and isinstance(posting.document, CreditNote)), NOTHING)
        if ref == picture.case.ref and (match.side is Side.CREDIT or line is None or done < line.accepted):
            yield Finding(code="CREDITED_BY_HAND" if match.side is Side.CREDIT else "RECEIVED_BY_HAND", line_id=line_id,
                          sentence=f"{line_id} is {match.said} (match {match.id}): {match.reason}")


def look_again(tx: Tx, rules: Rules) -> int:
    """Have the returns folded again whose exceptions a new profile may have ended; give how many. For once at each start."""
    refs = {row.case.return_ref for row in tx.exceptions(rules.tenant)
            if any(finding.code in FROM_PROFILE for finding in row.case.findings)}
    tx.touch(rules.tenant, refs)
    return len(refs)


def _is_backlog(picture: Picture, rules: Rules) -> bool:
    """Tell whether a return is of the time before go-live. What was begun here is finished here, wherever the date moves."""
    announced = picture.case.announced_at
    return rules.go_live is not None and announced is not None and announced < rules.go_live and not picture.fixed


def _backlog(picture: Picture, rules: Rules, now: datetime) -> Iterable[Finding]:
    """Find a return of the time before go-live of which something is still to be credited, by somebody."""
    if any(each.where is not Where.REJECTED for each in picture.placements(rules, now, frozenset())):
        yield Finding(code="BEFORE_GO_LIVE", sentence=(
            f"Announced on {picture.case.announced_at:%d %B %Y at %H:%M %Z}, before go-live on {rules.go_live:%d %B %Y at %H:%M %Z}."))


def _plan(picture: Picture, rules: Rules, routes: Mapping[str, Route]) -> Plan:
    if not picture.case.lines and picture.fixed:
        return Plan(findings=(Finding(code="CHANGED_AFTER_POSTING",
                                      sentence="No message is read as about this return any more, and documents were made for it."),))
    if picture.entity is None:
        if not picture.case.lines:
            return Plan()
        return Plan(findings=(Finding(code="UNKNOWN_LEGAL_ENTITY",
                                      sentence=f"Retailer code '{picture.case.retailer}' belongs to no legal entity."),))
    return derive_postings(picture.case, rules, picture.entity, routes[picture.entity.id], picture.fixed)


def wanted(picture: Picture, rules: Rules, routes: Mapping[str, Route]) -> Plan:
    """Say what a return wants beyond what is fixed, as `process` would plan it."""
    return Plan() if _is_backlog(picture, rules) else _plan(picture, rules, routes)


def _with_a_line(postings: Sequence[Posting], held: frozenset[str] | set[str]) -> list[Posting]:
    """Leave out heads of documents none of whose lines may go: they have nothing to wait for a window with."""
    going = [posting for posting in postings if posting.line_id and posting.line_id not in held and "" not in held]
    needed = {key for posting in going for key in posting.needs}
    return [posting for posting in postings if posting.line_id or posting.key in needed]


def _in_trouble(picture: Picture) -> Iterable[Finding]:
    """Repeat what `post` found as long as its cause lasts: a refused posting, or one that is still looked for."""
    states = {(row.posting.line_id, row.state) for row in picture.kept}
    for row in picture.open:
        for finding in row.case.findings:
            lasting = {PostingState.REJECTED} if finding.code in REFUSED else BUSY
            if finding.code in FROM_POSTING and any((finding.line_id, state) in states for state in lasting):
                yield finding


def _late(case: ReturnCase, rules: Rules, now: datetime) -> Iterable[Finding]:
    """Find goods that came and were never graded, and goods paid for early that did not come in time (books 3)."""
    received = _ungraded_since(case)
    waiting = received is not None and now >= received + rules.deadlines.inspection
    for line in case.lines if waiting else ():
        graded = line.graded
        if line.received and not line.blind and (line.received > graded if case.parcels else not line.parts) and not line.closed \
                and line.sku not in rules.fees:
            yield Finding(code="NOT_INSPECTED", line_id=line.line_id,
                          sentence=f"{line.received - graded} x {line.sku} came in on {received:%d %B %Y} and nobody has graded them.")
    for line in case.lines if case.refunds else ():
        missing = line.announced - line.accepted - line.rejected
        if line.sku not in rules.fees and missing > 0 and not line.closed and is_over(case, line, rules, now):
            paid = ", ".join(str(refund.money) for refund in case.refunds)
            yield Finding(code="PAID_NOT_ARRIVED", line_id=line.line_id,
                          sentence=f"{missing} x {line.sku} did not arrive; the customer was paid {paid}.")


def _on_the_way(picture: Picture, rules: Rules, now: datetime) -> Iterable[Finding]:
    """Find goods that came to a hub or a dock and are asked after, because their destination did not count them in time."""
    case, due = picture.case, onward_due(picture.case, rules, picture.entity)
    if due is None or now < due:
        return
    arrived = arrived_since(case)
    for line in case.lines:
        units = at_hub(case, line, rules, picture.entity)
        if units and case.inspected_at and now >= case.inspected_at + rules.deadlines.onward:
            cost = next((row.posting.document.unit_cost for row in picture.kept if isinstance(row.posting.document, OrderLine)
                         and row.posting.line_id == line.line_id and row.posting.document.unit_cost is not None), None)
            worth = "unknown" if cost is None else f"{units * cost:.2f}"
            hubs = ", ".join(sorted({part.node for part in line.parts if part.node and part.accepted}))
            yield Finding(code="HUB_STOCK_OVERDUE", line_id=line.line_id, worth=None if cost is None else units * cost, sentence=(
                f"{units} x {line.sku} are stock at {hubs} since {case.inspected_at:%d %B %Y} and did not come on; original cost {worth}."))
        elif arrived and line.sku not in rules.fees and not line.blind and not line.closed and line.missing and not line.received:
            yield Finding(code="NOT_RECEIVED", line_id=line.line_id, sentence=(
                f"{line.missing} x {line.sku} arrived on their way on {arrived:%d %B %Y} and nobody has counted them since."))


def _ungraded_since(case: ReturnCase) -> datetime | None:
    """Give since when something that came in waits for its inspection: the return, or the first of its parcels that does."""
    if not case.parcels:
        return None if case.has_reached(Stage.INSPECTED) else case.reached.get(Stage.RECEIVED)
    done = (Stage.INSPECTED, Stage.COMPLETED)
    return min((stages[Stage.RECEIVED] for stages in case.parcels.values() if Stage.RECEIVED in stages
                and not any(stage in stages for stage in done)), default=None)


def _own(tx: Tx, picture: Picture, rules: Rules, now: datetime, found: Iterable[Finding], *,  # noqa: PLR0913
         replaces: Callable[[str], bool]) -> frozenset[str]:
    """Give every finding an owner and close the cases whose cause is gone; give the lines still held.

    A note opens a case as any other finding does, which holds neither its line nor money.
    `replaces` tells which kinds of finding this pass looks for: those are found anew or gone, the others stay.
    """
    case = picture.case
    lines = {line.line_id: line for line in case.lines}
    standing: dict[str, list[Finding]] = {}
    for row in picture.open:
        kept = [finding for finding in row.case.findings if not replaces(finding.code)]
        standing.setdefault(row.case.line_id, []).extend(kept)
    for finding in found:
        standing.setdefault(finding.line_id, []).append(finding)
    owned: set[str] = set()
    held: set[str] = set()
    for line_id, findings in standing.items():
        line = lines.get(line_id)
        about = lines.values() if line is None else (line,)
        closed = bool(about) and all(each.closed for each in about)
        left = [] if closed else [finding for finding in findings if not _is_waived(case, finding)]
        if left:
            owned.add(line_id)
            held |= {line_id for finding in left if finding.blocks}
            work = ExceptionCase.about(
                tenant=rules.tenant, return_ref=case.ref, line_id=line_id, findings=tuple(dict.fromkeys(left)),
                money=Money(amount=_at_stake(picture, line) if line_id in held else _worth(left), currency=case.currency),
                now=now, teams=rules.teams)
            tx.open_exception(replace(work, owner=owner_of(work, picture.whereabouts, rules.routing, rules.teams)))
    if picture.open:
        tx.close_exceptions(rules.tenant, case.ref, apart_from=owned, resolution="the cause is gone", at=now)
    return frozenset(held)


def _is_waived(case: ReturnCase, finding: Finding) -> bool:
    """Tell whether people accepted a finding: of its line, or of every line where it is about all of the return."""
    about = [line for line in case.lines if finding.line_id in {"", line.line_id}]
    return bool(about) and all(finding.code in line.waived for line in about)


def _worth(notes: Iterable[Finding]) -> Decimal:
    """Give what notes are about, at cost."""
    return sum((finding.worth for finding in notes if finding.worth), NOTHING)


def _at_stake(picture: Picture, line: ReturnLine | None) -> Decimal:
    """Give the money an exception holds: what of the line, or of the whole return, is not credited yet."""
    lines = picture.case.lines if line is None else (line,)
    credited = {posting.line_id: NOTHING for posting, _ in picture.credited}
    for posting, _ in picture.credited:
        credited[posting.line_id] += posting.net
    return -sum((each.net + credited.get(each.line_id, NOTHING) for each in lines), NOTHING)


def _save(tx: Tx, picture: Picture, rules: Rules, plan: Plan, held: frozenset[str], *, now: datetime) -> None:  # noqa: PLR0913
    case = picture.case
    state = _state(picture, rules, plan, held, now)
    ended = state in (ReturnState.SETTLED, ReturnState.CLOSED)
    waits = not ended and (held or waits_for(picture.placements(rules, now, held)))
    tx.save_case(KeptCase(
        tenant=rules.tenant, ref=case.ref, legal_entity=picture.entity.id if picture.entity else "",
        state=state, stage=case.stage.value if case.stage else "",
        customer=case.customer or (picture.entity.no_customer_account if picture.entity else ""),
        currency=case.currency, net=-case.net, due_at=None if ended else next_due(case, rules, picture.entity, now),
        updated_at=now, waits_since=(picture.began_at or now) if waits else None))


def _state(picture: Picture, rules: Rules, plan: Plan, held: frozenset[str], now: datetime) -> ReturnState:
    """Say how far we have come: what moves by itself comes before what a person has to do."""
    refused = {row.posting.key for row in picture.kept if row.state is PostingState.REJECTED}
    if any(row.state in BUSY and not refused & {row.posting.key, *row.posting.needs} for row in picture.kept):
        return ReturnState.POSTING
    if held:
        return ReturnState.HELD
    if plan.postings:
        return ReturnState.PLANNED
    placements = picture.placements(rules, now, held)
    onward = onward_due(picture.case, rules, picture.entity)
    if not placements or any(each.where is Where.WAITING for each in placements) or (onward and now < onward):
        return ReturnState.WAITING
    return ReturnState.CLOSED if all(each.where is Where.REJECTED for each in placements) else ReturnState.SETTLED


def judge(  # noqa: PLR0913, PLR0917  the whole bench
    store: Store, erp: Erp, rules: Rules, entity: LegalEntity, route: Route, refs: Sequence[str], *,
    window: str, period: str, now: datetime, kinds: Collection[PostingKind] = frozenset(PostingKind),
) -> int:
    """Ask the ERP about these returns, fix the postings of every line that nothing stands against; give how many.

    Lines with a finding are held, each with an owner; the other lines of the same return go on. A line is judged whole, whatever
    is fixed of it: of `kinds` and what those need. The rest stays planned.
    """
    with store.begin() as tx:
        known = pictures(tx, rules, refs)
    master = erp.master_data(validation.questions(entity, rules, (picture.case for picture in known.values())))
    master = replace(master, sales={name: validation.with_components(sale, rules) for name, sale in master.sales.items()})
    with store.begin() as tx:
        known = pictures(tx, rules, refs)
        books.keep(tx, rules.tenant, entity, master, now)
        docket = _Docket(tx, rules, entity, route, master, known, window, period, now, kinds)
        return sum(docket.hear(ref) for ref in refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a return is now, and what it would be after both passes. Without `asked` no ERP answered and its checks were not made."""

    before: Picture
    after: Picture
    asked: bool


class _Undone(Exception):  # noqa: N818  raised and caught within a few lines
    """The rehearsal is over; nothing of it is kept."""


def rehearse(  # noqa: PLR0913  the whole bench
    store: Store, erps: Mapping[str, Erp], rules: Rules, routes: Mapping[str, Route], ref: str, *,
    periods: Mapping[str, str], now: datetime, suppose: Sequence[Fact] = (),
) -> Rehearsal | None:
    """Play both passes about one return in a transaction that is never committed; None if nobody ever heard of it.

    It is the code that plans and fixes, so what it shows is what will be sent, if nothing is learned until then but what is supposed.
    """
    with store.begin() as tx:
        known = tx.facts(rules.tenant, [ref]).get(ref, ())
        if not known:
            return None
        before = after = pictures(tx, rules, [ref])[ref]
    before = replace(before, case=explode(fold(ref, [*known, *suppose]), rules.kits))
    entity, master = before.entity, None
    if entity is not None and entity.id in erps:
        with suppress(RetryLater):
            master = erps[entity.id].master_data(validation.questions(entity, rules, (before.case,)))
    with suppress(_Undone), store.begin() as tx:
        tx.add_facts(rules.tenant, suppose)
        before = pictures(tx, rules, [ref])[ref]
        _take_stock(tx, before, rules, routes, now, unread=ref in unconfirmed(tx, rules, [ref]),
                    by_hand=tx.matched_lines(rules.tenant, [ref]))
        if master is not None and entity is not None:
            planned = pictures(tx, rules, [ref])
            _Docket(tx, rules, entity, routes[entity.id], master, planned, "", periods[entity.id], now, frozenset(PostingKind)).hear(ref)
        after = pictures(tx, rules, [ref])[ref]
        raise _Undone
    return Rehearsal(before=before, after=after, asked=master is not None)


def _missed(picture: Picture, line_id: str) -> frozenset[str]:
    """Give the closed periods a line has been held for so far."""
    return frozenset(finding.hint for row in picture.open if row.case.line_id == line_id for finding in row.case.findings
                     if finding.code in {"PERIOD_CLOSED", "PERIOD_MISSED"})


def _order_lines(postings: Iterable[Posting], line: ReturnLine) -> list[OrderLine]:
    """Give the lines of goods among these postings that are about a line of the return."""
    return [posting.document for posting in postings if posting.key.kind is PostingKind.ORDER_LINE
            and posting.line_id == line.line_id and isinstance(posting.document, OrderLine)]


class _Docket:
    """One window before the judge. What one line takes of a sale is gone for the next."""

    def __init__(self, tx: Tx, rules: Rules, entity: LegalEntity, route: Route, master: MasterData,  # noqa: PLR0913, PLR0917
                 known: Mapping[str, Picture], window: str, period: str, now: datetime, kinds: Collection[PostingKind]) -> None:
        self.tx, self.rules, self.entity, self.route, self.master = tx, rules, entity, route, master
        self.known, self.window, self.period, self.now, self.kinds = known, window, period, now, kinds
        cases = [picture.case for picture in known.values()]
        tx.keep_sellable(rules.tenant, rules.version, rules.sellability)
        taken = tx.claims(
            rules.tenant, entity.id, apart_from=(), customers=(),
            orders={line.order for case in cases for line in case.lines if line.order},
            history=sorted({case.customer or entity.no_customer_account for case in cases}))
        self.unread, self.by_hand = unconfirmed(tx, rules, list(known)), tx.matched_lines(rules.tenant, list(known))
        self.taken, self.history = dict(taken.lots), dict(taken.history)
        self.takers = self._who_takes({at: refs for at in {(line.order, line.sku) for case in cases for line in case.lines if line.order}
                                       if (refs := taken.takers.get(at))})
        watched = (rules.limits.customer_day, rules.limits.day) != (None, None)
        self.today = dict(tx.let_go(rules.tenant, entity.id, since=now - DAY, window=window)) if watched else {}
        self.origins: dict[tuple[str, str], Origin] = {}
        self.rates: dict[tuple[str, str], Decimal | None] = {}

    def hear(self, ref: str) -> int:
        """Judge one return line by line and fix what may go."""
        picture = self.known[ref]
        if _is_backlog(picture, self.rules):  # the date was moved after it was planned
            self.tx.plan(self.rules.tenant, ref, (), held_lines=frozenset(), now=self.now)
            self.tx.touch(self.rules.tenant, [ref])
            return 0
        plan = derive_postings(picture.case, self.rules, self.entity, self.route, picture.fixed)
        blocked = {row.case.line_id for row in picture.open
                   if any(finding.blocks and finding.code not in validation.CODES for finding in row.case.findings)}
        # Something may have been learned since the return was planned.
        blocked |= {""} if ref in self.unread else set()
        blocked |= {line_id for other, line_id in self.by_hand if other == ref}
        blocked |= {finding.line_id for finding in (*picture.case.findings, *plan.findings, *unchanged(picture.case, plan.postings))
                    if finding.blocks and not _is_waived(picture.case, finding)}
        found = [*posted_differences(picture.credited, picture.allowed(self.rules, self.now).tax)]
        for line in picture.case.lines:
            mine = [posting for posting in plan.postings if line.line_id in (posting.line_id, debited_line(posting))]
            if mine:
                found += self._judge(picture, line, mine)
        found += validation.charges_have_items(plan.postings, self.master)
        found += [finding for finding in plan.findings if finding.code in validation.CODES]
        held = _own(self.tx, picture, self.rules, self.now, found, replaces=lambda code: code in validation.CODES)
        free = derive_postings(picture.case, self.rules, self.entity, self.route, picture.fixed, apart_from=held | blocked).postings
        go = with_needs(free, self.kinds)
        for posting in go:
            self._fix(posting)
        fixed = {posting.key for posting in go}
        rest = [posting for posting in plan.postings if posting.key not in fixed]
        self.tx.plan(self.rules.tenant, ref, _with_a_line(rest, held | blocked), held_lines=held | blocked, now=self.now)
        self.tx.touch(self.rules.tenant, [ref])
        return len(go)

    def _judge(self, picture: Picture, line: ReturnLine, mine: Sequence[Posting]) -> Sequence[Finding]:
        """Judge one line; if it passes, what it takes of its sale or allowance is taken."""
        customer = picture.case.customer or self.entity.no_customer_account
        ordering, made = _order_lines(mine, line), _order_lines(picture.fixed, line)
        history = sum((each.quantity * each.unit_price for each in made), NOTHING)
        origin = self._origin(line, ordering, made)
        matter = Matter(
            case=picture.case, line=line, postings=mine, rules=self.rules, entity=self.entity, master=self.master,
            period=self.period, missed=_missed(picture, line.line_id), origin=origin,
            made=self._made(picture.case.ref, line.line_id, line.sku), posted_on=landing(self.entity, self.now),
            alike=self._alike(picture.case.ref, line),
            claims=Claims(lots=self.taken, history={customer: self.history.get(customer, NOTHING) - history}, today=self.today))
        found = validate(matter)
        self.rates[picture.case.ref, line.line_id] = matter.rate
        worth = sum((each.quantity * each.unit_price for each in ordering), NOTHING)
        if not found:
            at = (customer, picture.case.currency)
            self.today[at] = self.today.get(at, NOTHING) + worth
        if ordering and not found and ordering[0].order:
            self._take(picture.case.ref, line, ordering[0], origin)
        elif ordering and not found:
            self.history[customer] = self.history.get(customer, NOTHING) + worth
        return found

    def _who_takes(self, takers: Mapping[tuple[str, str], Collection[str]]) -> dict[tuple[str, str], dict[str, bool]]:
        """Say of each return that takes of an item of a sale whether its goods came unannounced and were matched with that sale."""
        others = {ref for refs in takers.values() for ref in refs} - set(self.known)
        facts = self.tx.facts(self.rules.tenant, sorted(others)) if others else {}
        matched = {(ref, fact.order) for ref, told in facts.items() for fact in told if isinstance(fact, Matched)}

        def unannounced(ref: str, order: str, sku: str) -> bool:
            mine = self.known[ref].case.lines if ref in self.known else ()
            return (ref, order) in matched or any(line.matched and (line.order, line.sku) == (order, sku) for line in mine)

        return {at: {ref: unannounced(ref, *at) for ref in refs} for at, refs in takers.items()}

    def _alike(self, ref: str, line: ReturnLine) -> frozenset[str]:
        """Give the other returns that take of the same item of the same sale, where the goods of one of both came unannounced."""
        there = self.takers.get((line.order or "", line.sku), {})
        return frozenset(other for other, unannounced in there.items() if other != ref and (unannounced or line.matched))

    def _origin(self, line: ReturnLine, ordering: Sequence[OrderLine], made: Sequence[OrderLine]) -> Origin | None:
        """Find the lines of the sale that units come from: as it was written down, else by the tenant's rule."""
        sale = self.master.sales.get(line.order or "")
        sold = sale.of(line.sku) if sale else ()
        if sale is None or not sold:
            return None
        taken = {lot: self.taken.get((sale.number, lot), Taken()) for lot in original.names(sold)}
        if ordering or not made:
            units = sum((each.quantity for each in ordering), NOTHING) or line.announced
            return original.trace(sold, units, line.unit_price or NOTHING, taken, self.rules.origin)
        for fixed in made:
            for share in fixed.lots:
                own = Taken(units=share.quantity, net=share.quantity * fixed.unit_price)
                taken[share.lot] = taken.get(share.lot, Taken()) - own
        return original.again(sold, made, taken)

    def _take(self, ref: str, line: ReturnLine, wanted: OrderLine, origin: Origin | None) -> None:
        """Let what a line takes of its sale be gone for the next, and keep where it comes from for `_fix`."""
        if origin is not None:
            self.origins[ref, line.line_id] = origin
        self.takers.setdefault((wanted.order, line.sku), {})[ref] = line.matched
        for share in origin.shares if origin else ():
            at = (wanted.order, share.lot)
            mine = Taken(units=share.quantity, net=share.quantity * wanted.unit_price)
            self.taken[at] = self.taken.get(at, Taken()) + mine

    def _service_rate(self, sku: str, case: ReturnCase) -> Decimal | None:
        """Give the rate of a charge: where the customer's group meets its service item's own, on the day the ERP posts."""
        taxes = self.master.taxes or self.rules.taxes.get(self.entity.id)
        customer, item = self.master.customers.get(case.customer or self.entity.no_customer_account), self.master.items.get(sku)
        day = landing(self.entity, self.now)
        return taxes.rate(customer.tax_group, item.tax_group, day) if taxes and customer and item else None

    def _cost(self, line: OrderLine, shares: Sequence[LotShare]) -> Decimal | None:
        """Give the unit cost of the original issue; an item at standard cost has none of its own (books 7)."""
        item = self.master.items.get(line.sku)
        return None if item and item.standard_cost else original.unit_cost(shares)

    def _made(self, ref: str, line_id: str, sku: str) -> ErpItem | None:
        """Give the item of the line's first document: all of them speak of one, whatever becomes of its code between two windows."""
        return next((named(fixed.document) for fixed in self.known[ref].fixed if isinstance(fixed.document, Goods)
                     and (fixed.line_id, fixed.document.sku) == (line_id, sku)), None)

    def _item(self, ref: str, document: Goods) -> ErpItem | None:
        """Give what the ERP calls these units, where that is not the SKU: as the line's first document says, else as the masters do now."""
        made, item = self._made(ref, document.line_id, document.sku), self.master.items.get(document.sku)
        told = made or (item.erp if item else None)
        return None if told == ErpItem(number=document.sku) else told

    def _fix(self, posting: Posting) -> None:
        """Complete a posting from the masters and the lines of the sale that were chosen, and fix it: no choice changes then (INV-03)."""
        at, document = (posting.key.return_ref, posting.line_id), posting.document
        if isinstance(document, Goods) and (item := self._item(posting.key.return_ref, document)):
            document = replace(document, item=item)
            posting = replace(posting, document=document)
        if isinstance(document, OrderLine) and posting.key.kind is PostingKind.ORDER_LINE and at in self.origins:
            mine, rest = original.cut(self.origins[at].shares, document.quantity)
            self.origins[at] = replace(self.origins[at], shares=rest)
            posting = replace(posting, document=replace(
                document, unit_cost=self._cost(document, mine), lots=mine, original_lot=mine[0].lot if len(mine) == 1 else ""))
        rate = self.rates.get(at)
        reviewed = any("TAX_DIFFERS" in line.waived for line in self.known[posting.key.return_ref].case.lines if line.line_id == at[1])
        if isinstance(posting.document, OrderLine) and posting.key.kind is PostingKind.ORDER_LINE and not reviewed:
            posting = replace(posting, document=replace(posting.document, tax_rate=rate))
        if isinstance(document, CreditNote) and is_charge(posting):
            rate = self._service_rate(document.sku, self.known[posting.key.return_ref].case)
        if isinstance(document, CreditNote) and rate is not None:
            posting = replace(posting, document=replace(document, tax_rate=rate, tax=tax_of(document.net, rate, posting.currency)))
        version = version_for(self.known[posting.key.return_ref].case, self.rules)
        self.tx.fix(posting, mapping_version=version, window=self.window, at=self.now)
