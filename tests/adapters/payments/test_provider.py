"""Is a payment provider asked page by page within bounds, and is nothing taken for an answer that is none?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from backhaul.adapters.loopback import Running
from backhaul.adapters.payments import provider
from backhaul.adapters.payments.emulator import serve
from backhaul.adapters.payments.provider import Api, flaws, pages
from backhaul.domain.errors import Misconfigured, NeedsOperator, RetryLater
from backhaul.domain.payments import PaymentStatus

SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 8, tzinfo=UTC)
REFUND = {"id": "re_1", "state": "succeeded", "amount": 1020, "currency": "gbp", "createdAt": "2026-10-05T10:00:00Z",
          "metadata": {"rma": "R1"}, "changedAt": "2026-10-05T10:00:00Z"}


@dataclass
class Key:
    text: str = "sk_test"

    def reveal(self) -> str:
        return self.text


@pytest.fixture
def running() -> Iterator[Running]:
    with serve("sk_test") as there:
        yield there


def api(base_url: str, **more: Any) -> Api:
    told: dict[str, Any] = {
        "provider": "psp", "base_url": base_url, "path": "/v1/refunds?changedFrom={since}&changedTo={until}&cursor={page}", "key": "env:K",
        "items": "data.refunds", "paging": "cursor", "first": "0", "next": "data.nextCursor", "minor": True,
        "columns": {"reference": "id", "status": "state", "day": "createdAt", "returns": "metadata.rma"},
        "statuses": {"succeeded": PaymentStatus.PAID}}
    return Api(**told | more)


def control(running: Running, path: str, told: object) -> None:
    httpx.post(f"{running.base_url}/control/{path}", json=told, trust_env=False).raise_for_status()


def asked(running: Running, **more: Any) -> list[provider.Page]:
    return list(pages(api(running.base_url, **more), Key(), SINCE, UNTIL, timeout=5))


def test_every_page_is_given_byte_for_byte_with_its_payments_until_there_is_no_next(running: Running) -> None:
    control(running, "refunds", [REFUND | {"id": f"re_{number}"} for number in range(5)] + [
        REFUND | {"id": "later", "changedAt": "2026-10-09T00:00:00Z"}])

    found = asked(running)

    rows = [row for page in found for row in page.rows]
    assert [len(page.rows) for page in found] == [2, 2, 1]
    assert [str(row.payment.amount) for row in rows if row.payment] == ["10.2"] * 5
    assert {row.payment.returns for row in rows if row.payment} == {("R1",)}
    assert b"re_0" in found[0].body


def test_an_item_that_says_no_payment_is_set_aside_and_pages_can_have_numbers(running: Running) -> None:
    body = msgspec.json.encode({"data": {"refunds": [{"id": "x"}, 7]}}).decode()
    control(running, "answer", {"status": 200, "body": body})
    control(running, "answer", {"status": 200, "body": '{"data": {"refunds": []}}'})

    (page, empty) = asked(running, paging="number", first="1", next="")

    assert [row.payment for row in page.rows] == [None, None]
    assert empty.rows == ()


@pytest.mark.parametrize(("answer", "error", "says"), [
    ({"status": 503}, RetryLater, "busy"), ({"status": 404}, NeedsOperator, "404"),
    ({"status": 302, "headers": {"location": "http://127.0.0.1:1/"}}, Misconfigured, "redirects"),
    ({"status": 200, "body": "<html>"}, NeedsOperator, "cannot be read"), ({"status": 200, "body": "{}"}, NeedsOperator, "no list"),
    ({"status": 200, "body": "x" * (provider.BODY + 1)}, RetryLater, "too large")])
def test_what_is_no_answer_is_said_with_what_to_do(running: Running, answer: Any, error: type[Exception], says: str) -> None:
    control(running, "answer", answer)

    with pytest.raises(error, match=says):
        asked(running)


def test_a_wrong_key_an_empty_one_and_a_provider_that_is_away_are_told_apart(running: Running) -> None:
    for key, error in ((Key("other"), NeedsOperator), (Key(""), Misconfigured)):
        with pytest.raises(error):
            list(pages(api(running.base_url), key, SINCE, UNTIL, timeout=5))
    with pytest.raises(RetryLater, match="did not answer"):
        list(pages(api("http://127.0.0.1:9"), Key(), SINCE, UNTIL, timeout=1))


def test_the_same_page_twice_is_no_end(running: Running) -> None:
    again = msgspec.json.encode({"data": {"refunds": [REFUND], "nextCursor": "1"}}).decode()
    for _ in range(2):
        control(running, "answer", {"status": 200, "body": again})
    with pytest.raises(RetryLater, match="same page twice"):
        asked(running)


def test_how_a_provider_is_asked_is_held_to_what_can_be() -> None:
    wrong = api("http://psp.example", path="v1/{day}", paging="cursor", next="")

    assert [name for name, _ in flaws(wrong)] == ["base_url", "path", "path", "next"]
    assert [name for name, _ in flaws(api("https://u@psp.example", paging="pages", next=""))] == ["base_url", "paging"]
    assert [name for name, _ in flaws(api("https://psp.example", paging="number", next="", first="a"))] == ["first"]
    assert list(flaws(api("https://psp.example"))) == []
