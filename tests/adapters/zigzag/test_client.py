"""The platform is asked as documented, one token serves all threads, and nothing is tried again that should not be."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from backhaul.adapters.zigzag.client import Access, Lookup, ZigZagClient
from backhaul.adapters.zigzag.emulator import serve
from backhaul.domain.errors import Misconfigured, NeedsOperator, RetryLater

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
RETURNS = "/Return/api/v1/returns"


@dataclass
class Clock:
    """A clock that moves when told."""

    at: datetime = BEGIN

    def now(self) -> datetime:
        return self.at


@dataclass
class Word:
    """A secret that is none."""

    text: str

    def reveal(self) -> str:
        return self.text


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    with serve() as platform:
        httpx.post(f"{platform.base_url}/control/tell", json={"events": [
            {"eventId": f"e{n}", "sequence": 1, "occurredAt": f"2026-03-01T0{n}:00:00Z", "retailerCode": "QX501",
             "return": {"returnId": f"R-{n}", "lines": [{"orderNumber": "A b/1"}]}} for n in range(5)]}).raise_for_status()
        httpx.post(f"{platform.base_url}/control/clock", json={"now": "2026-03-02T00:00:00Z"}).raise_for_status()
        yield platform.base_url


@pytest.fixture
def base(running: str) -> str:
    control(running, {})
    return running


def control(base: str, body: Any) -> None:
    httpx.post(f"{base}/control/api", json=body).raise_for_status()


def conduct(base: str) -> dict[str, Any]:
    return dict(httpx.get(f"{base}/control/api").json())


@pytest.fixture
def clock() -> Clock:
    return Clock()


def access(base: str, **more: Any) -> Access:
    lookups = [
        Lookup(name="changed", path=RETURNS + "?changedSince={since}&page={page}&pageSize=2", items="returns", ref="returnId",
               paging="number"),
        Lookup(name="cursor", path=RETURNS + "?changedSince={since}&pageSize=2&page={page}", items="returns", ref="Return_Id",
               paging="cursor", next="nextPage", total="total"),
        Lookup(name="order", path=RETURNS + "?orderNumber={order}", items="returns", ref="returnId"),
        Lookup(name="one", path=RETURNS + "/{return}", ref="returnId"),
    ]
    return Access(base_url=base, username=Word("shop"), password=Word("secret"), lookups={each.name: each for each in lookups}, **more)


Make = Callable[[Access], ZigZagClient]


@pytest.fixture
def make(clock: Clock) -> Iterator[Make]:
    """Make clients that are closed in the end."""
    made: list[ZigZagClient] = []

    def one(told: Access) -> ZigZagClient:
        made.append(ZigZagClient(told, clock))
        return made[-1]

    yield one
    for client in made:
        client.close()


@pytest.fixture
def client(base: str, make: Make) -> ZigZagClient:
    return make(access(base))


@pytest.mark.parametrize("name", ["changed", "cursor"])
def test_all_pages_are_read_and_an_item_is_kept_to_the_byte(client: ZigZagClient, name: str) -> None:
    found = list(client.look_up(name, {"since": BEGIN - timedelta(days=30)}))

    assert [each.ref for each in found] == [f"R-{n}" for n in range(5)]
    assert found[0].body.startswith(b'{"returnId":"R-0","lines":[{"orderNumber":"A b/1"}]')


def test_what_is_asked_is_written_safely_into_the_path(client: ZigZagClient) -> None:
    assert len(list(client.look_up("order", {"order": "A b/1"}))) == 5
    assert list(client.look_up("order", {"order": "A b/1&orderNumber=x"})) == []
    assert list(client.look_up("one", {"return": "../../token"})) == []


def test_one_token_serves_many_threads_and_is_renewed_before_it_ends(client: ZigZagClient, base: str, clock: Clock) -> None:
    before = conduct(base)["tokensGiven"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: list(client.look_up("one", {"return": "R-1"})), range(16)))
    first = conduct(base)["tokensGiven"]

    clock.at += timedelta(minutes=24)
    list(client.look_up("one", {"return": "R-1"}))
    young = conduct(base)["tokensGiven"]
    clock.at += timedelta(minutes=2)
    list(client.look_up("one", {"return": "R-1"}))

    assert (first - before, young - first, conduct(base)["tokensGiven"] - young) == (1, 0, 1)


def test_a_refused_token_is_replaced_once_by_one_thread_and_the_request_repeated_once(client: ZigZagClient, base: str) -> None:
    list(client.look_up("one", {"return": "R-1"}))
    httpx.post(f"{base}/control/tokens/expire", json={}).raise_for_status()
    before = conduct(base)["tokensGiven"]

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: len(list(client.look_up("one", {"return": "R-1"}))), range(8)))

    assert told == [1] * 8
    assert conduct(base)["tokensGiven"] == before + 1


def test_a_token_refused_twice_is_for_a_person(client: ZigZagClient, base: str) -> None:
    control(base, {"faults": [{"path": f"GET {RETURNS}", "status": 401, "times": 9}]})

    with pytest.raises(NeedsOperator, match="refuses a token it gave a moment ago"):
        list(client.look_up("one", {"return": "R-1"}))

    assert conduct(base)["asked"].count(f"GET {RETURNS}/R-1") == 2


def test_a_platform_that_gives_no_token_is_a_setting(base: str, make: Make) -> None:
    wrong = make(replace(access(base), password_field="parole"))  # noqa: S106  a name
    elsewhere = make(replace(access(base), token_field="jwt"))  # noqa: S106  a name
    form = make(replace(access(base), token_form=True, token_field="access_token"))  # noqa: S106  a name

    with pytest.raises(Misconfigured, match="gives no token"):
        list(wrong.look_up("one", {"return": "R-1"}))
    with pytest.raises(Misconfigured, match="holds no token at 'jwt'"):
        list(elsewhere.look_up("one", {"return": "R-1"}))

    assert len(list(form.look_up("one", {"return": "R-1"}))) == 1


def test_a_busy_platform_is_left_alone_as_long_as_it_asks(client: ZigZagClient, base: str, clock: Clock) -> None:
    control(base, {"faults": [{"path": f"GET {RETURNS}", "status": 429, "retryAfter": 120}]})
    with pytest.raises(RetryLater, match="asks for 120 s") as busy:
        list(client.look_up("one", {"return": "R-1"}))
    asked = len(conduct(base)["asked"])

    clock.at += timedelta(seconds=60)
    with pytest.raises(RetryLater, match="left alone for another 60 s"):
        list(client.look_up("one", {"return": "R-1"}))
    unasked = len(conduct(base)["asked"])
    clock.at += timedelta(seconds=60)

    assert busy.value.after_seconds == 120
    assert unasked == asked
    assert len(list(client.look_up("one", {"return": "R-1"}))) == 1


@pytest.mark.parametrize(("fault", "kind", "says"), [
    ({"status": 500}, RetryLater, "answers 500"), ({"status": 400}, NeedsOperator, "answers 400 .*as told"),
    ({"status": 302, "location": "https://elsewhere.example/"}, Misconfigured, "redirects"),
    ({"status": 200, "seconds": 2}, RetryLater, "did not answer"),
])
def test_every_other_answer_says_who_can_help_and_is_not_tried_twice(
    base: str, make: Make, fault: dict[str, Any], kind: type[Exception], says: str,
) -> None:
    client = make(access(base, timeout=0.5))
    control(base, {"faults": [{"path": f"GET {RETURNS}", "times": 9, **fault}, {"path": "PUT", "times": 9, **fault}]})

    with pytest.raises(kind, match=says):
        list(client.look_up("changed", {"since": BEGIN}))
    with pytest.raises(kind, match=says):
        client.put("/Return/api/v1/ExchangeStocks/Update", {"retailerCode": "QX501", "exchangeStocks": []})

    asked = [each for each in conduct(base)["asked"] if not each.startswith("POST /token")]
    assert [each.split()[0] for each in asked] == ["GET", "PUT"]


def test_a_list_that_is_not_there_is_no_empty_list(base: str, make: Make) -> None:
    plain = access(base)
    lookups = {"changed": replace(plain.lookups["order"], name="changed", items="orders")}
    client = make(replace(plain, lookups=lookups))

    with pytest.raises(NeedsOperator, match="holds nothing at 'orders'"):
        list(client.look_up("changed", {"order": "A b/1"}))


def test_a_password_travels_to_no_open_address_and_a_token_to_no_other_host(base: str, make: Make) -> None:
    with pytest.raises(Misconfigured, match="https"):
        make(access("http://api.returns.example"))
    client = make(access(base))

    with pytest.raises(Misconfigured, match="leads away"):
        client.put("@elsewhere.example/x", {})
