# ruff: noqa: F811  fixtures come by import and are asked for by name
"""What stands between a form and an effect: only the fields it has, another person, what was shown, in time, lately proven, and once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from tests.entrypoints.test_web import (  # noqa: F401  fixtures are found by their names
    PROFILE,
    TENANT,
    Now,
    clock,
    filled,
    inside,
    routes,
    server,
    store,
)
from tests.entrypoints.visiting import Browser

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import pausing
from backhaul.domain.access import Scope
from backhaul.domain.evidence import LARGEST
from backhaul.domain.proposal import PROPOSALS, ProposalKind, ProposalState
from backhaul.entrypoints.demo.team import TEAM
from backhaul.entrypoints.web.door import STEP_UP
from backhaul.entrypoints.web.serving import Running

SMUGGLED = {"approved_by": "Anton Approver", "tenant_id": "other", "amount": "1000000", "state": "verified", "id": "1"}


def test_a_field_that_a_form_does_not_have_stops_it_whoever_sends_it(server: Running) -> None:
    team = {name: inside(server, name) for name in TEAM}
    forms = {name: browser.fill(browser.get("/")) for name, browser in team.items()}
    for path, method, told in routes(server):
        if method != "POST" or told.get("open") or path == "/sign-out":
            continue
        for name, value in SMUGGLED.items():
            answers = {who: team[who].post(path, **forms[who], **{name: value}) for who in team}
            allowed = {who: answer for who, answer in answers.items() if answer.status_code != 403}
            assert allowed, f"nobody of the team may {path}"
            assert {answer.status_code for answer in allowed.values()} == {409}, (path, name)


@pytest.fixture
def paused(store: SqlStore, server: Running, clock: Now) -> tuple[Browser, str]:
    """Let Fiona propose that writes leave again; give her browser and the address of what she proposed."""
    number = pausing.pause(store, PROFILE.rules, "gb01", actor="somebody", reason="wrong accounts", now=clock.at)
    fiona = inside(server)
    told = fiona.post("/administration/unpause", **fiona.fill(fiona.get("/administration")) | {"pause": str(number), "reason": "mended"})
    assert told.status_code == 303, told.text
    return fiona, told.headers["location"].partition("?")[0]


def yes(browser: Browser, address: str, **more: str) -> httpx.Response:
    """Approve what a page shows."""
    return browser.post(f"{address}/approve", **browser.fill(browser.get(address)) | more)


def holds(store: SqlStore) -> bool:
    with store.look() as tx:
        return tx.paused(TENANT, "gb01")


def test_whoever_proposed_cannot_approve_and_somebody_else_can(
    paused: tuple[Browser, str], store: SqlStore, server: Running,
) -> None:
    fiona, address = paused
    form = fiona.fill(fiona.get("/"))
    with store.look() as tx:
        shown = tx.proposals(Scope.whole(TENANT))[0].sha256

    refused = fiona.post(f"{address}/approve", **form, shown=shown)

    assert refused.status_code in {403, 409}
    assert holds(store)
    assert yes(inside(server, "Anton Approver"), address).status_code == 303
    assert not holds(store)


def test_only_what_was_shown_is_approved_and_a_second_time_it_has_no_effect(
    paused: tuple[Browser, str], store: SqlStore, server: Running,
) -> None:
    anton, (_, address) = inside(server, "Anton Approver"), paused

    other = yes(anton, address, shown="0" * 64)
    still = holds(store)
    first, again = yes(anton, address), anton.post(f"{address}/approve", **anton.fill(anton.get("/")), shown="0" * 64)
    with store.look() as tx:
        approvals = [entry for entry in tx.trail(TENANT) if entry.action == "proposal.approved"]

    assert (other.status_code, still, first.status_code, again.status_code) == (409, True, 303, 409)
    assert len(approvals) == 1


def test_what_waited_too_long_is_not_approved_any_more(paused: tuple[Browser, str], store: SqlStore, server: Running, clock: Now) -> None:
    _, address = paused
    clock.at += PROPOSALS[ProposalKind.UNPAUSE].lasts + timedelta(minutes=1)

    late = yes(inside(server, "Anton Approver"), address)

    assert late.status_code in {409, 403}
    assert holds(store)


def test_who_signed_in_long_ago_proves_again_before_anything_is_approved(
    paused: tuple[Browser, str], store: SqlStore, server: Running, clock: Now,
) -> None:
    anton, (_, address) = inside(server, "Anton Approver"), paused
    with store.look() as tx:
        shown = tx.proposals(Scope.whole(TENANT))[0].sha256
    clock.at += STEP_UP + timedelta(minutes=1)

    sent = anton.post(f"{address}/approve", **anton.fill(anton.get("/")), shown=shown)

    assert (sent.status_code, "anew=1" in sent.headers["location"], holds(store)) == (303, True, True)


def test_of_fifty_approvals_at_once_one_has_an_effect(paused: tuple[Browser, str], store: SqlStore, server: Running) -> None:
    anton, (_, address) = inside(server, "Anton Approver"), paused
    form = anton.fill(anton.get(address))
    at = next(iter(anton.cookies))
    cookie = "; ".join(f"{name}={value}" for name, value in anton.cookies[at].items())
    headers = {"cookie": cookie, "origin": f"http://{at}", "sec-fetch-site": "same-origin"}

    with httpx.Client(timeout=60, trust_env=False) as wire, ThreadPoolExecutor(25) as many:
        statuses = list(many.map(lambda _: wire.post(f"http://{at}{address}/approve", data=form, headers=headers).status_code, range(50)))
    with store.look() as tx:
        (proposal,) = tx.proposals(Scope.whole(TENANT), open_only=False)
        entries = [entry.action for entry in tx.trail(TENANT) if entry.action in {"proposal.approved", "pause.ended"}]

    assert set(statuses) <= {303, 409, 503}
    assert proposal.state is ProposalState.APPROVED
    assert sorted(entries) == ["pause.ended", "proposal.approved"]


CORPUS = {
    "run.exe": b"MZ\x90\x00" + bytes(60), "archive.zip": b"PK\x03\x04" + bytes(60),
    "macro.docm": b"PK\x03\x04[Content_Types].xml" + bytes(40), "sheet.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40),
    "script.png": b"#!/bin/sh\x00", "empty.txt": b"", "blank.txt": b" \n", "nul.txt": b"text\x00text",
    "latin.txt": "Größe".encode("latin-1"), "elf": b"\x7fELF" + bytes(20), "large.png": b"\x89PNG\r\n\x1a\n" + bytes(LARGEST)}


@pytest.mark.parametrize("name", CORPUS)
def test_what_could_run_or_be_unpacked_is_no_evidence_whatever_it_is_called(server: Running, store: SqlStore, name: str) -> None:
    fiona = inside(server)
    with store.look() as tx:
        number = next(row.id for row in tx.exceptions(TENANT))
    form = fiona.fill(fiona.get("/"))

    sent = [fiona.send("POST", f"/exceptions/{number}/evidence", form, files={"file": (named, CORPUS[name])})
            for named in (name, "photo.png")]

    assert {answer.status_code for answer in sent} == {409}
    with store.look() as tx:
        assert list(tx.notes(TENANT, [number])) == []


def test_markup_that_is_kept_as_text_is_downloaded_and_never_shown(server: Running, store: SqlStore) -> None:
    fiona = inside(server)
    with store.look() as tx:
        number = next(row.id for row in tx.exceptions(TENANT))
    body = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"

    fiona.send("POST", f"/exceptions/{number}/evidence", fiona.fill(fiona.get("/")), files={"file": ("../../evil\r\n.svg", body)})
    with store.look() as tx:
        (note,) = tx.notes(TENANT, [number])
    given = fiona.get(f"/evidence/{note.id}")

    assert (given.content, given.headers["content-type"]) == (body, "application/octet-stream")
    assert given.headers["content-disposition"].startswith("attachment")
    assert not {"/", "\\", "\r", "\n"} & set(note.name)
