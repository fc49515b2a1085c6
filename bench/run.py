"""How fast is it, beside what the machine can do and beside what somebody would write instead?

`make bench` runs this. Every repetition first and last measures floors (what the disk and SQLite do alone, in the
same folder); where they differ by more than a quarter, the repetition is marked as noisy. Everything proves its work:
what was accepted is in the database, what was read is what was written. Medians, with the least and the most.

Load, server and database share the machine, so figures are low and ratios are what counts.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.parser import BytesParser
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import func, select

from backhaul.adapters.finance_scm.routes import MODES
from backhaul.adapters.odata import read_batch
from backhaul.adapters.odata.batch import Change, write_batch
from backhaul.adapters.sql import tables
from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.emulator.clock import body_bytes
from backhaul.adapters.zigzag.emulator.credit_lines import read_folder
from backhaul.adapters.zigzag.emulator.rule import plan_return
from backhaul.adapters.zigzag.emulator.story import tell
from backhaul.adapters.zigzag.webhook import Kind, Proof, Source
from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.application import process, receive
from backhaul.application.ports import Store, Tx
from backhaul.domain.delivery import Delivery, DeliveryState
from backhaul.entrypoints.demo.modes import apart, beside, same_returns
from backhaul.entrypoints.web.app import WallClock, serve
from backhaul.entrypoints.web.hooks import Hooks
from backhaul.profile import load_profile

sys.path.insert(0, str(Path(__file__).parent))

ROOT: Final = Path(__file__).resolve().parents[1]
RESULT: Final = ROOT / "bench" / "result.json"
WORK: Final = ROOT / "var" / "bench"
EVENT: Final = 1800
"""Size of an event in bytes, about what a return with three lines has."""
CONNECTIONS: Final = 32
NOISE: Final = 0.25
SECRET: Final = "bench"  # noqa: S105  it protects nothing
PAUSE: Final = 0.2
NOW: Final = datetime(2011, 6, 1, tzinfo=UTC)
ERPS: Final = ("finance-scm", "business-central")
SHOWN: Final = ("alembic", "dbos", "httpx", "litestar", "msgspec", "sqlalchemy", "starlette", "uvicorn", "uvloop")

Figures = dict[str, float]


# --- floors ---------------------------------------------------------------------------------------------


def floors(seconds: float) -> Figures:
    """Measure what the disk and SQLite do without us, in the folder where everything else is measured."""
    body = os.urandom(EVENT)
    return {
        "floor: fdatasync, 2 KB each (1/s)": _synced(body, seconds),
        "floor: SQLite WAL FULL, 1 per commit (1/s)": _committed(body, 1, seconds),
        "floor: SQLite WAL FULL, 100 per commit (1/s)": _committed(body, 100, seconds),
    }


def _synced(body: bytes, seconds: float) -> float:
    path = WORK / "floor.bin"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        os.write(handle, body)
        os.fdatasync(handle)
        count += 1
    took = time.perf_counter() - started
    os.close(handle)
    assert path.stat().st_size == count * len(body)
    path.unlink()
    return count / took


def _committed(body: bytes, group: int, seconds: float) -> float:
    path = WORK / "floor.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        _durable(file)
        file.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB)")
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            file.execute("BEGIN IMMEDIATE")
            file.executemany("INSERT INTO event (body) VALUES (?)", [(body,)] * group)
            file.execute("COMMIT")
            count += group
        took = time.perf_counter() - started
        assert file.execute("SELECT count(*) FROM event").fetchone() == (count,)
    _forget(path)
    return count / took


def _durable(file: sqlite3.Connection) -> None:
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = FULL")


def _forget(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


# --- the webhook: servers, each in a process of its own ---------------------------------------------------------


class Nowhere:
    """A store that keeps nothing: what the endpoint costs without being durable."""

    def begin(self) -> AbstractContextManager[Tx]:
        """Open nothing."""
        return nullcontext(cast("Tx", self))

    def keep(self, deliveries: Sequence[Delivery]) -> Sequence[DeliveryState]:
        """Say that all were stored."""
        return [DeliveryState.STORED] * len(deliveries)


class Revealed(str):
    """A secret that is none."""

    __slots__ = ()

    def reveal(self) -> str:
        """Give it."""
        return str(self)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  an ASGI application
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def serve_backhaul(path: Path, *, durable: bool) -> None:
    """Serve the product's webhook until standard input ends."""
    store = SqlStore(f"sqlite:///{path}")
    store.migrate()
    store.check()
    source = Source(name="main", tenant="bench", event_id=("eventId",), proof=Proof(kind=Kind.HMAC, secrets=(Revealed(SECRET),)))
    kept: Store = store if durable else cast("Store", Nowhere())
    running = serve(Hooks(_nothing, store=kept, sources=[source], clock=WallClock()))
    _until_told(running.base_url)
    running.close()
    store.close()


