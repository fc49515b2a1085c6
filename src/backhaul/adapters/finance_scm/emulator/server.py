"""How is the emulated Finance & SCM environment reached over HTTP?

One `Emulator` is one environment with its own rows, clock and faults; `serve` puts it behind uvicorn in a daemon thread. Requests are
processed one after the other, so an answer never shows half a write.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from msgspec import DecodeError
from starlette.applications import Starlette
from starlette.routing import Route

from backhaul.adapters.finance_scm.emulator import visibility
from backhaul.adapters.finance_scm.emulator.control import Control
from backhaul.adapters.finance_scm.emulator.faults import afterwards, instead
from backhaul.adapters.finance_scm.emulator.ledger import PostingFailed
from backhaul.adapters.finance_scm.emulator.metadata import metadata_service
from backhaul.adapters.finance_scm.emulator.model import World
from backhaul.adapters.finance_scm.emulator.packages import DataManagement, Trouble, read_blob, signature, store_blob
from backhaul.adapters.finance_scm.emulator.platform import Platform
from backhaul.adapters.loopback import Fault, Request, Running, Transports, drip, drop, listen, read, spoilt, write, write_half
from backhaul.adapters.odata_server import NAMESPACE, Answer, Call, Refused, Service, answer_json, client_refused, decode, refuse

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

DMF = f"/data/DataManagementDefinitionGroups/{NAMESPACE}."
QUEUE = "/api/connector/"
SECURITY = "/security/token"
ADDIN = "/api/environment/"
LOGGED = 500


class Emulator:
    """One emulated environment as an ASGI application."""

    def __init__(self, state: Path | None = None) -> None:
        """Begin empty, or where the state file left off."""
        self.world = World(state)
        self.control = Control(self.world)
        self.wire: list[Request] = []
        self.transports: Transports = {}
        self.app = Starlette(routes=[Route("/{path:path}", endpoint=_Wire(self))])

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
        except (PostingFailed, Refused, DecodeError, KeyError, ValueError, TypeError) as wrong:
            return answer_json(400, {"error": f"{type(wrong).__name__}: {wrong}"})
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
            answer = refuse(refused)
        finally:
            tables.overlay = None
        if tables.dirty:
            self.world.save()
        return answer

    def _route(self, request: Request, fault: Fault | None) -> Answer:  # noqa: PLR0911 - one for each part of the environment
        path = request.path
        if path.endswith("/oauth2/v2.0/token"):
            return self._token(request)
        if path.startswith("/blob/"):
            return self._blob(request)
        if path == SECURITY:
            return self._security(request)
        if path.startswith(ADDIN):
            return self._visibility(request, fault)
        if (trouble := self._unauthorised(request)) is not None:
            return trouble
        if path.startswith(DMF):
            return self._data_management(request, fault)
        if path.startswith(QUEUE):
            return self._queue(request, fault)
        if path.startswith("/metadata/"):
            service, prefix = metadata_service(self.world), "/metadata/"
        elif path.startswith("/data/"):
            service, prefix = Service(self.world.catalogue, Platform(self.world)), "/data/"
        else:
            raise Refused(404, {"Message": f"No HTTP resource was found that matches the request URI '{request.root}{path}'."})
        below = path.removeprefix(prefix).replace("%24batch", "$batch").replace("%24metadata", "$metadata")
        call = Call(method=request.method, path=below, query=request.query, headers=request.headers, body=request.body)
        return service.answer(call, request.root + prefix, spoilt(fault))

    # ------------------------------------------------------------ sign-in

    def _token(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        settings = self.world.settings
        if form.get("grant_type") != "client_credentials":
            return answer_json(400, {"error": "unsupported_grant_type"})
        if why := client_refused(form, settings, request.root + request.path, self._time()):
            return answer_json(401, {"error": "invalid_client", "error_description": why})
        audience = form.get("scope", "").removesuffix("/.default").rstrip("/")
        if not form.get("scope", "").endswith("/.default"):
            return answer_json(400, {"error": "invalid_scope", "error_description": "AADSTS1002012: The scope must end in /.default."})
        seconds = int(settings["tokenSeconds"])
        told = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": self._token_for(audience)}
        return answer_json(200, told)

    def _security(self, request: Request) -> Answer:
        """Give a token for the add-in, or say why there is none (facts/finance-scm 2.5)."""
        if request.headers.get("api-version") != "1.0":
            return answer_json(400, {"message": "The header Api-Version is missing or unsupported."})
        told = decode(request.body) if request.body else {}
        refused = visibility.token_refused(self.world, told, self._claims(str(told.get("client_assertion") or "")).get("aud", ""))
        given = {"token_type": "bearer", "expires_in": int(self.world.settings["tokenSeconds"])}
        return refused or answer_json(200, given | {"access_token": self._token_for(visibility.SCOPE)})

    def _visibility(self, request: Request, fault: Fault | None) -> Answer:
        """Answer the add-in beside the environment, for its own tokens only."""
        claims = self._claims(request.headers.get("authorization", "").partition(" ")[2])
        if claims.get("aud") != visibility.SCOPE or claims["exp"] <= self._time():
            return Answer(status=401)
        if request.headers.get("api-version") != "1.0":
            return answer_json(400, {"message": "The header Api-Version is missing or unsupported."})
        environment, _, below = request.path.removeprefix(ADDIN).partition("/")
        known = environment == self.world.settings["visibilityEnvironment"]
        if (request.method, below) != ("POST", "transaction/adjustment/bulk") or not known:
            return Answer(status=404)
        with self.world.tables.transaction():
            return visibility.keep(self.world, decode(request.body), _refusals(fault))

    def _claims(self, token: str) -> dict[str, Any]:
        """Read a token of ours; one that is not says nothing."""
        claims, _, sign = token.partition(".")
        return dict(json.loads(base64.urlsafe_b64decode(claims))) if hmac.compare_digest(self._sign(claims), sign) else {}

    def _token_for(self, audience: str) -> str:
        told = {"aud": audience, "exp": self._time() + int(self.world.settings["tokenSeconds"])}
        claims = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
        return f"{claims}.{self._sign(claims)}"

    def _sign(self, text: str) -> str:
        return hmac.new(str(self.world.settings["clientSecret"]).encode(), text.encode(), hashlib.sha256).hexdigest()

    def _time(self) -> float:
        return self.world.now.timestamp() if self.world.settings["tokenTime"] == "virtual" else time.time()

    def _unauthorised(self, request: Request) -> Answer | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claims, _, sign = token.partition(".")
        why = "The access token is missing or not ours"
        if kind.lower() == "bearer" and hmac.compare_digest(self._sign(claims), sign):
            told = json.loads(base64.urlsafe_b64decode(claims))
            if told["aud"] != request.root:
                why = f"The audience {told['aud']} is not {request.root}"
            elif told["exp"] <= self._time():
                why = "The access token expired"
            else:
                return None
        return Answer(status=401, headers={"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{why}"'})

    # ------------------------------------------------------------ data management

    def _blob(self, request: Request) -> Answer:
        name = unquote(request.path.removeprefix("/blob/dmf/"))
        if dict(parse_qsl(request.query)).get("sig") != signature(self.world, name):
            return Answer(status=403, body=b"<Error><Code>AuthenticationFailed</Code></Error>", headers={"Content-Type": "application/xml"})
        if request.method == "PUT":
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                return Answer(
                    status=400, body=b"<Error><Code>MissingRequiredHeader</Code></Error>", headers={"Content-Type": "application/xml"}
                )
            store_blob(self.world, name, request.body)
            return Answer(status=201)
        body = read_blob(self.world, name)
        return Answer(status=404) if body is None else Answer(status=200, body=body, headers={"Content-Type": "application/octet-stream"})

    def _queue(self, request: Request, fault: Fault | None) -> Answer:
        """Answer the recurring-integration queue (facts/finance-scm 3): enqueue and jobstatus; there is nothing to dequeue here."""
        verb = request.path.removeprefix(QUEUE).partition("/")[0]
        query, service = dict(parse_qsl(request.query)), DataManagement(self.world)
        if verb == "enqueue" and request.method == "POST":
            with self.world.tables.transaction():
                message = service.enqueue(request.body, query.get("company") or str(self.world.settings["defaultCompany"]),
                                          request.headers.get("x-ms-dyn-externalidentifier", ""), _trouble(fault))
            return answer_json(200, message)
        if verb == "jobstatus" and request.method == "GET":
            job = service.job(query.get("jobId", ""))
            return answer_json(200, job) if job else answer_json(404, {"Message": "No such job."})
        if verb == "dequeue" and request.method == "GET":
            return Answer(status=204)
        raise Refused(404, {"Message": f"No HTTP resource was found that matches the request URI '{request.path}'."})

    def _data_management(self, request: Request, fault: Fault | None) -> Answer:
        if request.method != "POST":
            raise Refused(405, {"Message": f"The requested resource does not support http method '{request.method}'."})
        trouble = _trouble(fault)
        action = request.path.removeprefix(DMF)
        try:
            told = decode(request.body) if request.body else {}
            with self.world.tables.transaction():
                value = DataManagement(self.world).act(action, told, request.root, trouble)
        except (DecodeError, KeyError) as wrong:
            raise Refused(400, {"error": {"code": "", "message": f"The action parameters are not understood: {wrong}"}}) from wrong
        return answer_json(
            200,
            {
                "@odata.context": f"{request.root}/data/$metadata#{'Edm.Boolean' if isinstance(value, bool) else 'Edm.String'}",
                "value": value,
            },
        )

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


def _trouble(fault: Fault | None) -> Trouble:
    """Read what is to go wrong with an import."""
    trouble = Trouble()
    if fault and fault.kind == "row-error":
        trouble.rows = {int(row) for row in fault.told.get("rows", [fault.told.get("row", 1)])}
    if fault and fault.kind == "import-stuck":
        trouble.polls = int(fault.told.get("polls", 3))
    return trouble


def _refusals(fault: Fault | None) -> frozenset[int]:
    """Read which adjustments of a bulk call are to be refused."""
    return frozenset(map(int, fault.told.get("rows", [1]))) if fault and fault.kind == "visibility-refuses" else frozenset()


def _excluded(path: str) -> str:
    if path.startswith("/control/"):
        return "control"
    if path.endswith("/oauth2/v2.0/token") or path == SECURITY:
        return "token"
    return "metadata" if path.startswith(("/metadata/", "/data/$metadata")) else ""


def _noun(path: str) -> str:
    if path.startswith(ADDIN):
        return path.removeprefix(ADDIN).partition("/")[2]
    if path.startswith("/blob/"):
        return "blob"
    if path.startswith(QUEUE):
        return path.removeprefix(QUEUE).partition("/")[0]
    return path.removeprefix(DMF) if path.startswith(DMF) else path.removeprefix("/data/").partition("(")[0].partition("/")[0]


# ---------------------------------------------------------------- the wire


class _Wire:
    """The ASGI endpoint: reads a request, lets faults strike, writes or withholds the answer."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read(scope, receive)
        if request.path.startswith("/control/"):
            await write(send, self.emulator.steer(request))
            return
        control = self.emulator.control
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
        answer = afterwards(fault, emulator.process(request, fault))
        if fault.kind == "answer-lost":
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


def serve(state: Path | None = None, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start an emulator in a daemon thread; returns when it listens."""
    emulator = Emulator(state)
    return listen(emulator, "finance-scm-emulator", host, port, emulator.world.close)
