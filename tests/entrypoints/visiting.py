"""How does a test come to a page as a browser does? Cookies of loopback are kept although they are marked as safe, as in browsers."""

import re
import socket
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import httpx

from backhaul.config import SignIn
from backhaul.secret import Secret

WIRE = httpx.Client(timeout=30, trust_env=False)
PASSPHRASE = "of-these-tests"  # noqa: S105  it says so
SIGN_IN = SignIn(passphrase=Secret("env:P", {"P": PASSPHRASE}))
"""How people come in to the consoles of tests."""


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@dataclass(slots=True)
class Browser:
    """As much of a browser as a sign-in needs: its cookies by host, and where it is."""

    home: str
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def send(self, method: str, address: str, data: dict[str, str] | None = None, headers: dict[str, str] | None = None,
             files: dict[str, tuple[str, bytes]] | None = None) -> httpx.Response:
        """Send one request, as a page of the same site would."""
        url = address if address.startswith("http") else self.home + address
        at = urlsplit(url).netloc
        own = {"origin": f"http://{at}", "sec-fetch-site": "same-origin"} if method == "POST" else {}
        kept = self.cookies.setdefault(at, {})
        told = {"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())} if kept else {}
        WIRE.cookies.clear()  # this browser keeps its own
        answer = WIRE.request(method, url, data=data, files=files, headers=own | told | (headers or {}))
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                kept[name] = morsel.value
                if morsel["max-age"] == "0" or "1970" in morsel["expires"]:
                    del kept[name]
        return answer

    def get(self, address: str, **headers: str) -> httpx.Response:
        return self.send("GET", address, headers=headers)

    def post(self, address: str, **data: str) -> httpx.Response:
        return self.send("POST", address, data)

    def fill(self, page: httpx.Response, **told: str) -> dict[str, str]:
        """Give the first form of a page that has hidden fields, filled in."""
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        return {unescape(name): unescape(value) for name, value in hidden} | told

    def enter(self, name: str, passphrase: str) -> httpx.Response:
        """Come in by the passphrase of a development system."""
        return self.post("/sign-in/local", **self.fill(self.get("/sign-in"), name=name, passphrase=passphrase))

    def follow(self, answer: httpx.Response, login: str) -> str:
        """Sign in at the identity provider as whoever is asked, and give where it sends us at the end."""
        for _ in range(12):
            if answer.status_code == 200:
                prompt = "login" if 'name="login"' in answer.text else "consent"
                action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
                assert action, answer.text
                answer = self.post(unescape(action[1]), prompt=prompt, **({"login": login, "password": "x"} if prompt == "login" else {}))
            to = answer.headers.get("location", "")
            assert to, (answer.status_code, answer.text[:500])
            if to.startswith(self.home):
                return to
            to = to if to.startswith("http") else f"{answer.url.scheme}://{answer.url.netloc.decode()}{to}"
            answer = self.get(to)
        raise AssertionError("the provider never came to an end")
