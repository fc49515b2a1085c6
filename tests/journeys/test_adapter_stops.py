"""Whatever an adapter raises in mid-turn, before or after something left: each line is credited once, and what waits has an owner."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application.ports import PostingState
from backhaul.domain.errors import Misconfigured, NeedsOperator, RetryLater
from backhaul.domain.posting import Nature, PostingBatch, PostingKind, PostingOutcome
from backhaul.entrypoints import worker
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world

CREDITS = [("CUP", Decimal(1), Decimal("2.95")), ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(2), Decimal("8.50"))]
REFUSED = "The token service refuses client backhaul: invalid_client."
BEFORE: Sequence[Exception] = (RetryLater("No token. Nothing was sent."), Misconfigured(REFUSED), NeedsOperator("Somebody has to look."))
BROKEN: Sequence[Exception] = (OSError("a file is gone"), TypeError("a bug of ours"), KeyError("a field"))


@dataclass(slots=True)
class StoppingErp:
    """A real adapter that stops so many times at batches of one kind: before it does anything, or after it did it."""

    erp: Any
    trouble: Exception
    kind: PostingKind
    after: bool = False
    times: int = 1
    sent: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.erp, name)

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        stops = self.times > 0 and any(posting.key.kind is self.kind for posting in batch.postings)
        self.times -= stops
        if stops and not self.after:
            raise self.trouble
        outcomes: Sequence[PostingOutcome] = self.erp.post(batch)
        self.sent += [str(posting.key) for posting in batch.postings]
        if stops:
            raise self.trouble
        return outcomes


@dataclass(frozen=True, slots=True)
class Scene:
    """A world on one route, its people's gesture of an evening, and the kinds of posting it sends."""

    world: World
    people: Callable[[], object]

    def stop(self, trouble: Exception, kind: PostingKind, *, after: bool = False, times: int = 1) -> StoppingErp:
        desk = self.world.house.desk(TENANT, "gb01")
        stopping = StoppingErp(desk.erp, trouble, kind, after=after, times=times)
        self.world.house.adopt(replace(desk, erp=stopping))
        return stopping

    def play(self, days: int = 5) -> None:
        for _ in range(days):
            self.people()
            self.world.pass_evenings(1, turns=3)


K = PostingKind
CASES = [("scm A", K.ORDER), ("scm A", K.RECEIPT), ("scm A", K.FEE_RELEASE), ("scm B", K.ORDER_LINE), ("scm C", K.RELEASE),
         ("bc A", K.ORDER_LINE), ("bc B", K.RELEASE), ("bc C", K.RELEASE)]


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """Open the world of the route the test names, with three lines that may be credited."""
    name, mode = request.getfixturevalue("route").split()
    erp = request.getfixturevalue("erp" if name == "scm" else "central_erp")
    world = open_world(erp, f"sqlite:///{tmp_path / 'stops.sqlite'}", window=DAILY, mode=mode,
                       kind="finance-scm" if name == "scm" else "business-central")
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)]), line("POST", 1, "7.50", order=None)],
                     at=world.at),
               *life("R-2", [line("CUP", 1, "2.95", received=1, grades=[("B", "OUTLET", 1, True)])], at=world.at))
    yield Scene(world, world.arrive if (name, mode) == ("scm", "B") else lambda: None)
    world.house.close()


@pytest.mark.parametrize(("route", "kind", "trouble"), [(*case, BEFORE[at % 3]) for at, case in enumerate(CASES)])
def test_what_says_that_nothing_was_sent_puts_the_attempt_back_and_is_sent_again_by_itself(
    scene: Scene, route: str, kind: PostingKind, trouble: Exception,
) -> None:
    scene.stop(trouble, kind)

    scene.play()

    assert scene.world.credits == CREDITS
    assert scene.world.exceptions() == {}
    kept = [row.posting.key for row in scene.world.postings()]
    with scene.world.house.store.begin() as tx:
        attempts = tx.attempts(kept)
    put_back = [attempt for attempt in attempts if attempt.outcome == "not sent"]
    assert put_back
    assert {attempt.detail for attempt in put_back} == {str(trouble)}


@pytest.mark.parametrize(("route", "kind", "after"), [
    *[(*case, True) for case in CASES], ("scm A", K.RECEIPT, False), ("bc C", K.RELEASE, False)])