def serve_peer(path: Path) -> None:
    """Serve what one would write first: Starlette, a signature check, one insert and one commit for each request."""
    import uvicorn  # noqa: PLC0415  only this process needs it
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    _durable(file)
    file.execute("CREATE TABLE deliveries (id INTEGER PRIMARY KEY, event TEXT UNIQUE, body BLOB)")

    async def take(request: Request) -> Response:
        body = await request.body()
        signed = f"{request.headers['x-zigzag-timestamp']}.".encode() + body
        wanted = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, request.headers["x-zigzag-signature"]):
            return Response(status_code=401)
        file.execute("INSERT INTO deliveries (event, body) VALUES (?, ?)", (json.loads(body)["eventId"], body))
        return Response(status_code=200)

    config = uvicorn.Config(Starlette(routes=[Route("/hooks/zigzag/main", take, methods=["POST"])]), log_level="warning", access_log=False,
                            port=0, server_header=False, date_header=False)
    server = uvicorn.Server(config)

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  uvicorn offers no event to wait for
            await asyncio.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        await asyncio.to_thread(_until_told, f"http://127.0.0.1:{address[1]}")
        server.should_exit = True
        await task

    asyncio.run(run())
    file.close()


def _until_told(url: str) -> None:
    print(url, flush=True)
    sys.stdin.read()


