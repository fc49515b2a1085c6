"""Where does what is about a customer lie, and how does it become unreadable while what was proved stays proved?

Every update here meets the guards of the database: they let words change of what an approved erasure is about, and nothing else.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Row, Table, bindparam, cast, delete, func, insert, literal, or_, select, update

from backhaul.adapters.sql import coverage, rows, tables
from backhaul.adapters.sql.book import Book
from backhaul.adapters.sql.session import CHUNK, chunks
from backhaul.application.people_ports import Held, KeptErasure, KeptHold
from backhaul.application.proof_ports import EXTRACTS, REMOVED
from backhaul.domain.facts import Announced
from backhaul.domain.personal import ERASED, GONE, Erasure, is_erased, names_any, without, without_accounts, without_document
from backhaul.domain.proposal import SYSTEM
from backhaul.domain.retention import Aged

NAMING: Final = ("Announced", "Matched", "Corrected")
"""Kinds of fact that name a customer's account."""
ABOUT_MESSAGES: Final = "delivery:"
"""How the reference of work about a message begins that nobody could read."""


SOUGHT: Final = 50
"""Of so many words the database looks itself which messages hold one; of more, reading them all is quicker."""


class Erasing(Book):
    """What is held about a customer, and erasing it."""

    def returns_of(self, tenant: str, accounts: Collection[str]) -> Mapping[str, Collection[str]]:
        """Give by account, where there are any, the returns that are its own, or were told or corrected to be."""
        self._flush_cases()
        self._flush_inbox()
        facts, cases, postings = tables.facts.c, tables.cases.c, tables.postings.c
        found: dict[str, set[str]] = {}
        asked = set(accounts)
        for part in chunks(sorted(asked)):
            for query in (select(cases.customer, cases.ref).where(cases.tenant == tenant, cases.customer.in_(part)),
                          select(postings.customer, postings.return_ref).where(postings.tenant == tenant, postings.customer.in_(part))):
                for account, ref in self._connection.execute(query):
                    found.setdefault(account, set()).add(ref)
            said = [self._said(name).in_(part) for name in ("customer", "told", "value")]
            for row in self._connection.execute(select(facts.return_ref, facts.body).where(
                    facts.tenant == tenant, facts.kind.in_(NAMING), or_(*said))):
                told = json.loads(row.body)
                for account in {told.get("customer"), *((told["told"], told["value"]) if told.get("what") == "customer" else ())} & asked:
                    found.setdefault(account, set()).add(row.return_ref)
        return found

    def _said(self, name: str) -> ColumnElement[Any]:
        """Say in SQL what a fact says under a name."""
        body = tables.facts.c.body
        return func.json_extract_path_text(cast(body, JSON), name) if self._connection.dialect.name == "postgresql" \
            else func.json_extract(body, f"$.{name}")

    # --- what is kept for a term, and legal holds

    def aged(self, tenant: str, house: Collection[str]) -> Iterator[Aged]:
        """Give every return that is not erased, with the day (UTC) of its latest fact; accounts of the house are nobody's."""
        self.flush()
        cases, facts, gone = tables.cases.c, tables.facts.c, tables.erased.c
        last = select(facts.return_ref, func.max(facts.at).label("at")).where(facts.tenant == tenant).group_by(facts.return_ref).subquery()
        done = select(gone.return_ref).where(gone.tenant == tenant).distinct().subquery()
        query = select(cases.ref, cases.customer, cases.state, last.c.at, done.c.return_ref.label("erased")).join(
            last, last.c.return_ref == cases.ref).join(done, done.c.return_ref == cases.ref, isouter=True).where(cases.tenant == tenant)
        for row in self._connection.execute(query):
            customer = "" if row.customer in house else row.customer
            if not is_erased(customer) and (customer or row.erased is None):
                yield Aged(ref=row.ref, customer=customer, last=row.at.date(), over=row.state in {"settled", "closed"})

    def place_hold(self, tenant: str, refs: Collection[str], *, reason: str, actor: str, at: datetime) -> int:
        """Keep a legal hold on whoever returned these; give its number."""
        number: int = self._connection.execute(insert(tables.holds).returning(tables.holds.c.id), {
            "tenant": tenant, "reason": reason, "placed_by": actor, "placed_at": at, "ended_by": "", "approved_by": "",
            "ended_at": None}).scalar_one()
        self._connection.execute(insert(tables.held), [{"hold": number, "tenant": tenant, "return_ref": ref} for ref in sorted(set(refs))])
        return number

    def holds(self, tenant: str, *, every: bool = False) -> Sequence[KeptHold]:
        """Give the legal holds of a tenant that stand, oldest first, or all there ever were."""
        holds, held, named = tables.holds, tables.held, dict[int, list[str]]()
        query = select(holds).where(holds.c.tenant == tenant).order_by(holds.c.id)
        found = self._connection.execute(query if every else query.where(holds.c.ended_at.is_(None))).all()
        for part in chunks([row.id for row in found]):
            for row in self._connection.execute(select(held).where(held.c.hold.in_(part)).order_by(held.c.return_ref)):
                named.setdefault(row.hold, []).append(row.return_ref)
        return [KeptHold(id=row.id, tenant=tenant, returns=tuple(named[row.id]), reason=row.reason, placed_by=row.placed_by,
                         placed_at=row.placed_at, ended_by=row.ended_by, approved_by=row.approved_by, ended_at=row.ended_at)
                for row in found]

    def end_hold(self, tenant: str, number: int, *, actor: str, approver: str, at: datetime) -> bool:
        """End a hold; tell whether it stood until now. The database refuses one person alone."""
        holds = tables.holds.c
        return self._connection.execute(update(tables.holds).values(ended_by=actor, approved_by=approver, ended_at=at).where(
            holds.tenant == tenant, holds.id == number, holds.ended_at.is_(None))).rowcount == 1

    # --- what is held about a customer

    def held_about(self, tenant: str, refs: Collection[str], words: Collection[str], *, known: Collection[int] = (),
                   beyond: int = 0) -> Held:
        """Count what is held about these returns, by kind; and name the messages that tell of them, or of these words; see the port."""
        self.flush()
        last = self._connection.execute(select(func.max(tables.deliveries.c.id)).where(tables.deliveries.c.tenant == tenant)).scalar() or 0
        messages = self._messages(tenant, refs, words, known, beyond)
        exceptions, told = tables.exceptions.c, sorted({f"{ABOUT_MESSAGES}{row.identity}" for row in messages})
        about = sorted({*refs, *(ref for part in chunks(told) for ref in self._connection.execute(select(exceptions.return_ref).where(
            exceptions.tenant == tenant, exceptions.return_ref.in_(part))).scalars())})
        ids = [row.id for row in messages]
        others = {ref for part in chunks(ids) for ref in self._connection.execute(select(tables.facts.c.return_ref).where(
            tables.facts.c.tenant == tenant, tables.facts.c.delivery_id.in_(part))).scalars()} - set(refs)
        counts = {"returns": len(set(refs)), "messages": len(ids)}
        for name, table in (("facts", tables.facts), ("postings", tables.postings), ("exceptions", tables.exceptions),
                            ("notes and files", tables.notes), ("promises", tables.promises)):
            counts[name] = self._count(table, table.c.tenant == tenant, table.c.return_ref, about)
        proposals, attempts, postings = tables.proposals, tables.attempts, tables.postings
        counts["proposals"] = self._count(proposals, proposals.c.tenant == tenant, proposals.c.subject, about)
        counts["answers of the ERP"] = sum(self._connection.execute(select(func.count()).select_from(attempts.join(
            postings, postings.c.key == attempts.c.posting)).where(
            postings.c.tenant == tenant, postings.c.return_ref.in_(part), attempts.c.detail != "")).scalar_one() for part in chunks(about))
        counts["matches"] = len(self._matches_of(tenant, about))
        trail, said = tables.trail, tables.words
        counts["words of the trail"] = sum(self._connection.execute(select(func.count()).select_from(said.join(
            trail, (trail.c.tenant == said.c.tenant) & (trail.c.sequence == said.c.sequence))).where(
            trail.c.tenant == tenant, trail.c.subject.in_(part))).scalar_one() for part in chunks(about))
        return Held(counts=counts, about=tuple(about), messages=tuple(ids), others=tuple(sorted(others)), last=last)

    def _count(self, table: Table, ours: ColumnElement[bool], column: ColumnElement[str], about: Collection[str]) -> int:
        return sum(self._connection.execute(select(func.count()).select_from(table).where(ours, column.in_(part))).scalar_one()
                   for part in chunks(about))

    def _messages(self, tenant: str, refs: Collection[str], words: Collection[str], told: Collection[int],
                  beyond: int) -> list[Any]:
        """Give messages that told of these returns, every repeat of them, and whatever names one; bytes are read only to see that."""
        table, facts = tables.deliveries, tables.facts
        known: dict[int, Any] = {}
        shape = (table.c.id, table.c.source, table.c.identity, table.c.state)
        named = sorted({*refs, *words})
        needles = sorted({spelled for word in named for spelled in (word, word.replace("/", "\\/"))})
        query = select(*shape, table.c.body).where(table.c.tenant == tenant, table.c.id > beyond, table.c.body.is_not(None))
        if len(needles) <= SOUGHT:
            query = query.where(or_(*(self._holds(table.c.body, needle) for needle in needles)))
        for told_of in self._connection.execute(query.execution_options(yield_per=CHUNK)) if named else ():
            if names_any(bytes(told_of.body), named):
                known[told_of.id] = told_of
        for ids in chunks(sorted(told)):
            known |= {row.id: row for row in self._connection.execute(select(*shape).where(table.c.tenant == tenant, table.c.id.in_(ids)))}
        for part in chunks(sorted(refs)):
            for row in self._connection.execute(select(*shape).distinct().join(facts, facts.c.delivery_id == table.c.id).where(
                    facts.c.tenant == tenant, facts.c.return_ref.in_(part), table.c.tenant == tenant)):
                known[row.id] = row
        for source, identity in sorted({(row.source, row.identity) for row in known.values()}):
            for row in self._connection.execute(select(*shape).where(
                    table.c.tenant == tenant, table.c.source == source, table.c.identity == identity, table.c.body.is_not(None))):
                known.setdefault(row.id, row)
        return [known[number] for number in sorted(known)]

    def _holds(self, body: ColumnElement[bytes], needle: str) -> ColumnElement[bool]:
        """Say in SQL that bytes hold others."""
        word = literal(needle.encode())
        return func.position(word.op("IN")(body)) > 0 if self._connection.dialect.name == "postgresql" else func.instr(body, word) > 0

    # --- erasing

    def erase(self, erasure: Erasure, held: Held) -> Mapping[str, Any]:
        """Make what is held about these returns unreadable, and keep the proof of it: how much, and the hashes of what bytes are gone."""
        self.flush()
        if self._connection.dialect.name == "sqlite":
            self._connection.exec_driver_sql("PRAGMA secure_delete = ON")
        table = tables.erasures
        number = self._connection.execute(insert(table).returning(table.c.id), {
            "tenant": erasure.tenant, "proposal": erasure.proposal, "name": erasure.name, "at": erasure.at, "proof": ""}).scalar_one()
        self._connection.execute(insert(tables.erased), [
            {"erasure": number, "tenant": erasure.tenant, "return_ref": ref} for ref in held.about])
        reasons = self._erase_facts(erasure)
        gone = self._erase_messages(held)
        self._erase_postings(erasure)
        self._erase_said(erasure, held)
        self._erase_words(erasure, held)
        self._erase_memories(erasure, reasons)
        for part in chunks(held.about):
            self._connection.execute(delete(tables.folds).where(
                tables.folds.c.tenant == erasure.tenant, tables.folds.c.return_ref.in_(part)))
        proof = {"counts": dict(held.counts), "sha256": gone}
        self._connection.execute(update(table).where(table.c.id == number).values(done_at=erasure.at, proof=rows.written(proof)))
        for kept in (self._cases, self._rows, self._whole, self._known):
            kept.clear()
        return proof

    def erasures(self, tenant: str, ref: str = "") -> Sequence[KeptErasure]:
        """Give what was erased, the latest first; of one return if one is named."""
        table, about = tables.erasures, tables.erased
        query = select(table).where(table.c.tenant == tenant, table.c.done_at.is_not(None)).order_by(table.c.id.desc())
        if ref:
            query = query.where(table.c.id.in_(select(about.c.erasure).where(about.c.tenant == tenant, about.c.return_ref == ref)))
        return [KeptErasure(proposal=row.proposal, name=row.name, at=row.at, proof=json.loads(row.proof))
                for row in self._connection.execute(query)]

    def _each_row(self, table: Table, tenant: str, refs: Collection[str]) -> Iterator[Row[Any]]:
        for part in chunks(sorted(refs)):
            yield from self._connection.execute(select(table).where(table.c.tenant == tenant, table.c.return_ref.in_(part))).all()

    def _change(self, table: Table, key: str, changed: Sequence[dict[str, Any]]) -> None:
        """Write rows anew, by their key as `b_key`."""
        if changed:
            names = [name for name in changed[0] if name != "b_key"]
            self._connection.execute(update(table).where(table.c[key] == bindparam("b_key")).values(
                {name: bindparam(name) for name in names}), changed)

    def _erase_facts(self, erasure: Erasure) -> frozenset[str]:
        """Take the customer out of facts; give the reasons that were their own words."""
        changed, reasons = [], set[str]()
        for row in self._each_row(tables.facts, erasure.tenant, erasure.returns):
            fact = rows.fact(row.kind, row.body, row.identity)
            if isinstance(fact, Announced):
                reasons |= {line.reason for line in fact.lines} - erasure.codes - {""}
            body = rows.fact_body(without(fact, erasure))
            if body != row.body:
                changed.append({"b_key": row.id, "body": body})
        self._change(tables.facts, "id", changed)
        return frozenset(reasons)

    def _erase_messages(self, held: Held) -> list[str]:
        """Take the bytes of messages away; give their hashes."""
        table, hashes = tables.deliveries, set[str]()
        for part in chunks(held.messages):
            hashes |= set(self._connection.execute(select(table.c.sha256).where(table.c.id.in_(part), table.c.body.is_not(None))).scalars())
            self._connection.execute(update(table).where(table.c.id.in_(part), table.c.body.is_not(None)).values(body=GONE))
            self._connection.execute(update(table).where(table.c.id.in_(part), table.c.state == "quarantined").values(reason=ERASED))
        return sorted(hashes)

    def _erase_postings(self, erasure: Erasure) -> None:
        """Take the customer out of documents, and what the ERP said about them."""
        changed, table, cases = [], tables.postings, tables.cases
        for row in self._each_row(table, erasure.tenant, erasure.returns):
            body = json.loads(row.body)
            told = body | {"document": without_document(body["document"], erasure)}
            erp = row.erp and without_accounts(json.loads(row.erp), erasure)
            changed.append({
                "b_key": row.key, "body": row.body if told == body else _json(told), "note": ERASED if row.note else "",
                "customer": erasure.name if row.customer in erasure.accounts else row.customer,
                "erp": row.erp if not row.erp or erp == json.loads(row.erp) else _json(erp)})
        self._change(table, "key", changed)
        for part in chunks([each["b_key"] for each in changed]):
            self._connection.execute(update(tables.attempts).where(
                tables.attempts.c.posting.in_(part), tables.attempts.c.detail != "").values(detail=ERASED))
        for part in chunks(erasure.returns):
            self._connection.execute(update(cases).where(
                cases.c.tenant == erasure.tenant, cases.c.ref.in_(part), cases.c.customer.in_(sorted(erasure.accounts))).values(
                customer=erasure.name))

    def _erase_said(self, erasure: Erasure, held: Held) -> None:
        """Take away what people said, and the sentences of exceptions."""
        changed = []
        for row in self._each_row(tables.exceptions, erasure.tenant, held.about):
            findings = [replace(each, sentence=ERASED, hint="") for each in rows.exception(row).case.findings]
            changed.append({"b_key": row.id, "findings": rows.findings_body(findings),
                            "resolution": row.resolution if row.actor == SYSTEM else ERASED})
        self._change(tables.exceptions, "id", changed)
        notes, promises, proposals = tables.notes, tables.promises, tables.proposals
        for part in chunks(held.about):
            mine = notes.c.tenant == erasure.tenant, notes.c.return_ref.in_(part)
            self._connection.execute(update(notes).where(*mine, notes.c.text != "").values(text=ERASED))
            self._connection.execute(update(notes).where(*mine, notes.c.body.is_not(None)).values(body=GONE, name=ERASED))
            self._connection.execute(update(promises).where(
                promises.c.tenant == erasure.tenant, promises.c.return_ref.in_(part)).values(text=ERASED))
            found = self._connection.execute(select(proposals).where(
                proposals.c.tenant == erasure.tenant, proposals.c.subject.in_(part))).all()
            self._change(proposals, "id", [{
                "b_key": row.id, "content": rows.written(without_accounts(json.loads(row.content), erasure)), "reason": ERASED,
                "result": ERASED if row.result else ""} for row in found])

            self._connection.execute(update(tables.holds).where(tables.holds.c.tenant == erasure.tenant, tables.holds.c.id.in_(
                select(tables.held.c.hold).where(tables.held.c.tenant == erasure.tenant, tables.held.c.return_ref.in_(part)))).values(
                reason=ERASED))

        matches, ends = tables.matches, tables.match_ends
        numbered = sorted(self._matches_of(erasure.tenant, held.about))
        for numbers in chunks(numbered):
            self._connection.execute(update(matches).where(matches.c.id.in_(numbers)).values(reason=ERASED))
            self._connection.execute(update(ends).where(ends.c.match.in_(numbers)).values(reason=ERASED))

    def _matches_of(self, tenant: str, refs: Collection[str]) -> set[int]:
        """Give the matches that are about one of these returns, those that were revoked too."""
        table, asked = tables.matches, frozenset(refs)
        return {row.id for row in self._connection.execute(select(table.c.id, table.c.body).where(table.c.tenant == tenant))
                if any(line[0] in asked for line in json.loads(row.body)["lines"])}

    def _erase_words(self, erasure: Erasure, held: Held) -> None:
        """Take away what the trail says in somebody's words, and what the API answered about any of it."""
        trail, words, answers = tables.trail, tables.words, tables.answers
        for part in chunks(held.about):
            self._connection.execute(delete(words).where(words.c.tenant == erasure.tenant, words.c.sequence.in_(
                select(trail.c.sequence).where(trail.c.tenant == erasure.tenant, trail.c.subject.in_(part)))))
        named = {*erasure.returns, *erasure.accounts}
        for row in self._connection.execute(select(answers)).all():
            if names_any(row.body.encode(), named):
                self._connection.execute(delete(answers).where(answers.c.actor == row.actor, answers.c.key == row.key))

    def _erase_memories(self, erasure: Erasure, reasons: frozenset[str]) -> None:
        """Put the name in place of accounts in what routines remember; reasons in a customer's words are counted as one."""
        table = tables.memories
        for row in self._connection.execute(select(table).where(table.c.tenant == erasure.tenant)).all():
            told = before = json.loads(row.body)
            if row.name.startswith(EXTRACTS):
                # without their secret nobody can say of extracts whom they mean; the next proof begins new ones
                told = {name: each for name, each in told.items() if name == REMOVED}
            elif row.name == coverage.MEMORY:
                told = coverage.merged(told, reasons, ERASED)
            elif names_any(row.body.encode(), erasure.accounts):
                told = without_accounts(told, erasure)
            if told != before:
                self.remember(erasure.tenant, row.name, told)

    def about(self, tenant: str, held: Held, refs: Collection[str]) -> Mapping[str, Any]:
        """Give everything that is held about these returns, for whom it is about; of messages those that tell of nobody else."""
        shown: dict[str, Any] = {"returns": sorted(refs)}
        for name, table in (("cases", tables.cases), ("facts", tables.facts), ("documents", tables.postings),
                            ("exceptions", tables.exceptions), ("notes", tables.notes), ("promises", tables.promises),
                            ("proposals", tables.proposals)):
            column = table.c.ref if name == "cases" else table.c.subject if name == "proposals" else table.c.return_ref
            shown[name] = [_told(row) for part in chunks(held.about) for row in self._connection.execute(select(table).where(
                table.c.tenant == tenant, column.in_(part)))]
        matched = sorted(self._matches_of(tenant, held.about))
        ends = tables.match_ends
        for name, table, column in (("matches", tables.matches, tables.matches.c.id), ("match_ends", ends, ends.c.match)):
            shown[name] = [_told(row) for numbers in chunks(matched)
                           for row in self._connection.execute(select(table).where(column.in_(numbers)))]
        with_others = {number for part in chunks(held.messages) for number in self._connection.execute(
            select(tables.facts.c.delivery_id).where(tables.facts.c.tenant == tenant, tables.facts.c.delivery_id.in_(part),
                                                     tables.facts.c.return_ref.not_in(sorted(refs)))).scalars()}
        shown["holds"] = [{"placed_at": each.placed_at.isoformat(), "ended_at": each.ended_at and each.ended_at.isoformat(),
                           "reason": each.reason} for each in self.holds(tenant, every=True) if not set(refs).isdisjoint(each.returns)]
        shown["messages"] = [
            {name: value for name, value in _told(row).items() if name != "body" or row.id not in with_others}
            for part in chunks(held.messages) for row in self._connection.execute(select(tables.deliveries).where(
                tables.deliveries.c.id.in_(part)))]
        shown["trail"] = [{"at": entry.at, "action": entry.action, "detail": dict(entry.detail)}
                          for ref in held.about for entry in self.trail(tenant, subject=ref)]
        return shown


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _told(row: Row[Any]) -> dict[str, Any]:
    """Write a row as JSON has it: what is JSON inside, opened; bytes as text."""
    told: dict[str, Any] = {}
    for name, value in row._mapping.items():  # noqa: SLF001  how SQLAlchemy gives a row's columns
        if isinstance(value, bytes | memoryview):
            told[name] = bytes(value).decode(errors="replace")
        elif isinstance(value, datetime):
            told[name] = value.isoformat()
        elif name in {"body", "findings", "content", "erp"} and value:
            told[name] = json.loads(value)
        else:
            told[name] = value if value is None or isinstance(value, str | int | bool) else str(value)
    return told