def test_what_breaks_counts_as_sent_and_is_looked_for(
    scene: Scene, route: str, kind: PostingKind, after: bool,  # noqa: FBT001  the fixture reads the route; a row of the table
) -> None:
    scene.stop(BROKEN[0], kind, after=after)

    scene.play()

    assert scene.world.credits == CREDITS
    assert scene.world.exceptions() == {}
    assert {row.state for row in scene.world.postings()} <= {PostingState.VERIFIED, PostingState.AWAITED}


@pytest.mark.parametrize(("route", "trouble"), [
    ("scm A", BEFORE[1]), ("scm A", BROKEN[1]), ("bc C", BEFORE[2]), ("bc C", BROKEN[2])], ids=lambda each: type(each).__name__)
def test_what_stays_broken_has_an_owner_and_the_neighbours_go_on(scene: Scene, route: str, trouble: Exception) -> None:
    scene.stop(trouble, K.RECEIPT if route == "scm A" else K.RELEASE, times=10_000)

    scene.play(3)

    owned = scene.world.open()
    assert [credit for credit in scene.world.credits if credit[0] in {"TEA", "CUP"}] == []
    assert {row.case.owner for row in owned} == {"integration"}
    assert {row.case.kind for row in owned} <= {"NOT_SENT", "ERP_REJECTED", "UNCONFIRMED_TOO_LONG"}
    assert all(row.state is not PostingState.SENDING for row in scene.world.postings())
    if route == "scm A":
        assert scene.world.credits == [CREDITS[1]], "the fee goes another way and is credited"


@pytest.mark.parametrize("route", ["scm A"])
def test_the_owner_sees_the_cause_once_with_the_money_that_waits_and_it_closes_by_itself(scene: Scene, route: str) -> None:
    stopping = scene.stop(Misconfigured(REFUSED), K.RECEIPT, times=10_000)

    scene.play(2)
    (waiting,) = scene.world.open()
    stopping.times = 0
    scene.play()

    assert (waiting.case.kind, waiting.case.owner, waiting.case.money.amount) == ("NOT_SENT", "integration", Decimal("-11.45"))
    assert waiting.case.findings[0].sentence == f"gb01: nothing was sent. 2 x receipt: {REFUSED} Held: -11.45."
    assert scene.world.credits == CREDITS
    assert scene.world.exceptions() == {}


@pytest.mark.parametrize("route", ["scm A"])
def test_units_that_cannot_be_asked_for_by_a_mark_are_never_sent_again_by_themselves(scene: Scene, route: str) -> None:
    world = scene.world
    world.tell(*life("R-3", [line("TEA", 1, "4.25", received=2, grades=[("A", "RESELL", 1, True)])], at=world.at, customer="10002"))
    stopping = scene.stop(BROKEN[0], K.ADJUSTMENT, after=False, times=1)
    desk = world.house.desk(TENANT, "gb01")
    once = replace(desk.route, nature={**desk.route.nature, K.ADJUSTMENT: Nature.ONCE})
    world.house.adopt(replace(desk, route=once))

    scene.play(3)

    assert not [key for key in stopping.sent if "|adjustment|" in key]
    (doubtful,) = [row for row in world.postings() if row.posting.key.kind is K.ADJUSTMENT]
    assert (doubtful.state, doubtful.attempts) == (PostingState.UNCONFIRMED, 1)
    assert doubtful.looks > 1


@pytest.mark.parametrize("route", ["scm A", "bc C"])
def test_a_client_that_is_refused_stops_its_company_with_an_owner_until_it_is_let_in(scene: Scene, route: str) -> None:
    world = scene.world
    erp: Any = world.house.desk(TENANT, "gb01").erp
    client: Any = erp.odata if route == "scm A" else erp.central
    worker.read(world.house, TENANT, world.at)
    right = client.connection
    client.connection = replace(right, client_secret="wrong")  # noqa: S106  it is the wrong one
    client._token = ""

    world.at = world.at.replace(hour=20)
    world.control("clock", {"now": world.at.isoformat()})
    with pytest.raises(Misconfigured, match="refuses client"):
        worker.post(world.house, TENANT, world.at)
    stopped = world.open()
    client.connection = right
    scene.play()

    assert {row.case.kind for row in stopped} == {"NOT_SENT"}
    assert {row.case.owner for row in stopped} == {"integration"}
    assert world.credits == CREDITS
    assert world.exceptions() == {}
