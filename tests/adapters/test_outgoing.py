"""Does nothing that stands in a profile, and no name server, make us call into the house or a cloud's own services?"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from backhaul.adapters import outgoing
from backhaul.config import Settings
from backhaul.domain.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class NameServer:
    """A name server that says something else each time it is asked, as whoever means harm lets it."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    def __call__(self, _host: str, _port: int) -> Sequence[str]:
        return self.answers.pop(0)


@pytest.fixture
def service() -> Iterator[str]:
    """A service on loopback that answers once to each connection."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_told: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def house() -> Iterator[None]:
    """A house whose own ERP stands at 10.20.0.0/16."""
    outgoing.permit("10.20.0.0/16, fd00:12::/32")
    yield
    outgoing.permit("")


@pytest.mark.parametrize("address", [
    "10.0.0.5", "172.16.3.4", "192.168.1.1", "100.64.0.1", "0.0.0.1", "224.0.0.1", "fd00::1", "::ffff:10.0.0.5", "64:ff9b::a00:5",
    "2002:a00:5::", "::", "ff02::1"])
def test_an_address_inside_the_house_is_not_called_in_whatever_form_it_is_written(address: str) -> None:
    assert "BACKHAUL_PRIVATE_NETWORKS" in outgoing.objection("erp.example", address)


@pytest.mark.parametrize("address", [
    "169.254.169.254", "169.254.0.1", "168.63.129.16", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_what_a_cloud_keeps_for_its_machines_is_never_called_even_where_the_network_is_named(address: str) -> None:
    outgoing.permit("0.0.0.0/0, ::/0")
    refusal = outgoing.objection("erp.example", address)
    outgoing.permit("")

    assert "never called" in refusal


@pytest.mark.parametrize(("host", "address", "may"), [
    ("localhost", "127.0.0.1", True), ("127.0.0.1", "127.0.0.1", True), ("[::1]", "::1", True), ("erp.example", "127.0.0.1", False),
    ("2130706433", "127.0.0.1", False), ("erp.example", "::1", False), ("erp.example", "20.50.60.70", True),
    ("erp.example", "2603:1030::1", True)])
def test_this_machine_is_called_by_its_own_names_only_and_the_world_by_any(host: str, address: str, may: bool) -> None:  # noqa: FBT001  what is expected
    assert (outgoing.objection(host, address) == "") is may


@pytest.mark.usefixtures("house")
def test_a_network_that_whoever_runs_the_process_named_is_called_and_its_neighbours_are_not() -> None:
    assert outgoing.objection("erp.house", "10.20.3.4") == ""
    assert outgoing.objection("erp.house", "fd00:12::7") == ""
    assert outgoing.objection("erp.house", "10.21.3.4") != ""


def test_the_networks_come_from_the_environment_and_a_wrong_one_is_refused_with_the_setting() -> None:
    assert Settings.from_env({"BACKHAUL_PRIVATE_NETWORKS": "10.20.0.0/16"}).private_networks == "10.20.0.0/16"
    with pytest.raises(Misconfigured, match=r"BACKHAUL_PRIVATE_NETWORKS: .*10\.20\.0\.0/99"):
        outgoing.permit("10.20.0.0/99")


def test_a_name_is_asked_once_for_each_connection_and_a_later_answer_is_looked_at_again(service: str) -> None:
    names = NameServer(["127.0.0.1"], ["169.254.169.254"])
    with httpx.Client(transport=outgoing.Transport(outgoing.Network(names)), trust_env=False) as http:
        first = http.get(service)
        with pytest.raises(httpx.ConnectError) as rebound:
            http.get(service)

    assert first.text == "ok"
    assert names.answers == []
    assert "'localhost' leads to 169.254.169.254" in outgoing.why(rebound.value)


def test_one_address_that_may_not_be_called_spoils_the_others_and_one_that_is_silent_does_not(service: str) -> None:
    both = outgoing.Transport(outgoing.Network(NameServer(["127.0.0.1", "10.0.0.5"])))
    silent = outgoing.Transport(outgoing.Network(NameServer(["::1", "127.0.0.1"])))
    nowhere = outgoing.Transport(outgoing.Network(NameServer([])))
    with httpx.Client(transport=both, trust_env=False) as http, pytest.raises(httpx.ConnectError, match=r"10\.0\.0\.5"):
        http.get(service)
    with httpx.Client(transport=nowhere, trust_env=False) as http, pytest.raises(httpx.ConnectError) as lost:
        http.get(service)

    with httpx.Client(transport=silent, trust_env=False) as http:
        assert http.get(service).text == "ok"
    assert outgoing.why(lost.value) == "ConnectError"
