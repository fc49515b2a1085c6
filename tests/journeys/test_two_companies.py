"""Two companies of one tenant, each with its own ERP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backhaul.application.ports import Capabilities
from backhaul.domain.errors import RetryLater
from backhaul.domain.posting import ErpDocument, PostingBatch, PostingOutcome
from backhaul.domain.rules import Close, Window
from backhaul.domain.validation import MasterData, Questions
from backhaul.entrypoints import worker
from tests.journeys.stage import TENANT, World, life, line

AWAY = "No token for the other company. Nothing was sent."


@dataclass(frozen=True, slots=True)
class AwayErp:
    """An ERP whose token service does not answer: nothing can be asked and nothing is sent."""

    def capabilities(self) -> Capabilities:
        raise RetryLater(AWAY)

    def master_data(self, _questions: Questions) -> MasterData:
        raise RetryLater(AWAY)

    def post(self, _batch: PostingBatch) -> list[PostingOutcome]:
        raise RetryLater(AWAY)

    def find(self, *_told: Any) -> Mapping[Any, ErpDocument]:
        raise RetryLater(AWAY)

    def documents(self, _first: date, _last: date) -> Iterator[ErpDocument]:
        raise RetryLater(AWAY)


def test_a_company_whose_erp_is_away_keeps_no_other_company_waiting(world: World) -> None:
    desk = world.house.desk(TENANT, "gb01")
    away = replace(desk.entity, id="aa01", retailers=frozenset({"OTHER"}))
    rows = [replace(row, when=replace(row.when, legal_entity="aa01")) for row in desk.rules.mapping]
    world.change_rules(entities=(away, desk.entity), mapping=(*desk.rules.mapping, *rows), window=Window(close=Close.DAILY))
    world.house.adopt(replace(desk, entity=away, erp=AwayErp(), rules=world.house.profiles[TENANT].rules))
    goods = [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])]
    world.tell(*life("R-1", goods, at=world.at), *[each | {"retailerCode": "OTHER"} for each in life("R-2", goods, at=world.at)])

    world.pass_evenings(4, turns=2)
    with pytest.raises(RetryLater, match="No token"):
        worker.post(world.house, TENANT, world.at)

    assert world.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert world.state("R-2") == "planned"