@contextmanager
def _serving(kind: str, path: Path) -> Iterator[int]:
    """Start one of the servers in a process of its own; give its port."""
    with subprocess.Popen([sys.executable, str(Path(__file__)), "--serve", kind, "--path", str(path)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline().rpartition(":")[2])
        server.communicate()
        assert server.returncode == 0


# --- the webhook: load --------------------------------------------------------------------------------------


class Caller(asyncio.Protocol):
    """One connection that sends its next request when the last one is answered."""

    def __init__(self, requests: Iterator[bytes], times: list[float], done: asyncio.Future[None]) -> None:
        """Share the requests with the other connections."""
        self._requests, self._times, self._done = requests, times, done
        self._transport: asyncio.Transport | None = None
        self._started, self._seen = 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take the answer; it has no body."""
        self._seen += data
        if b"\r\n\r\n" in self._seen:
            assert self._seen.startswith(b"HTTP/1.1 200"), self._seen
            self._times.append(time.perf_counter() - self._started)
            self._seen = b""
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that this connection is through, or that it broke."""
        if exc is not None and not self._done.done():
            self._done.set_exception(exc)
        elif not self._done.done():
            self._done.set_result(None)


def _requests(count: int, run: str) -> list[bytes]:
    """Write signed requests, each with an event of its own."""
    made = []
    filler = "x" * (EVENT - 120)
    stamp = str(int(time.time()))
    for number in range(count):
        event = {"eventId": f"{run}-{number}", "eventType": "ReturnCreated", "return": {"returnId": f"R{number}"}, "note": filler}
        body = json.dumps(event).encode()
        signature = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        made.append(b"".join((
            b"POST /hooks/zigzag/main HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n",
            f"X-ZigZag-Timestamp: {stamp}\r\nX-ZigZag-Signature: sha256={signature}\r\n".encode(),
            f"Content-Length: {len(body)}\r\n\r\n".encode(), body)))
    return made


async def _load(port: int, requests: Sequence[bytes]) -> tuple[float, list[float]]:
    """Send everything over so many connections; give the seconds it took and each answer's time."""
    loop = asyncio.get_running_loop()
    waiting, times = iter(requests), list[float]()
    ends = [loop.create_future() for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: Caller(waiting, times, end), "127.0.0.1", port)  # type: ignore[misc]  # bound at once
    await asyncio.gather(*ends)
    return time.perf_counter() - started, times


def intake(kind: str, name: str, size: int) -> Figures:
    """Load one server; what it accepted must be in its database afterwards."""
    path = WORK / f"{kind}.sqlite"
    _forget(path)
    with _serving(kind, path) as port:
        asyncio.run(_load(port, _requests(500, "warm")))
        requests = _requests(size, "run")
        took, times = asyncio.run(_load(port, requests))
    with closing(sqlite3.connect(path)) as file:
        stored = file.execute("SELECT count(*) FROM deliveries WHERE body IS NOT NULL").fetchone()[0]
    assert len(times) == size
    assert stored == (0 if kind == "nowhere" else size + 500), f"{name}: {size + 500} accepted, {stored} stored"
    _forget(path)
    cut = statistics.quantiles(times, n=100)
    return {f"{name} (1/s)": size / took, f"{name}, p50 (ms)": cut[49] * 1000, f"{name}, p99 (ms)": cut[98] * 1000}


# --- reading and judging ------------------------------------------------------------------------------------


def reading(size: int) -> Figures:
    """Take the example's own events through `digest` and `process`, as one turn does."""
    profile = load_profile(ROOT / "examples" / "profiles" / "online-retail.toml", offline=True)
    rules = profile.rules
    notes = read_folder(ROOT / "examples" / "online-retail")[:size]
    events = [event for note in notes for event in tell(note, plan_return(note, 7), "QX501")]
    path = WORK / "reading.sqlite"
    _forget(path)
    store = SqlStore(f"sqlite:///{path}")
    store.migrate()
    with store.begin() as tx:
        receive.keep(tx, [Delivery(tenant=rules.tenant, source="main", identity=event.event_id, body=body_bytes(event.body, "typed"),
                                   received_at=NOW) for event in events])
    started = time.perf_counter()
    read = facts = 0
    while (done := receive.digest(store, ZigZagWire(profile.wire), rules, now=datetime.now(UTC))).deliveries:
        read, facts = read + done.deliveries, facts + done.facts
    digested = time.perf_counter() - started
    started = time.perf_counter()
    while process.process(store, rules, {"gb01": MODES["A"].route}, NOW):
        pass
    processed = time.perf_counter() - started
    with store.read() as connection:
        kept = connection.execute(select(func.count()).select_from(tables.facts)).scalar_one()
    with store.begin() as tx:
        cases = tx.cases(rules.tenant)
    store.close()
    assert read == len(events)
    assert kept >= facts > 0
    assert len(cases) == len(notes)
    _forget(path)
    return {"digest: deliveries read (1/s)": read / digested, "process: cases folded and planned (1/s)": len(cases) / processed}


# --- $batch -------------------------------------------------------------------------------------------------


def batches(size: int) -> Figures:
    """Write and read one `$batch` of many change sets, against the same with the standard library's MIME."""
    rows = [{"dataAreaId": "gb01", "CustomerAccountNumber": f"C{number}", "CustomersOrderReference": f"ZZ{number:018d}",
             "CurrencyCode": "GBP", "OrderTotalAmount": "-12.34"} for number in range(size)]
    answer = _answered(rows)
    started = time.perf_counter()
    changes = [[Change(method="POST", address="ReturnOrderHeadersV2", body=row)] for row in rows]
    sent = write_batch("b", "https://example.invalid", [], changes)
    read = read_batch("multipart/mixed; boundary=a", answer, [1] * size, NOW)
    ours = time.perf_counter() - started
    assert all(given is not None and given.status == 201 and given.body["CustomersOrderReference"] == row["CustomersOrderReference"]  # noqa: PLR2004
               for row, given in zip(rows, read, strict=True))
    assert sent.count(b"POST https://example.invalid/data/ReturnOrderHeadersV2") == size
    started = time.perf_counter()
    naive_sent = _naive_write(rows)
    naive_read = _naive_read(answer)
    naive = time.perf_counter() - started
    assert naive_sent.count(b"POST https://example.invalid/data/ReturnOrderHeadersV2") == size
    assert [row["CustomersOrderReference"] for row in naive_read] == [row["CustomersOrderReference"] for row in rows]
    return {"$batch: change sets written and read (1/s)": size / ours, "peer: the same with email and json (1/s)": size / naive}


def _answered(rows: Sequence[Mapping[str, str]]) -> bytes:
    lines = []
    for number, row in enumerate(rows, start=1):
        lines += ["--a", f"Content-Type: multipart/mixed; boundary=c{number}", "", f"--c{number}", "Content-Type: application/http",
                  "Content-Transfer-Encoding: binary", f"Content-ID: {number}", "", "HTTP/1.1 201 Created",
                  "Content-Type: application/json; odata.metadata=minimal", 'ETag: W/"1"', "", json.dumps(row), f"--c{number}--", ""]
    return "\r\n".join([*lines, "--a--", ""]).encode()


def _naive_write(rows: Sequence[Mapping[str, str]]) -> bytes:
    whole = MIMEMultipart("mixed", boundary="b")
    for number, row in enumerate(rows, start=1):
        change = MIMEMultipart("mixed", boundary=f"s{number}")
        request = "\r\n".join(("POST https://example.invalid/data/ReturnOrderHeadersV2 HTTP/1.1", "Content-Type: application/json", "",
                               json.dumps(row)))
        part = MIMEApplication(request.encode(), "http", lambda message: message.add_header("Content-Transfer-Encoding", "binary"))
        part["Content-ID"] = str(number)
        change.attach(part)
        whole.attach(change)
    return whole.as_bytes()


def _naive_read(answer: bytes) -> list[dict[str, Any]]:
    message = BytesParser().parsebytes(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + answer)
    told = []
    for part in message.walk():
        if part.get_content_type() == "application/http":
            text = str(part.get_payload())
            told.append(json.loads(text.replace("\r\n", "\n").split("\n\n", 1)[1], parse_float=Decimal))
    return told


# --- deployment modes -----------------------------------------------------------------------------------------


def modes(size: int, kind: str = "finance-scm") -> dict[str, Any]:
    """Carry the same returns through every deployment mode of an ERP, once, because calls do not vary.

    They must end in equal stock and credit, but for items of lines that only one of them holds for a customer's allowance; those are told.
    """
    told = {mode: same_returns(WORK / f"{kind}-{mode}", mode, size, kind) for mode in "ABC"}
    lines = {mode: apart(told["A"], told[mode]) for mode in told}
    for mode in "BC":
        credits_, stock = beside(told[mode], lines[mode])
        assert (credits_, stock) == beside(told["A"], lines[mode]), f"mode {mode} ends in other credits or stock than A"
        assert len(lines[mode]) * 100 <= size, f"mode {mode} holds other lines than A: {', '.join(lines[mode])}"
    return {mode: {name: each[name] for name in ("returns", "calls", "calls_per_return", "credit_notes")}
            | {"lines": len(each["credits"]), "apart": list(lines[mode])} for mode, each in told.items()}


# --- all of it ----------------------------------------------------------------------------------------------


def steps(*, quick: bool) -> Sequence[Callable[[], Figures]]:
    """Give what one repetition measures, in order."""
    size = 4_000 if quick else 10_000
    return (
        lambda: intake("backhaul", "webhook: durable, shared commits", size),
        lambda: intake("nowhere", "webhook: the same endpoint, storing nothing", size),
        lambda: intake("peer", "peer: Starlette, one commit per request", size),
        lambda: reading(100 if quick else 300),
        lambda: batches(300),
    )


def repeat(count: int, *, quick: bool) -> Iterator[dict[str, Any]]:
    """Measure everything so many times; give figures, and whether the machine was steady meanwhile."""
    for number in range(1, count + 1):
        print(f"repetition {number} of {count}", file=sys.stderr, flush=True)
        before = floors(0.5)
        figures: Figures = {}
        for step in steps(quick=quick):
            figures |= step()
            time.sleep(PAUSE)
        after = floors(0.5)
        apart = {name: abs(after[name] - before[name]) / max(before[name], after[name]) for name in before}
        yield {"figures": figures | {name: (before[name] + after[name]) / 2 for name in before}, "floors_before": before,
               "floors_after": after, "noisy": [name for name, share in apart.items() if share > NOISE]}


def summarise(told: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Give median, least and most of each figure."""
    names = list(told[0]["figures"])
    series = {name: [each["figures"][name] for each in told] for name in names}
    return {name: {"median": statistics.median(values), "min": min(values), "max": max(values)} for name, values in series.items()}


def ratios(summary: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Compare medians that belong together."""
    def median(name: str) -> float:
        return summary[name]["median"]

    ours, floor = median("webhook: durable, shared commits (1/s)"), median("floor: SQLite WAL FULL, 1 per commit (1/s)")
    return {
        "durable intake / storing nothing": ours / median("webhook: the same endpoint, storing nothing (1/s)"),
        "durable intake / peer with one commit per request": ours / median("peer: Starlette, one commit per request (1/s)"),
        "durable intake / SQLite's floor at 1 per commit": ours / floor,
        "$batch / the same with email and json": median("$batch: change sets written and read (1/s)")
        / median("peer: the same with email and json (1/s)"),
    }


def table(result: Mapping[str, Any]) -> str:
    """Write the result as Markdown."""
    about = result["about"]
    lines = [
        (f"{about['cpus']} CPUs, {about['system']}, Python {about['python']}, SQLite {about['sqlite']}; "
         f"{about['repetitions']} repetitions, {about['noisy']} of them noisy (a floor moved by more than 25 %)."),
        "", "| What | Median | Least | Most |", "|---|---:|---:|---:|",
    ]
    for name, row in result["summary"].items():
        form = ",.4g" if row["median"] < 1000 else ",.0f"  # noqa: PLR2004  beyond this, fractions say nothing
        lines.append(f"| {name} | {row['median']:{form}} | {row['min']:{form}} | {row['max']:{form}} |")
    lines += ["", "| Ratio of medians | |", "|---|---:|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in result["ratios"].items()]
    lines += ["", *table_of_modes(result["modes"])]
    if "modes_business_central" in result:
        lines += ["", "Business Central", "", *table_of_modes(result["modes_business_central"])]
    return "\n".join(lines)


def table_of_modes(told: Mapping[str, Any]) -> list[str]:
    """Write what the deployment modes came to as rows of a table."""
    rows = ["| " + " | ".join((mode, *(str(row[name]) for name in ("returns", "lines", "calls", "calls_per_return")),
                               ", ".join(row["apart"]) or "-")) + " |" for mode, row in told.items()]
    return ["| Deployment mode | Returns | Credit lines | ERP calls | Calls per return | Lines held otherwise than in A |",
            "|---|---:|---:|---:|---:|---|", *rows]


def measure(*, quick: bool) -> None:
    """Measure, write the result file, print the table."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    told = list(repeat(3 if quick else 5, quick=quick))
    by_mode, central = (modes(100 if quick else 500, kind) for kind in ERPS)
    shutil.rmtree(WORK, ignore_errors=True)
    summary = summarise(told)
    result = {
        "about": {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpus": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "backhaul": version("backhaul"),
            "versions": {name: version(name) for name in SHOWN},
            "repetitions": len(told),
            "noisy": sum(bool(each["noisy"]) for each in told), "quick": quick, "connections": CONNECTIONS, "event_bytes": EVENT,
        },
        "summary": summary, "ratios": ratios(summary), "modes": by_mode, "modes_business_central": central, "repetitions": told,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(result))


def main() -> None:
    """Measure, or be one of the servers that are measured."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true", help="three repetitions of less instead of five")
    asked.add_argument("--modes", action="store_true", help="only the same returns through every deployment mode")
    asked.add_argument("--pages", action="store_true", help="only the pages of the console, on both databases")
    asked.add_argument("--proof", action="store_true", help="only the proof of extracts, beside its floor and its peers")
    asked.add_argument("--lines", type=int, default=10_000_000, help="how many lines --proof proves; peers stop at a million")
    asked.add_argument("--python", default=sys.executable, help="a Python that has pandas, Polars and datacompy, for --proof")
    asked.add_argument("--no-history", action="store_true", help="leave out of --proof the run that goes on from all lines")
    asked.add_argument("--returns", type=int, default=50_000, help="how many returns lie in the database for --pages")
    asked.add_argument("--serve", choices=("backhaul", "nowhere", "peer"), help=argparse.SUPPRESS)
    asked.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    told = asked.parse_args()
    if told.serve == "peer":
        serve_peer(told.path)
    elif told.modes:
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        for kind in ERPS:
            print("\n".join(("", kind, "", *table_of_modes(modes(100 if told.quick else 500, kind)))))
    elif told.proof:
        shutil.rmtree(WORK, ignore_errors=True)
        subprocess.run([sys.executable, str(ROOT / "bench" / "proof.py"), str(WORK), str(told.lines), told.python,
                        *(["--no-history"] if told.no_history else [])], check=True)
    elif told.pages:
        subprocess.run([sys.executable, str(ROOT / "bench" / "console.py"), "--returns", str(told.returns),
                        "--times", "20" if told.quick else "100"], check=True)
    elif told.serve:
        serve_backhaul(told.path, durable=told.serve == "backhaul")
    else:
        measure(quick=told.quick)


if __name__ == "__main__":
    main()
