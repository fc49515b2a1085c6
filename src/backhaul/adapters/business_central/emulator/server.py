"""How is the emulated Business Central reached over HTTP?

One `Emulator` is one environment with its companies, clock and faults; `serve` puts it behind uvicorn in a daemon thread. Requests are
processed one after the other, so an answer never shows half a write.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from msgspec import DecodeError
from starlette.applications import Starlette
from starlette.routing import Route

from backhaul.adapters.business_central.emulator import refusals as no
from backhaul.adapters.business_central.emulator.batches import MOST, batch, refused_as
from backhaul.adapters.business_central.emulator.control import Control
from backhaul.adapters.business_central.emulator.faults import afterwards, instead, rejected
from backhaul.adapters.business_central.emulator.model import IDS, World
from backhaul.adapters.business_central.emulator.roots import service_at
from backhaul.adapters.business_central.emulator.subscriptions import collect
from backhaul.adapters.loopback import Fault, Request, Transports, drip, drop, listen, read, spoilt, write, write_half
from backhaul.adapters.odata_server import Answer, Call, Refused, answer_json, client_refused, decode

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from backhaul.adapters.business_central.emulator.service import Service
    from backhaul.adapters.loopback import Running

LOGGED = 500
SCOPE = "https://api.businesscentral.dynamics.com/.default"
ROOT = re.compile(r"/v2\.0(?:/(?P<tenant>[^/]+))?/(?P<environment>[^/]+)/(?P<service>api/v2\.0|api/[^/]+/[^/]+/[^/]+|ODataV4)/"
                  r"(?P<below>.*)", re.DOTALL)


class Emulator:
    """One emulated environment as an ASGI application."""

    def __init__(self, state: Path | None = None) -> None:
        """Begin empty, or where the state file left off."""
        self.world = World(state)
        self.control = Control(self.world)
        self.wire: list[Request] = []
        self.transports: Transports = {}
        self.app = Starlette(routes=[Route("/{path:path}", endpoint=_Wire(self))])
        self._asked: list[float] = []

    # ------------------------------------------------------------ what is asked

    def steer(self, request: Request) -> Answer:
        """Answer a control request."""
        self._count(request)
        if (request.method, request.path) == ("GET", "/control/wire"):
            return answer_json(200, {"requests": [
                {"method": each.method, "target": each.target, "body": base64.b64encode(each.body).decode()} for each in self.wire]})
        action = self.control.actions.get((request.method, request.path.removeprefix("/control/").strip("/")))
        if action is None:
            return answer_json(404, {"error": f"There is no {request.method} {request.path}."})
        try:
            answer = answer_json(200, action(decode(request.body) if request.body else {}))
        except Refused as refused:
            return answer_json(400, {"error": no.told(refused)})
        except (DecodeError, KeyError, ValueError, TypeError) as wrong:
            return answer_json(400, {"error": f"{type(wrong).__name__}: {wrong}"})
        collect(self.world)
        self.world.save()
        return answer

    def process(self, request: Request, fault: Fault | None = None) -> Answer:
        """Answer one request of the environment itself and keep what it changed."""
        tables = self.world.tables
        if fault and fault.kind == "lagging-read":
            tables.overlay = tables.before_last_write
        try:
            answer = self._route(request, fault)
        except Refused as refused:
            answer = self._refused(refused, request.headers.get("accept-language", ""))
        finally:
            tables.overlay = None
        collect(self.world)
        if tables.dirty:
            self.world.save()
        return answer

    def _refused(self, refused: Refused, asked: str) -> Answer:
        correlation = str(uuid.uuid5(IDS, f"correlation/{self.world.entry('correlation')}"))
        return refused_as(refused, correlation, str(self.world.settings["language"]), asked)

    def _route(self, request: Request, fault: Fault | None) -> Answer:
        if request.path.endswith("/oauth2/v2.0/token"):
            return self._token(request)
        if not self._known(request):
            return rejected()
        if self._limited():
            answer = self._refused(no.too_many(), request.headers.get("accept-language", ""))
            if (wait := self.world.settings["retryAfter"]) is not None:
                answer.headers["Retry-After"] = str(wait)
            return answer
        match = ROOT.fullmatch(request.path)
        if match is None or self._elsewhere(match):
            raise no.not_found(request.root + request.path)
        base = request.root + request.path.removesuffix(match["below"])
        service = service_at(self.world, match["service"], base)
        if service is None:
            raise no.not_found(request.root + request.path)
        return self._serve(service, request, unquote(match["below"]) if match["below"][:4] == "%24b" else match["below"], fault)

    def _elsewhere(self, match: re.Match[str]) -> bool:
        told = self.world.settings
        return any(told[name] and match[name] not in {None, told[name]} for name in ("tenant", "environment"))

    def _serve(self, service: Service, request: Request, below: str, fault: Fault | None) -> Answer:
        below = below.replace("%24metadata", "$metadata")
        call = Call(method=request.method, path=below, query=request.query, headers=request.headers, body=request.body)
        if below != "$batch":
            return service.answer(call)
        if request.method != "POST":
            raise no.not_allowed(request.method)
        until = int(fault.told.get("after", 0)) if fault and fault.kind == "batch-cut" else MOST

        def answering(inner: Call) -> Answer:
            try:
                return service.answer(inner)
            except Refused as refused:
                return self._refused(refused, inner.headers.get("accept-language", ""))

        return batch(call, answering, self.world.tables.transaction, spoilt(fault), until)

    # ------------------------------------------------------------ sign-in and limits

    def _token(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        settings = self.world.settings
        if form.get("grant_type") != "client_credentials":
            return answer_json(400, {"error": "unsupported_grant_type"})
        if why := client_refused(form, settings, request.root + request.path, self._time()):
            return answer_json(401, {"error": "invalid_client", "error_description": why})
        if form.get("scope", "") not in {SCOPE, f"{request.root}/.default"}:
            return answer_json(400, {"error": "invalid_scope", "error_description": f"AADSTS1002012: The scope must be {SCOPE}."})
        seconds = int(settings["tokenSeconds"])
        claims = base64.urlsafe_b64encode(json.dumps({"exp": self._time() + seconds}).encode()).decode()
        return answer_json(200, {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds,
                                 "access_token": f"{claims}.{self._sign(claims)}"})

    def _sign(self, text: str) -> str:
        return hmac.new(str(self.world.settings["clientSecret"]).encode(), text.encode(), hashlib.sha256).hexdigest()

    def _time(self) -> float:
        return self.world.now.timestamp() if self.world.settings["tokenTime"] == "virtual" else time.time()

    def _known(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claims, _, sign = token.partition(".")
        if kind.lower() != "bearer" or not hmac.compare_digest(self._sign(claims), sign):
            return False
        return bool(json.loads(base64.urlsafe_b64decode(claims))["exp"] > self._time())

    def _limited(self) -> bool:
        """Count the request against the sliding window; the window moves with the virtual clock."""
        most, now = int(self.world.settings["rate"]["requests"]), self.world.now.timestamp()
        if not most:
            return False
        self._asked = [at for at in self._asked if at > now - float(self.world.settings["rate"]["seconds"])]
        if len(self._asked) >= most:
            return True
        self._asked.append(now)
        return False

    # ------------------------------------------------------------ counting

    def _count(self, request: Request, status: int = 0) -> None:
        calls, path = self.world.calls, unquote(request.path)
        if excluded := _excluded(path):
            calls["excluded"][excluded] += 1
            return
        name = f"{request.method} {_noun(path)}"
        calls["by"][name] = calls["by"].get(name, 0) + 1
        entry = {"at": self.world.stamp(), "method": request.method, "path": request.target, "status": status}
        calls["log"].append(entry | {"clientRequestId": request.headers.get("x-ms-client-request-id", "")})
        del calls["log"][:-LOGGED]

    def note(self, request: Request, status: int) -> None:
        """Count a request that has been answered (status 0: the connection was dropped), and keep the youngest as they came."""
        self.wire.append(request)
        del self.wire[:-LOGGED]
        self._count(request, status)


def _excluded(path: str) -> str:
    if path.startswith("/control/"):
        return "control"
    if path.endswith("/oauth2/v2.0/token"):
        return "token"
    return "metadata" if path.endswith("$metadata") else ""


def _noun(path: str) -> str:
    """Name what a call is about: the batch, the action, or the innermost set."""
    match = ROOT.fullmatch(path)
    if match is None:
        return path
    parts = [part for part in re.sub(r"\([^)]*\)", "", match["below"]).split("/") if part and part not in {"companies", "Company"}]
    if parts and parts[-1].startswith("Microsoft.NAV."):
        return ".".join([*parts[-2:-1], parts[-1].removeprefix("Microsoft.NAV.")])
    return parts[-1] if parts else "companies"


# ---------------------------------------------------------------- the wire


class _Wire:
    """The ASGI endpoint: reads a request, lets faults strike, writes or withholds the answer."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, control = await read(scope, receive), self.emulator.control
        if request.path.startswith("/control/"):
            steer = self.emulator.steer
            outside = self.emulator.world.tables.rows("subscriptions") and _calls_out(request)
            await write(send, await asyncio.to_thread(steer, request) if outside else steer(request))
            return
        if not _excluded(unquote(request.path)):
            control.land()
        fault = control.faults.take(request.method, request.target, request.body)
        if fault is None:
            await self._finish(send, request, self.emulator.process(request))
            return
        await self._strike(fault, request, (scope, receive, send))

    async def _finish(self, send: Send, request: Request, answer: Answer) -> None:
        self.emulator.note(request, answer.status)
        await write(send, answer)

    async def _strike(self, fault: Fault, request: Request, wire: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = wire
        emulator = self.emulator
        if fault.kind == "slow":
            await asyncio.sleep(float(fault.told.get("seconds", 1)))
        if fault.kind == "late-commit":
            emulator.control.late.append((int(fault.told.get("after", 1_000_000_000)), lambda: emulator.process(request)))
            emulator.note(request, 0)
            await drop(emulator.transports, scope, receive)
            return
        if (early := instead(fault)) is not None:
            await self._finish(send, request, early)
            return
        if fault.kind == "changed-meanwhile":
            emulator.control.edit_drafts(fault.told["line"])
        answer = afterwards(fault, emulator.process(request, fault))
        if fault.kind == "job-stuck":
            for row in [each for each in emulator.world.tables.rows("jobQueueEntries") if each.get("pending")]:
                emulator.world.put("jobQueueEntries", row, stuck=True)
        if fault.kind == "answer-lost" or (fault.kind == "batch-cut" and fault.told.get("answer", "lost") == "lost"):
            emulator.note(request, 0)
            await drop(emulator.transports, scope, receive)
        elif fault.kind == "cut-body":
            emulator.note(request, 0)
            await write_half(send, answer)
            await drop(emulator.transports, scope, receive, flush=True)
        elif fault.kind == "drip":
            emulator.note(request, answer.status)
            await drip(send, answer, float(fault.told.get("seconds", Decimal("0.05"))))
        else:
            await self._finish(send, request, answer)


def _calls_out(request: Request) -> bool:
    """Whether a control request sends webhooks, so that other requests must be answered meanwhile."""
    return request.path in {"/control/clock", "/control/notifications"}


def serve(state: Path | None = None, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start an emulator in a daemon thread; returns when it listens."""
    emulator = Emulator(state)
    return listen(emulator, "business-central-emulator", host, port, emulator.world.close)
