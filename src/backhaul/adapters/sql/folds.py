"""What was worked out of each return, and of which of them something changed since?

The database itself writes down what changes (`stirred`), in the transaction of the change: whoever writes cannot forget to.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import delete, exists, select, update

from backhaul.adapters.sql.payments import Payments
from backhaul.adapters.sql.session import chunks
from backhaul.adapters.sql.tables import foldings, folds, stirred


class Folds(Payments):
    """Folds are kept and let go; nothing but a proof's effort rests on them."""

    def folds(self, tenant: str, sort: str, refs: Collection[str]) -> Mapping[str, tuple[str, str]]:
        """Give the version and body of what was worked out of these returns, unless something of one changed since."""
        self.flush()
        news = exists().where(stirred.c.tenant == folds.c.tenant, stirred.c.return_ref == folds.c.return_ref)
        found: dict[str, tuple[str, str]] = {}
        for part in chunks(sorted(set(refs))):
            for row in self._connection.execute(select(folds.c.return_ref, folds.c.version, folds.c.body).where(
                    folds.c.tenant == tenant, folds.c.sort == sort, folds.c.return_ref.in_(part), ~news)):
                found[row.return_ref] = (row.version, row.body)
        return found

    def let_go_folds(self, tenant: str) -> int:
        """Let go of what was worked out of returns of which something changed; give the turn in which what is kept is still right."""
        self.flush()
        self._connection.execute(self._insert(foldings).on_conflict_do_nothing(), {"tenant": tenant, "turn": 0})
        turn: int = self._connection.execute(update(foldings).where(foldings.c.tenant == tenant).values(
            turn=foldings.c.turn + 1).returning(foldings.c.turn)).scalar_one()
        news = set(self._connection.execute(delete(stirred).where(stirred.c.tenant == tenant).returning(stirred.c.return_ref)).scalars())
        for part in chunks(sorted(news)):
            self._connection.execute(delete(folds).where(folds.c.tenant == tenant, folds.c.return_ref.in_(part)))
        return turn

    def keep_folds(self, tenant: str, sort: str, version: str, bodies: Mapping[str, str], *, turn: int) -> bool:
        """Keep what was worked out in a turn; False, and nothing is kept, where another has begun and let go of more."""
        ours = update(foldings).where(foldings.c.tenant == tenant, foldings.c.turn == turn).values(turn=turn)
        if not self._connection.execute(ours).rowcount:
            return False
        statement = self._insert(folds)
        self._many(
            statement.on_conflict_do_update(
                index_elements=["tenant", "sort", "return_ref"],
                set_={name: statement.excluded[name] for name in ("version", "body")}),
            [{"tenant": tenant, "sort": sort, "return_ref": ref, "version": version, "body": body} for ref, body in sorted(bodies.items())])
        return True
