"""Does the emulated environment misbehave on demand, and only then?"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.adapters.business_central.emulator.conftest import told_by


def memos(env: Any) -> list[str]:
    return [row["status"] for row in env.rows("salesCreditMemos")]


def test_an_answer_is_lost_after_the_memo_was_posted(env: Any) -> None:
    draft = env.draft()
    env.control("faults", {"kind": "answer-lost", "path": "post$"})

    with pytest.raises(httpx.TransportError):
        env.post(draft)

    assert memos(env) == ["Open"]
    assert env.control("calls")["log"][-2]["status"] == 0


def test_a_late_commit_lands_when_nobody_expects_it_any_more(env: Any) -> None:
    draft = env.draft()
    env.control("faults", {"kind": "late-commit", "path": "post$", "after": 2})
    with pytest.raises(httpx.TransportError):
        env.post(draft)

    seen = [memos(env) for _ in range(3)]

    assert seen == [["Draft"], ["Open"], ["Open"]]


@pytest.mark.parametrize(("kind", "status", "states"), [
    ("error-before", 500, ["Draft"]), ("error-after", 500, ["Open"]), ("posted-but-400", 400, ["Open"]), ("throttle", 429, ["Draft"]),
    ("token-expired", 401, ["Draft"]), ("forbidden", 403, ["Draft"]), ("html", 200, ["Draft"]),
])
def test_what_an_answer_says_and_what_was_done_are_two_things(env: Any, kind: str, status: int, states: list[str]) -> None:
    draft = env.draft()
    env.control("faults", {"kind": kind, "path": "post$"})

    answer = env.post(draft)

    assert answer.status_code == status
    assert memos(env) == states


def test_a_batch_is_cut_in_the_middle_and_its_answer_lost(env: Any) -> None:
    env.control("faults", {"kind": "batch-cut", "after": 1})
    operations = [{"id": name, "method": "POST", "url": f"companies({env.company})/salesCreditMemos",
                   "headers": {"Content-Type": "application/json"}, "body": {"customerNumber": "C1", "externalDocumentNumber": name}}
                  for name in ("A", "B")]

    with pytest.raises(httpx.TransportError):
        env.http.post(f"{env.root}/$batch", json={"requests": operations})
    first = [row["externalDocumentNumber"] for row in env.rows("salesCreditMemos")]
    env.control("faults", {"kind": "batch-part-400", "part": 1})
    second = env.http.post(f"{env.root}/$batch", json={"requests": operations}, headers={"Prefer": "odata.continue-on-error"})

    assert first == ["A"]
    assert [each["status"] for each in second.json()["responses"]] == [201, 400]
    assert [row["externalDocumentNumber"] for row in env.rows("salesCreditMemos")] == ["A", "A", "B"]


def test_a_page_without_its_link_looks_whole(env: Any) -> None:
    env.control("faults", {"kind": "page-short"})

    answer = env.send("GET", "items", Prefer="odata.maxpagesize=2")

    assert len(answer.json()["value"]) == 2
    assert "@odata.nextLink" not in answer.json()


def test_a_lagging_read_does_not_see_the_last_write(env: Any) -> None:
    env.draft()
    env.control("faults", {"kind": "lagging-read"})

    assert (memos(env), memos(env)) == ([], ["Draft"])


def test_a_job_that_is_stuck_waits_for_the_clock(env: Any) -> None:
    env.control("seed", {"rows": {"jobQueueEntries": [{"objectTypeToRun": "Report", "objectIdToRun": 6655}]}})
    (job,) = env.rows("jobQueueEntries")
    services = "/v2.0/tenant/test/ODataV4/Company('CRONUS')"
    head = env.http.post(f"{services}/salesDocuments", json={"documentType": "Return Order", "sellToCustomerNumber": "C1"}).json()
    env.http.post(f"{services}/salesDocumentLines", json={
        "documentType": "Return Order", "documentNumber": head["number"], "type": "Item", "number": "MUG", "quantity": 1,
        "locationCode": "RET"})
    env.control("faults", {"kind": "job-stuck"})

    env.send("POST", f"jobQueueEntries({job['id']})/Microsoft.NAV.restart")
    before = memos(env)
    env.control("clock", {"now": "2025-01-10T08:10:00Z"})

    assert (before, memos(env)) == ([], ["Open"])


def test_a_line_somebody_changed_meanwhile_is_refused_by_its_version(env: Any) -> None:
    draft = env.draft()
    (line,) = env.send("GET", f"salesCreditMemos({draft['id']})/salesCreditMemoLines").json()["value"]
    env.control("faults", {"kind": "changed-meanwhile", "line": {"unitPrice": 3}})

    answer = env.send("PATCH", f"salesCreditMemoLines({line['id']})", {"quantity": 1}, **{"If-Match": line["@odata.etag"]})
    (now,) = env.send("GET", f"salesCreditMemos({draft['id']})/salesCreditMemoLines").json()["value"]

    assert told_by(answer)[:2] == (409, "Request_EntityChanged")
    assert (now["unitPrice"], now["quantity"]) == (3, line["quantity"])


def test_no_token_and_a_strangers_token_are_refused(env: Any) -> None:
    url = f"{env.root}/companies"

    answers = [httpx.get(env.url + url, headers={"Authorization": given}, trust_env=False) for given in ("", "Bearer a.b")]

    assert {told_by(answer)[:2] for answer in answers} == {(401, "Authentication_InvalidCredentials")}


def test_an_unknown_fault_is_refused_with_the_list_of_those_there_are(env: Any) -> None:
    answer = env.http.post("/control/faults", json={"kind": "nonsense"})

    assert answer.status_code == 400
    assert "answer-lost" in answer.json()["error"]
