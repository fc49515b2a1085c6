"""Where does the emulator listen, and how is it steered?

Control (ours):

    POST /control/load        {"folder"|"lines", "seed": 7, "retailerCode": "QX501", "limit"?, "replace"?}
    POST /control/subscribe   {"url", "auth": {"kind": "hmac", "secret": "…"}, "shape": "typed"|"whole", "timeout"?}
    GET  /control/clock       {"now", "first", "last", "fates"}
    POST /control/clock       {"now": ISO, "shuffle"?, "duplicate"?, "seed"?, "connections"?}: sends what fell due;
                              answers when all is sent, which may take long
    GET  /control/events      ?return=  every event of a return, with its delivery · without: all due until now
    GET  /control/export      ?format=jsonl|json|csv &until= &since= &fate= &shape=
    GET  /control/truth       ?until=   per return and line what really happened
    GET  /control/payouts     ?since= &until=   refunds issued
    GET  /control/platform    what the two PUT operations stored
    POST /control/tokens/expire
    POST /control/tell        {"events": […]}: typed events as they are, also of returns that are known
    POST /control/api         {"omit": [returnId], "faults": [{"path": "GET /Return", "status": 429, "after"?, "times"?,
                              "retryAfter"?, "seconds"?, "location"?}]}: how the interface misbehaves from here on
    GET  /control/api         {"tokensGiven", "asked"}

Platform: `POST /token`, `PUT /Return/api/v1/ExchangeStocks/Update`, `PUT …/NonReturnableProducts`, and inferred
`GET …/returns?orderNumber=`, `GET …/returns?changedSince=&page=&pageSize=`, `GET …/returns/{returnId}`.
"""

import asyncio
import csv
import io
import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, Self, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backhaul.adapters.zigzag.emulator import platform_api
from backhaul.adapters.zigzag.emulator.clock import Manner, body_bytes, pass_time
from backhaul.adapters.zigzag.emulator.courier import NEEDS
from backhaul.adapters.zigzag.emulator.credit_lines import read_folder, read_rows
from backhaul.adapters.zigzag.emulator.platform_api import Misconduct, Tokens
from backhaul.adapters.zigzag.emulator.rule import plan_return
from backhaul.adapters.zigzag.emulator.story import Json, flat_rows, tell, utc_text
from backhaul.adapters.zigzag.emulator.tape import Tape
from backhaul.adapters.zigzag.emulator.truth import truth_of

Query: TypeAlias = Mapping[str, str]
Verb: TypeAlias = "Callable[[Emulator, Query, Json], Response]"

FOREVER: Final = "9999"
API: Final = "/Return/api/v1"


class Emulator:
    """What the routes share: the tape, the tokens, and a lock so that time passes once at a time."""

    def __init__(self, state: Path | None) -> None:
        """Open the state."""
        self.tape, self.tokens, self.passing = Tape(state), Tokens(), Lock()
        self.misconduct = Misconduct()

    def now(self) -> str:
        """Say how late it is; before any event has happened, an empty text."""
        return str(self.tape.setting("now") or "")

    def until(self, query: Query) -> str:
        """Read `until=` of a question: a time, `all` for the whole future, or by default now."""
        asked = query.get("until")
        if asked == "all":
            return FOREVER
        return utc_text(_time(asked)) if asked else self.now()


