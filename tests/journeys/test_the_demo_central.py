"""The demo on Business Central, its first returns, in every deployment mode: the same identities to the cent, and few calls."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.entrypoints import worker
from backhaul.entrypoints.demo import run
from backhaul.entrypoints.demo.summary import summarise
from tests.journeys.fewer import first_returns

RETURNS = 25


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example's files with its first returns alone."""
    return first_returns(tmp_path_factory.mktemp("few") / "online-retail", RETURNS)


@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_every_line_ends_in_one_place_to_the_cent_in_every_mode(few: Path, tmp_path: Path, mode: str) -> None:
    last = run.FIRST + timedelta(days=33)
    with run.set_stage(tmp_path / "state", kind="business-central", mode=mode, data=few) as stage:
        run.play(stage, lambda tenant, now: worker.turn(stage.house, tenant, now), lambda *_: None, last=last)
        summary = summarise(stage, few, now=datetime.combine(last, run.EVENING, tzinfo=UTC))

    assert summary["returns"] == RETURNS
    assert (summary["lines_in"], summary["difference"]) == (summary["lines_placed"], "0.00")
    assert Decimal(summary["parts"]["credited_restocked"]) < 0
    assert (summary["duplicate_credits"], summary["credits_not_in_erp"], summary["ledgers_balanced"]) == (0, 0, True)
    assert summary["holds"]
