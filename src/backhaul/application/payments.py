"""Is every claim paid once and as much as is credited, for more claims than fit in memory?

Says of every claim what `domain.payments.compare` would say of it, in SQL over one more extract beside those of the lines. A row is a
payment; where rows of the kind `credit` are there as well, they are what is credited of each claim, else the records of the ERP are.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application.certify import accepted, raise_break
from backhaul.application.claims import Owed, as_of
from backhaul.application.proof_ports import KeptStray, ProofStore
from backhaul.application.reconcile import AMOUNT, Books, Paths, Row, quoted
from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.errors import Misconfigured
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.payments import AS_TOLD, RANK, Claim, PaymentStatus, Waits, compare, together
from backhaul.domain.proof import NOTHING, Standing
from backhaul.domain.rules import Rules

PAYOUTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("kind", "pays", "provider", "reference", "status", "entity", "currency", "other"), "VARCHAR"),
    **dict.fromkeys(("amount", "fee", "bonus", "exchange"), AMOUNT), **dict.fromkeys(("day", "due_on"), "DATE"), "more": "BOOLEAN"}
"""What customers were paid. `kind`: payment (where nothing is said), credit, exchanged, given-up, or settled: then `other` is with what."""
KINDS: Final = ("payment", "credit", "exchanged", "given-up", "settled")
UNDER: Final = "proof:payouts"
"""Under this reference are the exceptions about claims, whichever month found them: a claim can outlast several."""


def rows_of(owed: Sequence[Owed], first: date, day: date) -> Iterator[Mapping[str, Any]]:
    """Write claims as rows: those something happened to from `first` on, and older ones that are not matched, as of the end of a day."""
    for each in owed:
        known = as_of(each, day)
        days = [*(credit.day for credit in known.credits), *(payment.day for payment in known.payments)]
        settled = compare(known, day, NOTHING, Waits()).standing is Standing.PROVED
        if days and (max(days) >= first or not settled):
            yield from _rows(known)


def _rows(claim: Claim) -> Iterator[Mapping[str, Any]]:
    about = {"pays": claim.key, "entity": claim.entity, "currency": claim.currency}
    for credit in claim.credits:
        yield about | {"kind": "credit", "reference": credit.document, "amount": credit.gross, "day": credit.day, "due_on": credit.pay_by,
                       "more": claim.more}
    for payment in claim.payments:
        yield about | {"kind": "payment", "provider": payment.provider, "reference": payment.reference, "status": payment.status.value,
                       "amount": payment.amount, "fee": payment.fee, "bonus": payment.bonus, "exchange": payment.exchange,
                       "day": payment.day, "due_on": claim.credit_by}
    for kind, amount in (("exchanged", claim.exchanged), ("given-up", claim.written_off)):
        if amount:
            yield about | {"kind": kind, "amount": amount}
    for one in claim.settled:
        yield about | {"kind": "settled", "reference": one.document, "other": one.other, "amount": one.amount, "more": not one.right}


# --- the same in SQL


def prove_payments(books: Books, paths: Paths, day: date, tolerance: Decimal, waits: Waits) -> Mapping[str, Any]:
    """Compare every claim as of the end of a day; `breaks` tells what is broken. Nothing of the lines is touched."""
    books.add("payouts", PAYOUTS, paths)
    _refuse(books)
    _resolve(books)
    _gather(books, waits)
    _judge(books, day, tolerance)
    counts: dict[str, int] = dict(books.rows("SELECT standing, count(*) FROM paid_verdicts GROUP BY standing"))
    told = {column: {name: {"count": count, "amount": amount} for name, count, amount in books.rows(
        f"SELECT {word}, count(*), sum({money}) FROM paid_verdicts WHERE standing = '{standing}' GROUP BY ALL ORDER BY ALL")}
        for column, word, money, standing in (("by_class", "wrong[1].kind", "wrong[1].amount", "broken"),
                                              ("awaited", "why", "apart", "timing"))}
    return {"count": sum(counts.values()), "matched": counts.get("proved", 0), "in_timing": counts.get("timing", 0),
            "broken": counts.get("broken", 0), **told}


def _refuse(books: Books) -> None:
    """Raise `Misconfigured` for a row that would count as nothing: of another kind or status than there are, or without an amount."""
    kinds, statuses = (", ".join(map(quoted, each)) for each in (KINDS, [status.value for status in PaymentStatus]))
    for kind, status, pays, amount in books.rows(f"""
            SELECT coalesce(kind, 'payment'), coalesce(status, ''), coalesce(pays, ''), amount FROM payouts
            WHERE coalesce(kind, 'payment') NOT IN ({kinds}) OR amount IS NULL
               OR (coalesce(kind, 'payment') = 'payment' AND coalesce(status, '') NOT IN ({statuses})) LIMIT 1"""):
        told = "" if amount is None else amount
        message = (f"what was paid for '{pays}' has the kind '{kind}', the status '{status}' and the amount '{told}'; a kind is "
                   f"one of {kinds}, a payment is one of {statuses}, and each row has an amount")
        raise Misconfigured(message)


def _resolve(books: Books) -> None:
    """Bring every row to its claim: what it pays may be a return or the number of a credit note, or several with semicolons between."""
    books.run(f"""
        CREATE OR REPLACE TABLE paying AS
        SELECT row_number() OVER () AS number, coalesce(kind, 'payment') AS kind, p.* EXCLUDE (kind) FROM payouts p;
        CREATE OR REPLACE TABLE notes AS
        SELECT document, min(split_part(line, '|', 1)) AS ref FROM {books.whole('records')}
        WHERE side = 'credit' AND status = 'posted' AND line <> '' AND document <> '' GROUP BY document;
        CREATE OR REPLACE TABLE paid_for AS
        SELECT DISTINCT t.number, coalesce(n.ref, t.token) AS ref
        FROM (SELECT number, trim(unnest(string_split(coalesce(pays, ''), ';'))) AS token FROM paying) t
        LEFT JOIN notes n ON n.document = t.token WHERE t.token <> ''""")
    several: dict[int, set[str]] = {}
    for number, ref in books.rows("""SELECT number, ref FROM paid_for
            WHERE number IN (SELECT number FROM paid_for GROUP BY number HAVING count(*) > 1)"""):
        several.setdefault(number, set()).add(ref)
    tied = together((str(number), frozenset(refs)) for number, refs in sorted(several.items()))
    books.run("CREATE OR REPLACE TABLE tied (ref VARCHAR, claim VARCHAR)")
    if tied:
        books.engine.executemany("INSERT INTO tied VALUES (?, ?)", sorted(tied.items()))


def _gather(books: Books, waits: Waits) -> None:
    """Put credits and payments of each claim together; of one payment that is told twice what says most counts."""
    ranks = " ".join(f"WHEN '{status.value}' THEN {rank}" for status, rank in RANK.items())
    books.run(f"""
        CREATE OR REPLACE TABLE paid_rows AS
        SELECT coalesce(t.claim, f.ref, p.reference, '') AS claim, coalesce(p.currency, '') AS currency, p.* EXCLUDE (currency),
               p.amount + coalesce(p.fee, 0) - coalesce(p.bonus, 0) - coalesce(p.exchange, 0) AS worth
        FROM paying p LEFT JOIN (SELECT number, min(ref) AS ref FROM paid_for GROUP BY number) f USING (number)
        LEFT JOIN tied t ON t.ref = f.ref
        QUALIFY p.kind <> 'payment' OR row_number() OVER (
            PARTITION BY p.kind, coalesce(p.provider, ''), coalesce(p.reference, p.number::VARCHAR)
            ORDER BY CASE lower(p.status) {ranks} END DESC, p.day, p.number) = 1;
        CREATE OR REPLACE TABLE owed AS
        SELECT claim, currency, entity, reference AS document, amount AS gross, day, due_on, coalesce(more, false) AS more FROM paid_rows
        WHERE kind = 'credit'
        UNION ALL
        SELECT coalesce(t.claim, split_part(r.line, '|', 1)), coalesce(r.currency, ''), r.entity, r.document,
               coalesce(r.net, 0) + coalesce(r.tax, 0), r.posted_on, NULL, false
        FROM {books.whole('records')} r LEFT JOIN tied t ON t.ref = split_part(r.line, '|', 1)
        WHERE r.side = 'credit' AND r.status = 'posted' AND r.line <> '' AND NOT EXISTS (SELECT 1 FROM paid_rows WHERE kind = 'credit');
        UPDATE paid_rows SET currency = o.currency FROM (
            SELECT claim, min(currency) AS currency FROM owed GROUP BY claim HAVING count(DISTINCT currency) = 1) o
        WHERE paid_rows.currency = '' AND paid_rows.claim = o.claim;
        CREATE OR REPLACE TABLE claims AS
        WITH c AS (
            SELECT claim, currency, min(entity) AS entity, sum(gross) AS credited, bool_or(more) AS more, min(day) AS first_on,
                   min(document) AS document, max(coalesce(due_on, day + {waits.pay})) AS pay_by
            FROM owed GROUP BY claim, currency),
        p AS (
            SELECT claim, currency, min(entity) AS entity, min(day) AS first_on, min(reference) AS reference,
                   coalesce(sum(worth) FILTER (status = 'paid'), 0) AS paid, list(worth) FILTER (status = 'paid') AS worths,
                   coalesce(min(due_on) FILTER (status = 'paid'), min(day) FILTER (status = 'paid') + {waits.credit}) AS credit_by,
                   count(*) FILTER (status = 'pending') > 0 AS pending, count(*) FILTER (status = 'failed') > 0 AS failed,
                   max(amount) FILTER (status = 'failed') AS failed_of
            FROM paid_rows WHERE kind = 'payment' GROUP BY claim, currency),
        x AS (
            SELECT claim, currency, coalesce(sum(amount) FILTER (kind = 'exchanged'), 0) AS exchanged,
                   coalesce(sum(amount) FILTER (kind = 'given-up'), 0) AS given_up,
                   coalesce(sum(amount) FILTER (kind = 'settled' AND more), 0) AS wrongly
            FROM paid_rows WHERE kind IN ('exchanged', 'given-up', 'settled') GROUP BY claim, currency),
        keys AS (SELECT claim, currency FROM c UNION SELECT claim, currency FROM p UNION SELECT claim, currency FROM x)
        SELECT claim, currency, coalesce(c.entity, p.entity, '') AS entity, coalesce(c.document, p.reference, '') AS document,
               coalesce(c.credited, 0) AS credited, coalesce(p.paid, 0) AS paid, coalesce(x.given_up, 0) AS given_up,
               (coalesce(p.paid, 0) + coalesce(x.exchanged, 0) - coalesce(c.credited, 0) - coalesce(x.given_up, 0))::{AMOUNT} AS apart,
               coalesce(c.more, false) AS more, c.pay_by, p.credit_by, coalesce(p.worths, []) AS worths,
               coalesce(p.pending, false) AS pending, coalesce(p.failed, false) AS failed, p.failed_of,
               coalesce(x.wrongly, 0) AS wrongly, least(c.first_on, p.first_on) AS since
        FROM keys LEFT JOIN c USING (claim, currency) LEFT JOIN p USING (claim, currency) LEFT JOIN x USING (claim, currency)""")


def _standing(day: date, tolerance: Decimal) -> Iterator[Row]:
    """Give what holds, which class it is, and what it waits for, as `payments.compare` says it; the first that holds decides."""
    on, nothing_yet = f"DATE '{day.isoformat()}'", "(credited = 0 AND given_up = 0)"
    over, under = f"apart > {tolerance}", f"apart < -{tolerance}"
    twice = f"len(worths) > 1 AND len(list_filter(worths, lambda worth: abs(worth - apart) <= {tolerance})) > 0"
    yield f"{over} AND (more OR {nothing_yet}) AND {on} <= credit_by", "NULL", "'NOTE_AWAITED'"
    yield f"{over} AND {nothing_yet}", "'PAYOUT_WITHOUT_CREDIT'", "''"
    yield f"{over} AND {twice}", "'PAID_TWICE'", "''"
    yield over, "'PAYOUT_DIFFERS'", "''"
    yield f"{under} AND failed AND NOT pending", "'PAYOUT_FAILED'", "''"
    yield f"{under} AND {on} <= coalesce(pay_by, {on})", "NULL", "CASE WHEN pending THEN 'PAYOUT_PENDING' ELSE 'PAYOUT_AWAITED' END"
    yield under, "CASE WHEN paid <> 0 THEN 'PAYOUT_DIFFERS' ELSE 'CREDIT_WITHOUT_PAYOUT' END", "''"
    yield "credited <> 0 OR paid <> 0", "NULL", "''"
    yield "pending", "NULL", "'PAYOUT_PENDING'"
    yield "failed", "'PAYOUT_FAILED'", "''"


def _judge(books: Books, day: date, tolerance: Decimal) -> None:
    rows = list(_standing(day, tolerance))
    kind = " ".join(f"WHEN {holds} THEN {said}" for holds, said, _ in rows)
    why = " ".join(f"WHEN {holds} THEN {said}" for holds, _, said in rows)
    books.run(f"""
        CREATE OR REPLACE TABLE paid_verdicts AS
        WITH told AS (SELECT *, CASE {kind} END AS kind, coalesce(CASE {why} END, '') AS why FROM claims),
        judged AS (SELECT *, list_filter([
            CASE WHEN kind IS NOT NULL THEN {{'kind': kind, 'amount':
                (CASE WHEN kind = 'PAYOUT_FAILED' AND credited = 0 AND paid = 0 THEN -failed_of ELSE apart END)::{AMOUNT}}} END,
            CASE WHEN wrongly <> 0 THEN {{'kind': 'SETTLED_TO_WRONG_INVOICE', 'amount': wrongly::{AMOUNT}}} END],
            lambda each: each.kind IS NOT NULL) AS wrong FROM told)
        SELECT claim, currency, entity, document, apart, wrong, since, CASE WHEN len(wrong) > 0 THEN '' ELSE why END AS why,
               CASE WHEN len(wrong) > 0 THEN 'broken' WHEN why <> '' THEN 'timing' ELSE 'proved' END AS standing
        FROM judged""")


def strays(books: Books) -> Iterator[KeptStray]:
    """Give the claims that are not matched, as a proof keeps what is not proved."""
    for claim, currency, entity, document, standing, kind, amount, also, since in books.rows("""
            SELECT claim, currency, entity, document, standing, coalesce(wrong[1].kind, why), coalesce(wrong[1].amount, apart),
                   array_to_string(list_transform(wrong[2:], lambda each: each.kind), ' '), since
            FROM paid_verdicts WHERE standing <> 'proved' ORDER BY claim, currency"""):
        yield KeptStray(line="", return_ref=claim, line_id="", standing=standing, kind=kind, amount=amount, entity=entity,
                        currency=currency, document=document, also=also, since=since)


def report(books: Books) -> None:
    """Put the broken claims beside the broken lines, so that a report has both."""
    books.run("""
        INSERT INTO found
        SELECT claim, wrong[1].kind, wrong[1].amount, document, list_transform(wrong[2:], lambda each: each.kind), '', false,
               entity, currency
        FROM paid_verdicts WHERE standing = 'broken'""")


# --- whose work it is


def own(store: ProofStore, rules: Rules, found: Sequence[KeptStray], *,  # noqa: PLR0913  all of a run
        number: int, complete: bool, now: datetime) -> None:
    """Open an exception for each broken claim and close those that are gone; a run that could not read everything closes nothing."""
    broken = {f"{each.return_ref} {each.currency}": each for each in found if each.standing == "broken"}
    with store.begin() as tx:
        kept = accepted(tx, rules.tenant, UNDER)
        for subject, each in broken.items():
            raise_break(tx, kept, _exception(rules, subject, each, now))
        if complete:
            tx.close_exceptions(rules.tenant, UNDER, apart_from=broken, resolution=f"proof {number} no longer finds it", at=now)


def _exception(rules: Rules, subject: str, each: KeptStray, now: datetime) -> ExceptionCase:
    amount = each.amount.quantize(Decimal("0.01"))
    sentence = f"{CLASSES[each.kind].means} It is return {each.return_ref}, {each.document or 'no document'}, {amount} {each.currency}."
    return rules.work(UNDER, Finding(code=f"PROOF_{each.kind}", sentence=sentence), part=subject,
                      money=Money(amount=amount, currency=each.currency), now=now)


def source(rules: Rules) -> str:
    """Name whose word payments are: the providers' own records, or what the platform announced, which stands in for them."""
    return ", ".join(rules.payouts.providers) or AS_TOLD