def _time(text: str) -> datetime:
    """Read an ISO time; one without a zone is UTC."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _load(emulator: Emulator, _query: Query, asked: Json) -> Response:
    notes = read_folder(Path(asked["folder"])) if "folder" in asked else read_rows(asked["lines"])
    seed, retailer = int(asked.get("seed", 7)), str(asked.get("retailerCode", "QX501"))
    if asked.get("replace"):
        emulator.tape.forget_returns()
    told = [
        emulator.tape.add(
            note.number,
            [line.goods for line in note.lines],
            tell(note, plan_return(note, seed), retailer),
        )
        for note in notes[: asked.get("limit")]
    ]
    first, last = emulator.tape.span()
    counts = {"returns": sum(map(bool, told)), "alreadyKnown": told.count(0), "events": sum(told)}
    return JSONResponse({**counts, "first": first, "last": last})


def _subscribe(emulator: Emulator, _query: Query, asked: Json) -> Response:
    auth, shape = asked.get("auth") or {"kind": "none"}, asked.get("shape", "typed")
    missing = [key for key in NEEDS[auth["kind"]] if not auth.get(key)]
    if missing or shape not in {"typed", "whole"}:
        message = f"Missing in auth: {missing}." if missing else f"No shape '{shape}'; typed or whole."
        raise ValueError(message)
    timeout = float(asked.get("timeout", 10))
    emulator.tape.keep(subscription={"url": asked["url"], "auth": auth, "shape": shape, "timeout": timeout})
    return JSONResponse({"url": asked["url"], "kind": auth["kind"], "shape": shape})


def _clock(emulator: Emulator, _query: Query, _asked: Json) -> Response:
    first, last = emulator.tape.span()
    now = emulator.now() or None
    return JSONResponse({"now": now, "first": first, "last": last, "fates": emulator.tape.fates()})


def _pass_time(emulator: Emulator, _query: Query, asked: Json) -> Response:
    manner = Manner(
        shuffle=bool(asked.get("shuffle")),
        duplicate=int(asked.get("duplicate", 0)),
        seed=int(asked.get("seed", 7)),
        connections=int(asked.get("connections", 8)),
    )
    with emulator.passing:
        passed = pass_time(emulator.tape, _time(asked["now"]), manner)
    counts = {key: getattr(passed, key) for key in ("delivered", "failed", "lost", "unsent")}
    return JSONResponse({"now": emulator.now(), **counts, "statuses": dict(sorted(passed.statuses.items()))})


def _events(emulator: Emulator, query: Query, _asked: Json) -> Response:
    if "return" in query:
        return JSONResponse(emulator.tape.story_of(query["return"]))
    return JSONResponse(emulator.tape.bodies(emulator.until(query)))


def _export(emulator: Emulator, query: Query, _asked: Json) -> Response:
    since = utc_text(_time(query["since"])) if "since" in query else ""
    bodies = emulator.tape.bodies(emulator.until(query), since, query.get("fate"))
    kind, shape = query.get("format", "jsonl"), query.get("shape", "typed")
    if kind == "csv":
        return Response(_csv_text(bodies), media_type="text/csv; charset=utf-8")
    lines = [body_bytes(body, shape) for body in bodies]
    if kind == "json":
        return Response(b"[" + b",\n".join(lines) + b"]", media_type="application/json")
    if kind != "jsonl":
        message = f"No format '{kind}'; jsonl, json or csv."
        raise ValueError(message)
    return Response(b"".join(line + b"\n" for line in lines), media_type="application/x-ndjson")


def _csv_text(bodies: list[Json]) -> str:
    text, rows = io.StringIO(newline=""), list(flat_rows(bodies))
    if rows:
        table = csv.DictWriter(text, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return text.getvalue()


def _truth(emulator: Emulator, query: Query, _asked: Json) -> Response:
    return JSONResponse([truth_of(body, goods) for body, goods in emulator.tape.youngest(emulator.until(query))])


def _payouts(emulator: Emulator, query: Query, _asked: Json) -> Response:
    since = utc_text(_time(query["since"])) if "since" in query else ""
    issued = emulator.tape.bodies(emulator.until(query), since)
    paid = [
        {
            **{key: body["return"][key] for key in ("returnId", "customer", "country")},
            **{key: body["return"]["refund"][key] for key in ("reference", "amount", "currency", "paidAt")},
        }
        for body in issued
        if body["eventType"] == "RefundIssued"
    ]
    return JSONResponse(paid)


def _platform(emulator: Emulator, _query: Query, _asked: Json) -> Response:
    stock, forbidden = emulator.tape.setting("stock"), emulator.tape.setting("non_returnable")
    return JSONResponse({"exchangeStocks": stock or {}, "nonReturnableProducts": forbidden or {}})


def _expire(emulator: Emulator, _query: Query, _asked: Json) -> Response:
    emulator.tokens.expire()
    return JSONResponse({"expired": True})


def _stock(emulator: Emulator, _query: Query, asked: Json) -> Response:
    return _answer(platform_api.update_stock(emulator.tape, asked))


def _forbid(emulator: Emulator, _query: Query, asked: Json) -> Response:
    return _answer(platform_api.forbid_returns(emulator.tape, asked, emulator.misconduct.left_out))


def _products(emulator: Emulator, query: Query, _asked: Json) -> Response:
    return _answer(platform_api.list_products(emulator.tape, query))


def _look_up(emulator: Emulator, query: Query, _asked: Json) -> Response:
    return _answer(platform_api.look_up(emulator.tape, query, emulator.now(), emulator.misconduct.omitted))


def _look_at(emulator: Emulator, query: Query, _asked: Json) -> Response:
    return _answer(platform_api.look_at(emulator.tape, query["returnId"], emulator.now()))


def _tell(emulator: Emulator, _query: Query, asked: Json) -> Response:
    added = emulator.tape.write(asked["events"])
    return JSONResponse({"events": added})


def _misbehave(emulator: Emulator, _query: Query, asked: Json) -> Response:
    faults = [{"times": 1, "after": 0, "status": 500, **fault} for fault in asked.get("faults", [])]
    with emulator.misconduct.lock:
        emulator.misconduct.omitted = frozenset(asked.get("omit", []))
        emulator.misconduct.left_out = frozenset(asked.get("leaveOut", []))
        emulator.misconduct.faults = faults
        emulator.misconduct.asked = []
    return JSONResponse({"faults": len(faults), "omit": len(emulator.misconduct.omitted)})


def _conduct(emulator: Emulator, _query: Query, _asked: Json) -> Response:
    return JSONResponse({"tokensGiven": emulator.tokens.given, "asked": emulator.misconduct.asked})


def _answer(answer: platform_api.Answer) -> Response:
    return JSONResponse(answer[1], status_code=answer[0])


ROUTES: Final[tuple[tuple[str, str, Verb], ...]] = (
    ("POST", "/control/load", _load),
    ("POST", "/control/subscribe", _subscribe),
    ("GET", "/control/clock", _clock),
    ("POST", "/control/clock", _pass_time),
    ("GET", "/control/events", _events),
    ("GET", "/control/export", _export),
    ("GET", "/control/truth", _truth),
    ("GET", "/control/payouts", _payouts),
    ("GET", "/control/platform", _platform),
    ("POST", "/control/tokens/expire", _expire),
    ("POST", "/control/tell", _tell),
    ("GET", "/control/api", _conduct),
    ("POST", "/control/api", _misbehave),
    ("PUT", f"{API}/ExchangeStocks/Update", _stock),
    ("PUT", f"{API}/NonReturnableProducts", _forbid),
    ("GET", f"{API}/NonReturnableProducts", _products),
    ("GET", f"{API}/returns", _look_up),
    ("GET", f"{API}/returns/{{returnId}}", _look_at),
)


def application(emulator: Emulator) -> Starlette:
    """Build the ASGI application around an emulator."""

    async def token(request: Request) -> Response:
        if fault := _fault(emulator, request):
            return await _misanswer(fault)
        kind = request.headers.get("content-type", "application/json")
        return _answer(platform_api.ask_token(emulator.tokens, await request.body(), kind))

    routes = [Route(path, _route(emulator, path, verb), methods=[method]) for method, path, verb in ROUTES]
    return Starlette(routes=[Route("/token", token, methods=["POST"]), *routes])


def _fault(emulator: Emulator, request: Request) -> Json | None:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return emulator.misconduct.fault_of(request.method, target)


async def _misanswer(fault: Json) -> Response:
    """Misbehave as told: an answer of any status, late, or none of what was asked."""
    await asyncio.sleep(float(fault.get("seconds", 0)))
    headers = {name: str(fault[key]) for name, key in (("Retry-After", "retryAfter"), ("Location", "location")) if key in fault}
    return JSONResponse({"message": "as told"}, status_code=int(fault["status"]), headers=headers)


def _route(emulator: Emulator, path: str, verb: Verb) -> Callable[[Request], Any]:
    """Make an endpoint: read the question, ask for a token where the platform would, answer in a thread."""

    async def endpoint(request: Request) -> Response:
        fault = _fault(emulator, request) if path.startswith(API) else None
        if fault and not fault.get("applied"):
            return await _misanswer(fault)
        if path.startswith(API) and not emulator.tokens.accept(request.headers.get("authorization", "")):
            return JSONResponse({"message": "The token is missing, unknown or too old."}, status_code=401)
        try:
            raw = await request.body()
            asked = json.loads(raw or b"{}")
            answer = await run_in_threadpool(verb, emulator, {**request.query_params, **request.path_params}, asked)
        except (KeyError, ValueError, TypeError, ArithmeticError, OSError) as error:
            wrong = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return JSONResponse({"message": wrong}, status_code=400)
        return await _misanswer(fault) if fault else answer

    return endpoint


@dataclass(slots=True)
class Running:
    """An emulator that listens. Use it in a `with` block, or close it."""

    base_url: str
    _server: uvicorn.Server
    _thread: Thread
    _emulator: Emulator

    def wait(self) -> None:
        """Wait until it stops listening."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening and close the state."""
        self._server.should_exit = True
        self._thread.join()
        self._emulator.tape.close()

    def __enter__(self) -> Self:
        """Use it until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def serve(state: Path | None = None, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start an emulator in a thread of its own, and return when it listens.

    `state` is the SQLite file that survives a restart (a folder gets `zigzag.sqlite`); without it all
    is kept in memory. Port 0 takes a free one; `base_url` tells which.
    """
    file = state / "zigzag.sqlite" if state and state.is_dir() else state
    emulator = Emulator(file)
    listener = socket.create_server((host, port))
    # asyncio leaves Nagle's algorithm on for a listener it is handed; head and body would wait 40 ms for each other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        application(emulator), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([listener],), name="zigzag-emulator", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    return Running(f"http://{host}:{listener.getsockname()[1]}", server, thread, emulator)


def run(state: Path | None, host: str, port: int) -> None:
    """Serve until the thread ends or the process is interrupted."""
    with serve(state, host, port) as running, suppress(KeyboardInterrupt):
        print(running.base_url, flush=True)  # noqa: T201 -- whoever started us reads where we listen
        running.wait()
