"""How does the application come to listen on a port?"""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, Self, cast

import uvicorn

from backhaul.entrypoints.web.hooks import Hooks
from backhaul.entrypoints.web.quiet import QuietHttpProtocol


@dataclass(slots=True)
class Running:
    """A server that listens. Use it in a `with` block, or close it."""

    base_url: str
    app: Hooks
    _server: uvicorn.Server
    _thread: Thread

    def close(self) -> None:
        """Stop taking requests, finish those that are under way, and wait for that."""
        self._server.should_exit = True
        self._thread.join()

    def wait(self) -> None:
        """Stay until somebody interrupts."""
        with suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                self._thread.join(0.5)

    def __enter__(self) -> Self:
        """Use it until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def serve(app: Hooks, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start serving in a thread of its own and return when it listens; port 0 takes a free one."""
    listener = socket.create_server((host, port), backlog=1024)
    # asyncio leaves Nagle's algorithm on for a listener it is handed; head and body would wait 40 ms for each other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        cast("Any", app), http=QuietHttpProtocol, ws="none", log_level="warning", access_log=False, lifespan="on",
        server_header=False, date_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=15)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([listener],), name="backhaul-web", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    if not server.started:
        message = "the web server did not start; its log says why"
        raise OSError(message)
    return Running(f"http://{host}:{listener.getsockname()[1]}", app, server, thread)


def run(app: Hooks, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve until somebody interrupts."""
    with serve(app, host, port) as running:
        running.wait()
