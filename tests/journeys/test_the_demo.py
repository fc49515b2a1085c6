"""Five months of real returns, played once; then every promise of the demo is looked at."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import receive
from backhaul.domain.delivery import Delivery
from backhaul.entrypoints import worker
from backhaul.entrypoints.demo import run
from backhaul.entrypoints.demo.summary import summarise
from backhaul.entrypoints.months import prove_month
from tests.journeys.fewer import first_returns
from tests.journeys.stage import WIRE

pytestmark = pytest.mark.timeout(900)
END = datetime.combine(run.LAST, run.EVENING, tzinfo=UTC)
PERIODS = ("2010-12", "2011-01", "2011-02", "2011-03", "2011-04", "2011-05")
CREDITED = ("credited_restocked", "credited_non_sellable", "credited_scrapped", "credited_without_goods", "service_item")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[run.Stage, Mapping[str, Any]]]:
    with run.set_stage(tmp_path_factory.mktemp("demo") / "state") as stage:
        run.play(stage, lambda tenant, now: worker.turn(stage.house, tenant, now), lambda *_: None)
        yield stage, summarise(stage, run.examples() / "online-retail", now=END)


def test_every_line_of_the_input_ends_in_exactly_one_place_to_the_cent(played: tuple[run.Stage, Mapping[str, Any]]) -> None:
    _, summary = played

    assert (summary["lines_in"], summary["lines_placed"]) == (3162, 3162)
    assert summary["input_total"] == "-310696.44"
    assert sum(map(Decimal, summary["parts"].values())) == Decimal("-310696.44")
    assert summary["difference"] == "0.00"
    assert all(Decimal(amount) < 0 for amount in summary["parts"].values())


def test_the_erps_own_ledgers_say_the_same_and_nothing_was_credited_twice(played: tuple[run.Stage, Mapping[str, Any]]) -> None:
    _, summary = played

    assert summary["ledgers_balanced"]
    assert (summary["duplicate_credits"], summary["credits_not_in_erp"]) == (0, 0)
    assert (summary["erp_credit_difference"], summary["vat"]["difference"], summary["units"]["difference"]) == ("0.00", "0.00", "0")
    assert all(window["ledger"]["agrees"] for window in summary["windows"])


def test_the_proof_of_every_month_comes_to_what_the_erp_credited_to_the_cent(played: tuple[run.Stage, Mapping[str, Any]]) -> None:
    stage, summary = played
    credited = -sum(Decimal(str(note["net"])) for note in stage.control(stage.erp, "ledgers")["creditNotes"])
    lines, net, awaited = 0, Decimal(0), Decimal(0)

    for period in PERIODS:
        with prove_month(stage.house, run.TENANT, period, run.LAST, now=END) as (proof, books, _):
            assert (proof.reasons, proof.broken, proof.orphans) == ((), 0, 0), period
            assert {proof.credit_difference, proof.stock_difference, proof.ledger_difference} == {Decimal(0)}, period
            lines += proof.lines
            net += books.one(f"SELECT coalesce(sum(net), 0) FROM {books.whole('accepted')}")[0]  # noqa: S608  a name of ours
            awaited += sum((amount for _, amount in proof.awaited.values()), Decimal(0))

    assert lines == 2982, "what was accepted of the 3,162 lines"
    assert net - awaited == credited == -sum(Decimal(summary["parts"][name]) for name in CREDITED)


def test_windows_stay_in_their_period_and_cost_at_most_a_tenth_of_a_call_per_return(
    played: tuple[run.Stage, Mapping[str, Any]],
) -> None:
    _, summary = played

    assert summary["erp_calls_per_return"] <= 0.1
    assert all(window["returns"] <= 300 for window in summary["windows"])
    assert all(not window["ledger"].get("posted_in_another_period") for window in summary["windows"])


def test_every_exception_has_an_owner_and_nothing_is_held_that_configuration_can_decide(
    played: tuple[run.Stage, Mapping[str, Any]],
) -> None:
    _, summary = played

    assert all(kind["owner"] for kind in summary["exceptions_by_kind"].values())
    assert not {"ERP_REJECTED", "ERP_DIFFERS", "DUPLICATE", "ORDER_MISSING", "UNREADABLE"} & summary["exceptions_by_kind"].keys()


def test_the_webhook_answered_nothing_but_200(played: tuple[run.Stage, Mapping[str, Any]]) -> None:
    stage, _ = played

    assert set(stage.web.app.census) == {200}


def test_the_whole_input_again_shuffled_and_tripled_changes_no_ledger(played: tuple[run.Stage, Mapping[str, Any]]) -> None:
    stage, before = played
    told = WIRE.get(f"{stage.platform}/control/export", params={"format": "jsonl", "until": "all"}, timeout=60).text.splitlines()
    again = [(text, copy) for text in told for copy in range(3)]
    random.Random(20101201).shuffle(again)
    for start in range(0, len(again), 500):
        with stage.house.store.begin() as tx:
            receive.keep(tx, [
                Delivery(tenant=run.TENANT, source="again", identity=f"{copy}-{json.loads(text)['eventId']}", body=text.encode(),
                         received_at=END)
                for text, copy in again[start:start + 500]])

    for day in range(1, 4):
        now = END + timedelta(days=day)
        stage.control(stage.erp, "clock", {"now": now.isoformat()})
        worker.turn(stage.house, run.TENANT, now)

    after = stage.control(stage.erp, "ledgers")
    assert after["digest"] == before["ledger_digest"]


def test_the_demo_runs_from_the_command_line_on_postgresql_too(postgres_url: str, tmp_path: Path) -> None:
    few = first_returns(tmp_path / "few", 200)

    done = subprocess.run(
        [str(Path(sys.executable).with_name("backhaul")), "demo", "--no-serve", "--no-compare", "--json", "--state", str(tmp_path / "demo"),
         "--database", postgres_url, "--data", str(few)], capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert (summary["returns"], summary["difference"], summary["duplicate_credits"], summary["holds"]) == (200, "0.00", 0, True)
    assert all(Decimal(amount) < 0 for amount in summary["parts"].values()), "these returns end in every place there is"
    assert set(summary["parts"]) == {"credited_restocked", "credited_non_sellable", "credited_scrapped", "credited_without_goods",
                                     "service_item", "rejected", "waiting", "held"}
