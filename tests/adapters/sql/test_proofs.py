"""Does a proof stay as it was run, and do only the lines of its period's latest run?"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.adapters.sql.proofs import latest, strays
from backhaul.application.proof_ports import KeptProof, KeptStray


def proof(story: Any, period: str = "2011-02", minutes: int = 0) -> KeptProof:
    return KeptProof(tenant="acme", period=period, day=date(2011, 3, 1), at=story.noon + timedelta(minutes=minutes), actor="fiona",
                     complete=True, figures={"lines": 3, "by_class": {"LATE": {"count": 1, "amount": Decimal("1.50")}}},
                     extracts=[{"side": "held", "rows": 0, "sha256": "ab"}])


def broken(line: str, kind: str = "LATE", entity: str = "gb") -> KeptStray:
    return KeptStray(line=f"R1|{line}", return_ref="R1", line_id=line, standing="broken", kind=kind, amount=Decimal("1.50"), entity=entity,
                     currency="GBP", document="CN-1", also="WRONG_PERIOD", other="R1|9", since=date(2011, 2, 3))


def test_a_run_is_kept_with_its_figures_and_the_latest_of_each_period_is_found(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        numbers = [tx.keep_proof(proof(story, period, minutes), [broken("1")]) for minutes, period in enumerate(("2011-01", "2011-02") * 2)]

    with store.begin() as tx:
        assert [kept.id for kept in tx.proofs("acme")] == sorted(numbers, reverse=True)
        assert [kept.at for kept in tx.proofs("acme", "2011-01")] == [story.at(2), story.at(0)]
        assert tx.proofs("acme", limit=1)[0].figures["by_class"]["LATE"] == {"count": 1, "amount": "1.5"}
        assert list(tx.proofs("other")) == []
    with store.read() as connection:
        assert [(kept.period, kept.id) for kept in latest(connection, "acme")] == [("2011-02", numbers[3]), ("2011-01", numbers[2])]


def test_of_a_period_the_lines_of_its_latest_run_stay_by_class_and_legal_entity(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep_proof(proof(story, "2011-01"), [broken("7")])
        tx.keep_proof(proof(story), [broken("1")])
        tx.keep_proof(proof(story), [broken("2"), broken("3", "WRONG_AMOUNT"), broken("4", entity="fr")])
        tx.keep_proof(proof(story, "2011-03"), [])

    with store.read() as connection:
        assert [each.line_id for each in strays(connection, "acme", "2011-02")] == ["2", "4", "3"]
        assert strays(connection, "acme", "2011-02", kind="LATE", entities=["gb"]) == [broken("2")]
        assert [each.line_id for each in strays(connection, "acme", "2011-01")] == ["7"]
        assert strays(connection, "acme", "2011-03") == []


@pytest.mark.parametrize("statement", ["DELETE FROM proofs", "UPDATE proofs SET complete = NOT complete"])
def test_the_database_lets_nobody_change_what_was_proved(store: SqlStore, story: Any, statement: str) -> None:
    with store.begin() as tx:
        tx.keep_proof(proof(story), [])

    with pytest.raises(IntegrityError), store.engine.begin() as raw:
        raw.execute(text(statement))
