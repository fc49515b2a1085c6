"""Does the emulator misbehave exactly as it is told, on the wire and in the books?"""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

HEADER = {"CustomerAccountNumber": "C1", "CustomersOrderReference": "ZZ-1"}


def headers_in(env: Any) -> int:
    return len(env.rows("ReturnOrderHeadersV2"))


@pytest.mark.parametrize(("kind", "kept"), [("answer-lost", 1), ("late-commit", 0)])
def test_a_lost_answer_is_a_transport_error_whether_or_not_the_write_happened(env: Any, kind: str, kept: int) -> None:
    env.control("faults", {"kind": kind, "method": "POST", "path": "ReturnOrderHeadersV2"})

    with pytest.raises(httpx.TransportError):
        env.post("ReturnOrderHeadersV2", **HEADER)

    assert headers_in(env) == kept


def test_a_late_commit_lands_after_so_many_requests(env: Any) -> None:
    env.control("faults", {"kind": "late-commit", "method": "POST", "after": 2})
    with pytest.raises(httpx.TransportError):
        env.post("ReturnOrderHeadersV2", **HEADER)

    assert [headers_in(env), headers_in(env)] == [0, 1]


def test_a_late_commit_lands_when_the_clock_moves(env: Any) -> None:
    env.control("faults", {"kind": "late-commit", "method": "POST"})
    with pytest.raises(httpx.TransportError):
        env.post("ReturnOrderHeadersV2", **HEADER)

    env.control("clock", {"now": "2025-01-10T09:00:00Z"})

    assert headers_in(env) == 1


def test_a_cut_body_breaks_off_in_the_middle(env: Any) -> None:
    env.control("faults", {"kind": "cut-body"})

    with pytest.raises(httpx.RemoteProtocolError):
        env.post("ReturnOrderHeadersV2", **HEADER)

    assert headers_in(env) == 1


@pytest.mark.parametrize(("kind", "kept"), [("error-before", 0), ("error-after", 1)])
def test_an_error_says_nothing_about_what_was_saved(env: Any, kind: str, kept: int) -> None:
    env.control("faults", {"kind": kind})

    assert env.post("ReturnOrderHeadersV2", **HEADER).status_code == 500
    assert headers_in(env) == kept


@pytest.mark.parametrize(("wait", "header"), [(7, "7"), ("Fri, 10 Jan 2025 08:00:07 GMT", "Fri, 10 Jan 2025 08:00:07 GMT"), (None, None)])
def test_throttling_tells_when_to_come_back_in_three_ways(env: Any, wait: object, header: str | None) -> None:
    env.control("faults", {"kind": "throttle", "retryAfter": wait, "skip": 1, "times": 1})

    answers = [env.http.get("/data/CustomersV3") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers.get("retry-after") == header


def test_html_and_another_record_are_answers_nobody_asked_for(env: Any) -> None:
    env.control("faults", [{"kind": "html"}, {"kind": "other-record"}])

    page = env.post("ReturnOrderHeadersV2", **HEADER)
    other = env.post("ReturnOrderHeadersV2", **HEADER)

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (other.status_code, other.json()["CustomersOrderReference"]) == (201, "ZZ-1-OTHER")
    assert headers_in(env) == 1


def test_a_token_can_expire_and_a_privilege_be_missing(env: Any) -> None:
    env.control("faults", [{"kind": "token-expired"}, {"kind": "forbidden"}])

    assert [env.http.get("/data/CustomersV3").status_code for _ in range(3)] == [401, 403, 200]


def test_a_short_page_hides_that_there_is_more(env: Any) -> None:
    env.control("seed", {"settings": {"pageSize": 2}})
    env.control("faults", [{"kind": "page-short"}, {"kind": "page-short", "drop": "rows", "keep": 1}])

    pages = [env.http.get("/data/ReleasedProductsV2?$select=ItemNumber").json() for _ in range(3)]

    assert [(len(page["value"]), "@odata.nextLink" in page) for page in pages] == [(2, False), (1, False), (2, True)]


def test_slow_and_dripping_answers_arrive_in_the_end(env: Any) -> None:
    env.control("faults", [{"kind": "slow", "seconds": 0.2}, {"kind": "drip", "seconds": 0.001}])

    begun = time.monotonic()
    first, second = (env.http.get("/data/TaxCodeValues?$select=Value&$top=1") for _ in range(2))

    assert time.monotonic() - begun > 0.2
    assert first.json() == second.json()


def test_a_lagging_read_answers_from_before_the_last_write(env: Any) -> None:
    env.header()
    env.control("faults", {"kind": "lagging-read", "times": 2})

    assert [headers_in(env) for _ in range(3)] == [0, 0, 1]


def test_a_batch_can_lose_the_answer_of_a_part_or_throttle_it(env: Any) -> None:
    env.control("faults", [{"kind": "batch-part-missing", "part": 1}, {"kind": "batch-part-429", "part": 0}])
    parts = [[("POST", "ReturnOrderHeadersV2", HEADER)] for _ in range(2)]

    first = env.batch(*parts).text
    second = env.batch(*parts).text

    assert (first.count("HTTP/1.1 201"), headers_in(env)) == (1, 3)
    assert (second.count("HTTP/1.1 201"), second.count("HTTP/1.1 429")) == (1, 1)


def test_faults_can_be_taken_back(env: Any) -> None:
    env.control("faults", {"kind": "error-before", "times": 99})
    env.http.delete("/control/faults")

    assert env.header()["CustomersOrderReference"] == "ZZ-1"
    assert env.http.post("/control/faults", json={"kind": "nonsense"}).status_code == 400
