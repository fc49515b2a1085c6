"""Which documents did we want, what was asked of the ERP, and what came of it?"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, or_, select, update

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.casebook import Casebook
from backhaul.adapters.sql.session import Ref, Seen, chunks, ensure, given, overtaken
from backhaul.adapters.sql.tables import attempts, batches, postings, windows
from backhaul.application.ports import FIXED, Clock, KeptAttempt, KeptPosting, PostingState
from backhaul.domain.allocation import allocate, unkept
from backhaul.domain.posting import ErpDocument, JournalLine, LotShare, OrderLine, Posting, PostingBatch, PostingKey, PostingKind, mark
from backhaul.domain.trail import digest
from backhaul.domain.validation import Claims, Taken

FREE: Final = frozenset({PostingState.PLANNED, PostingState.HELD})
TAKING: Final = tuple(sorted(state.value for state in FIXED - {PostingState.REJECTED}))
"""States in which a posting takes of a sale or an allowance."""

_OURS: Final = (postings.c.key == bindparam("b_key"), postings.c.revision == bindparam("b_revision"))
_UPDATE: Final = update(postings).where(*_OURS).values(
    {column.name: bindparam(column.name) for column in postings.c if column.name != "key"})
_DELETE: Final = delete(postings).where(*_OURS)
_FINISH: Final = update(attempts).where(
    attempts.c.posting == bindparam("b_posting"), attempts.c.batch == bindparam("b_batch"), attempts.c.outcome == "",
).values(outcome=bindparam("b_outcome"), detail=bindparam("b_detail"), finished_at=bindparam("b_finished_at"), token=bindparam("b_token"))


_OURS_IN: Final = (postings.c.tenant == bindparam("tenant"), postings.c.legal_entity == bindparam("legal_entity"))
_BY_RETURN: Final = select(postings).where(
    postings.c.tenant == bindparam("tenant"), postings.c.return_ref.in_(bindparam("refs", expanding=True)))
_BY_KEY: Final = select(postings).where(postings.c.key.in_(bindparam("keys", expanding=True)))
_IN_STATE: Final = select(postings).where(*_OURS_IN, postings.c.state.in_(bindparam("states", expanding=True)))
_OF_KINDS: Final = postings.c.kind.in_(bindparam("kinds", expanding=True))
_TO_LOOK_AT: Final = or_(postings.c.look_at.is_(None), postings.c.look_at <= bindparam("look_until"))
_BY_STATE: Final = {
    (False, False): _IN_STATE, (True, False): _IN_STATE.where(_OF_KINDS), (False, True): _IN_STATE.where(_TO_LOOK_AT),
    (True, True): _IN_STATE.where(_OF_KINDS, _TO_LOOK_AT)}
"""What most of a turn asks, by whether kinds and a date are asked for. Built once: to build a statement takes longer than to run it."""
_KINDS_IN: Final = select(postings.c.kind).distinct().where(*_OURS_IN, postings.c.state == bindparam("state"))


@dataclass(slots=True)
class _Row:
    """A posting in the hands of this transaction. `revision` is 0 until it is stored."""

    kept: KeptPosting
    fingerprint: str
    customer: str = ""
    revision: int = 0
    gone: bool = False

    def change(self, kept: KeptPosting, fingerprint: str) -> None:
        """Let it say something else."""
        self.kept, self.fingerprint, self.gone = kept, fingerprint, False


class Book(Casebook):
    """Postings and attempts. Reads see every write of the same transaction; writes go out in bulk."""

    def __init__(self, connection: Connection, seen: Seen, clock: Clock | None) -> None:
        """Begin with nothing waiting to be written."""
        super().__init__(connection, seen, clock)
        self._rows: dict[Ref, dict[PostingKey, _Row]] = {}
        self._whole: set[Ref] = set()
        self._dirty: dict[PostingKey, _Row] = {}
        self._started: list[dict[str, Any]] = []
        self._finished: list[dict[str, Any]] = []

    # --- reading

    def postings(self, tenant: str, refs: Collection[str]) -> Mapping[str, Sequence[KeptPosting]]:
        """Give all postings of these returns by key (WITHDRAWN ones left out)."""
        self._read_returns(tenant, [ref for ref in set(refs) if (tenant, ref) not in self._whole])
        found = {ref: [row.kept for row in self._rows.get((tenant, ref), {}).values()
                       if not row.gone and row.kept.state is not PostingState.WITHDRAWN] for ref in refs}
        return {ref: sorted(kept, key=_by_key) for ref, kept in found.items() if kept}

    def documents(self, keys: Collection[PostingKey]) -> Mapping[PostingKey, KeptPosting]:
        """Give postings by key, for what they need."""
        self._read_keys(keys)
        found = {key: self._rows.get((key.tenant, key.return_ref), {}).get(key) for key in keys}
        return {key: row.kept for key, row in found.items() if row is not None and not row.gone}

    def marked(self, tenant: str, marks: Collection[str]) -> Mapping[str, PostingKey]:
        """Give keys by mark. A mark is a hash of its key and stands in no column, so every key of the tenant is hashed once."""
        self._flush_postings()
        wanted, found = frozenset(marks), dict[str, PostingKey]()
        for text in self._connection.execute(select(postings.c.key).where(postings.c.tenant == tenant)).scalars() if wanted else ():
            if (short := mark(text)) in wanted:
                found[short] = PostingKey.parse(text)
        return found

    def planned(self, tenant: str, legal_entity: str, *, kinds: Collection[PostingKind] | None = None) -> Sequence[tuple[str, datetime]]:
        """Give returns with PLANNED postings (of these kinds) and since when (the oldest), oldest first, then by reference."""
        self._flush_postings()
        since = func.min(postings.c.planned_at)
        found = self._connection.execute(
            select(postings.c.return_ref, since).group_by(postings.c.return_ref).order_by(since, postings.c.return_ref).where(
                postings.c.tenant == tenant, postings.c.legal_entity == legal_entity,
                postings.c.state == PostingState.PLANNED.value, *_of(kinds)))
        return [(ref, oldest) for ref, oldest in found]

    def in_state(self, tenant: str, legal_entity: str, states: Collection[PostingState], *,
                 kinds: Collection[PostingKind] | None = None, look_until: datetime | None = None) -> Sequence[KeptPosting]:
        """Give postings in these states, ordered by key; with `look_until`, only those due to be looked at.

        A posting without a date to look at it is due.
        """
        self._flush_postings()
        asked = {"tenant": tenant, "legal_entity": legal_entity, "states": sorted(state.value for state in states),
                 "kinds": _values(kinds), "look_until": look_until}
        which = kinds is not None, look_until is not None
        named = {name: value for name, value in asked.items() if value is not None}
        return sorted((row.kept for row in self._read(_BY_STATE[which], named)), key=_by_key)

    def kinds_in_state(self, tenant: str, legal_entity: str, state: PostingState) -> frozenset[PostingKind]:
        """Give the kinds of which there are postings in a state, without reading them."""
        self._flush_postings()
        found = self._connection.execute(_KINDS_IN, {"tenant": tenant, "legal_entity": legal_entity, "state": state.value})
        return frozenset(PostingKind(kind) for (kind,) in found)

    def _read_returns(self, tenant: str, refs: Collection[str]) -> None:
        if refs:
            self._flush_postings()
        for part in chunks(sorted(refs)):
            self._read(_BY_RETURN, {"tenant": tenant, "refs": part})
            self._whole.update((tenant, ref) for ref in part)

    def _read_keys(self, keys: Iterable[PostingKey]) -> None:
        missing = [key for key in keys if not self._at_hand(key)]
        for part in chunks(sorted(missing)):
            self._read(_BY_KEY, {"keys": [str(key) for key in part]})

    def _at_hand(self, key: PostingKey) -> bool:
        ref = (key.tenant, key.return_ref)
        return ref in self._whole or key in self._rows.get(ref, {})

    def _read(self, statement: Select[Any], asked: Mapping[str, Any]) -> list[_Row]:
        """Read rows; what this transaction has at hand already is taken as it stands there."""
        found = []
        for stored in self._connection.execute(statement, asked):
            kept = rows.kept_posting(stored)
            of_return = self._rows.setdefault((stored.tenant, stored.return_ref), {})
            row = of_return.get(kept.posting.key)
            if row is None or row.revision != stored.revision:
                row = of_return[kept.posting.key] = _Row(
                    kept=kept, fingerprint=stored.fingerprint, customer=stored.customer, revision=stored.revision)
            found.append(row)
        return found

    def _row(self, key: PostingKey) -> _Row | None:
        self._read_keys([key])
        row = self._rows.get((key.tenant, key.return_ref), {}).get(key)
        return None if row is None or row.gone else row

    def _put(self, kept: KeptPosting, row: _Row | None) -> None:
        """Write down what a posting is now; it goes out with the next flush."""
        key = kept.posting.key
        if row is None:
            row = self._rows.setdefault((key.tenant, key.return_ref), {}).setdefault(key, _Row(kept=kept, fingerprint=""))
        row.change(kept, kept.posting.fingerprint if row.kept.posting is not kept.posting or not row.fingerprint else row.fingerprint)
        self._dirty[key] = row

    # --- planning and fixing

    def plan(self, tenant: str, ref: str, postings: Sequence[Posting], *, held_lines: Collection[str], now: datetime) -> None:
        """Replace the return's PLANNED and HELD postings with these; see the port."""
        if (tenant, ref) not in self._whole:
            self._read_returns(tenant, [ref])
        mine = self._rows.setdefault((tenant, ref), {})
        unwanted = {key for key, row in mine.items() if row.kept.state in FREE and not row.gone}
        changed = False
        for posting in postings:
            ensure((posting.key.tenant, posting.key.return_ref) == (tenant, ref), f"{posting.key} is no posting of {tenant}, {ref}")
            held = "" in held_lines or posting.line_id in held_lines
            changed |= self._plan(posting, PostingState.HELD if held else PostingState.PLANNED, mine.get(posting.key), now)
            unwanted.discard(posting.key)
        for key in sorted(unwanted):
            self._drop(mine[key])
        if changed or unwanted:
            held_count = sum(row.kept.state is PostingState.HELD for row in mine.values() if not row.gone)
            content = sorted((str(key), row.kept.state.value, row.fingerprint) for key, row in mine.items()
                             if row.kept.state in FREE and not row.gone)
            self.record(tenant, subject=ref, action="plan", at=now, actor="backhaul", detail={
                "planned": len(content) - held_count, "held": held_count, "digest": digest(content)})

    def _plan(self, posting: Posting, state: PostingState, row: _Row | None, now: datetime) -> bool:
        """Plan one posting; tell whether that is news."""
        old = None if row is None or row.gone else row.kept
        ensure(old is None or old.state not in FIXED,
               f"{posting.key} is {old.state.value if old else ''}: what is fixed is never planned again")
        if old is None or old.state not in FREE:
            self._put(KeptPosting(posting=posting, state=state, planned_at=now, attempts=old.attempts if old else 0), row)
            return True
        if old.posting == posting and old.state is state:
            return False
        self._put(replace(old, posting=old.posting if old.posting == posting else posting, state=state), row)
        return True

    def _drop(self, row: _Row) -> None:
        """Forget a posting nobody wants any more; one that was tried in another life stays, as withdrawn."""
        if row.kept.attempts:
            self._put(replace(row.kept, state=PostingState.WITHDRAWN), row)
        else:
            row.gone = True
            self._dirty[row.kept.posting.key] = row

    def fix(self, posting: Posting, *, mapping_version: str, window: str, at: datetime, actor: str = "backhaul") -> None:
        """Make a posting READY: its content, fingerprint, mapping version and window stay from now on (INV-05, INV-16).

        It need not have been planned before. One that is fixed already may be fixed again only as what it is.
        """
        row = self._row(posting.key)
        old = row.kept if row else None
        if row and old and old.state in FIXED:
            ensure(old.state is PostingState.READY and row.fingerprint == posting.fingerprint,
                   f"{posting.key} is {old.state.value} and cannot be fixed again")
            return
        ensure(bool(mapping_version), f"{posting.key} names no mapping version")
        self._put(KeptPosting(
            posting=posting, state=PostingState.READY, mapping_version=mapping_version, window=window,
            attempts=old.attempts if old else 0, planned_at=(old.planned_at if old else None) or at), row)
        self.record(posting.key.tenant, subject=posting.key.return_ref, action="fix", at=at, actor=actor, detail={
            "key": str(posting.key), "from": old.state.value if old else "", "to": PostingState.READY.value,
            "fingerprint": self._dirty[posting.key].fingerprint, "mapping_version": mapping_version, "window": window})

    def set_state(  # noqa: PLR0913  the port's signature
        self, key: PostingKey, state: PostingState, *, document: ErpDocument | None = None,
        look_at: datetime | None = None, looks: int | None = None, note: str = "", at: datetime,
        actor: str = "backhaul", batch: str | None = None,
    ) -> None:
        """Move a posting, with a trail entry; `document` and `batch` replace what was kept, if given."""
        row = given(self._row(key), f"no posting {key}")
        if state is PostingState.WITHDRAWN and key in self._dirty:
            self._flush_postings()  # the database is to see what it is withdrawn from
        old = row.kept
        self._put(replace(
            old, state=state, document=document or old.document, look_at=look_at, note=note,
            looks=old.looks if looks is None else looks, batch=old.batch if batch is None else batch), row)
        if state is not old.state or (document is not None and document != old.document):
            self.record(key.tenant, subject=key.return_ref, action="posting", at=at, actor=actor, detail={
                "key": str(key), "from": old.state.value, "to": state.value, "note": note,
                "document": document.number if document else ""})

    # --- attempts

    def start(self, batch: PostingBatch, *, at: datetime) -> None:
        """Commit the batch and one attempt per posting, and set them SENDING (INV-10); see the port for what is refused."""
        if not batch.postings:
            return
        self._flush_postings()
        self._read_keys(posting.key for posting in batch.postings)
        open_ones = self._open_attempts([str(posting.key) for posting in batch.postings])
        ensure(batch.allocation == allocate(batch), f"batch {batch.key} does not say which journal lines stand for its postings")
        promised = self.allocations(batch.tenant, [batch.key]).get(batch.key, ())
        ensure(not unkept(promised, batch.allocation), f"batch {batch.key} was sent before with other postings in a journal line")
        request, by_return = batch.fingerprint, dict[str, list[str]]()
        for posting in batch.postings:
            key = posting.key
            row = given(self._row(key), f"{key} is unknown, only READY postings are sent")
            ensure(row.kept.state is PostingState.READY, f"{key} is {row.kept.state.value}, only READY postings are sent")
            ensure(str(key) not in open_ones, f"{key} has an attempt whose outcome nobody knows (INV-09)")
            ensure(row.fingerprint == posting.fingerprint, f"{key} is not what it was when it was fixed")
            number = row.kept.attempts + 1
            self._put(replace(row.kept, state=PostingState.SENDING, batch=batch.key, attempts=number), row)
            self._started.append({
                "posting": str(key), "batch": batch.key, "number": number, "request_hash": request,
                "mapping_version": row.kept.mapping_version, "started_at": at, "finished_at": None, "outcome": "", "detail": "",
                "token": self._token})
            by_return.setdefault(key.return_ref, []).append(str(key))
        self._connection.execute(insert(batches), {
            "key": batch.key, "tenant": batch.tenant, "legal_entity": batch.legal_entity, "kind": batch.kind.value,
            "period": batch.period, "fingerprint": request, "controls": rows.written(batch.controls), "started_at": at,
            "allocation": rows.allocation_body(batch.allocation)})
        for ref, keys in by_return.items():
            self.record(batch.tenant, subject=ref, action="send", at=at, actor="backhaul", detail={
                "keys": keys, "from": PostingState.READY.value, "to": PostingState.SENDING.value,
                "batch": batch.key, "request_hash": request})

    def allocations(self, tenant: str, batches: Collection[str]) -> Mapping[str, Sequence[JournalLine]]:
        """Give the journal lines committed under these batch keys; what was promised first stands."""
        found: dict[str, dict[int, JournalLine]] = {}
        columns = tables.batches.c
        for part in chunks(sorted(set(batches) - {""})):
            for key, body in self._connection.execute(select(columns.key, columns.allocation).order_by(columns.id).where(
                    columns.tenant == tenant, columns.key.in_(part), columns.allocation != "")):
                for line in rows.allocation(body):
                    found.setdefault(key, {}).setdefault(line.number, line)
        return {key: tuple(lines.values()) for key, lines in found.items()}

    def _open_attempts(self, keys: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for part in chunks(keys):
            found.update(self._connection.execute(
                select(attempts.c.posting).where(attempts.c.posting.in_(part), attempts.c.outcome == "")).scalars())
        return found

    def finish(self, posting: Posting, batch: str, *, outcome: str, detail: str, at: datetime) -> None:
        """Complete the open attempt of a posting with what came of it; without an open one nothing is kept."""
        ensure(bool(outcome), f"{posting.key}: an attempt ends with an outcome")
        self._finished.append({
            "b_posting": str(posting.key), "b_batch": batch, "b_outcome": outcome, "b_detail": detail, "b_finished_at": at,
            "b_token": self._token})

    def attempts(self, keys: Collection[PostingKey]) -> Sequence[KeptAttempt]:
        """Give the attempts for these postings, oldest first."""
        self._flush_postings()
        found: list[tuple[int, KeptAttempt]] = []
        for part in chunks([str(key) for key in keys]):
            found += [(row.id, rows.attempt(row)) for row in self._connection.execute(
                select(attempts).where(attempts.c.posting.in_(part)))]
        return [attempt for _, attempt in sorted(found, key=lambda each: each[0])]

    # --- what is taken already

    def claims(self, tenant: str, legal_entity: str, *, customers: Collection[str],  # noqa: ARG002, PLR0913  the port's signature
               orders: Collection[str], history: Collection[str], apart_from: Collection[str]) -> Claims:  # noqa: ARG002  fixed ones count, whoever asks
        """Sum what fixed order lines take: units and value by (order, lot), and net value by customer for goods without a sale.

        Who takes of an item of an order is told as well.

        `history` are the customers asked for. Lines the ERP refused take nothing. What is only planned never counts.
        """
        self._flush_postings()
        lots: dict[tuple[str, str], Taken] = {}
        takers: dict[tuple[str, str], set[str]] = {}
        columns = postings.c
        ours = (columns.tenant == tenant, columns.legal_entity == legal_entity, columns.state.in_(TAKING))
        for part in chunks(sorted(set(orders))):
            for order, key, body in self._connection.execute(
                select(columns.order_ref, columns.key, columns.body).where(
                    *ours, columns.claim == "sale", columns.order_ref.in_(part))):
                posting = rows.posting(key, body)
                for lot, taken in _taken(posting):
                    lots[order, lot] = lots.get((order, lot), Taken()) + taken
                if isinstance(posting.document, OrderLine):
                    takers.setdefault((order, posting.document.sku), set()).add(posting.key.return_ref)
        value: dict[str, Decimal] = {}
        for part in chunks(sorted(set(history))):
            for customer, net in self._connection.execute(
                select(columns.customer, columns.value).where(
                    *ours, columns.claim == "history", columns.customer.in_(part))):
                value[customer] = value.get(customer, Decimal(0)) + net
        return Claims(lots=lots, history=value, takers={at: frozenset(refs) for at, refs in takers.items()})

    def let_go(self, tenant: str, legal_entity: str, *, since: datetime, window: str) -> Mapping[tuple[str, str], Decimal]:
        """Sum the net value of fixed order lines of the windows closed after a moment, and of one that closes now."""
        self._flush_postings()
        keys = set(self._connection.execute(select(windows.c.key).where(
            windows.c.tenant == tenant, windows.c.legal_entity == legal_entity, windows.c.closed_at > since)).scalars())
        gone: dict[tuple[str, str], Decimal] = {}
        for part in chunks(sorted(keys | {window})):
            for customer, currency, net in self._connection.execute(
                    select(postings.c.customer, postings.c.currency, postings.c.value).where(
                        postings.c.window_key.in_(part), postings.c.tenant == tenant, postings.c.legal_entity == legal_entity,
                        postings.c.claim != "", postings.c.state.in_(TAKING))):
                gone[customer, currency] = gone.get((customer, currency), Decimal(0)) + net
        return gone

    # --- writing

    def flush(self) -> None:
        """Write everything that waits."""
        self._flush_postings()
        self._flush_inbox()
        self._flush_trail()

    def _flush_postings(self) -> None:
        """Write what waits. Attempts are opened before their posting says SENDING, and completed after."""
        self._flush_cases()
        started, self._started = self._started, []
        self._many(insert(attempts), started)
        dirty, self._dirty = self._dirty, {}
        customers = self._customers({(key.tenant, key.return_ref) for key, row in dirty.items() if rows.claim(row.kept.posting)})
        gone, new, changed = [], [], []
        for key, row in sorted(dirty.items(), key=lambda item: item[0]):
            if row.gone:
                del self._rows[key.tenant, key.return_ref][key]
                if row.revision:
                    gone.append({"b_key": str(key), "b_revision": row.revision})
                continue
            if row.kept.state in FREE or row.kept.state is PostingState.READY or not row.revision:
                row.customer = customers.get((key.tenant, key.return_ref), row.customer)
            values = rows.posting_row(row.kept, fingerprint=row.fingerprint, customer=row.customer, revision=row.revision + 1)
            if row.revision:
                changed.append({"b_key": values.pop("key"), "b_revision": row.revision, **values})
            else:
                new.append(values)
            row.revision += 1
        self._each(_DELETE, gone, overtaken("postings"))
        self._new(postings, new, overtaken("postings"))
        self._each(_UPDATE, changed, overtaken("postings"))
        finished, self._finished = self._finished, []
        self._each(_FINISH, finished, AssertionError(
            f"no open attempt for one of {', '.join(each['b_posting'] for each in finished[:3])} …" if finished else ""))


def _taken(posting: Posting) -> Iterator[tuple[str, Taken]]:
    """Say what an order line takes of which lines of its sale."""
    line = posting.document
    if isinstance(line, OrderLine):
        for share in line.lots or (LotShare(lot=line.original_lot, quantity=line.quantity),):
            yield share.lot, Taken(units=share.quantity, net=share.quantity * line.unit_price)


def _of(kinds: Collection[PostingKind] | None) -> list[ColumnElement[bool]]:
    """Ask for these kinds, or for any."""
    return [] if kinds is None else [postings.c.kind.in_(sorted(kind.value for kind in kinds))]


def _values(kinds: Collection[PostingKind] | None) -> list[str] | None:
    return None if kinds is None else sorted(kind.value for kind in kinds)


def _by_key(kept: KeptPosting) -> PostingKey:
    return kept.posting.key
