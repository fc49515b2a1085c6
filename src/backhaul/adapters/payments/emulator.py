"""What does a payment provider answer that lists its refunds?

A stand-in on loopback for tests: `GET /v1/refunds` with `changedFrom`, `changedTo` and `cursor`, behind a bearer key, some on a page. The
shape is that of no provider in particular; whoever reads it has only the profile to go by. `POST /control/refunds` tells it what was paid,
`POST /control/answer` how it misbehaves next.
"""

import json
from typing import Any, Final, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backhaul.adapters.loopback import Running, listen

Json: TypeAlias = dict[str, Any]
PAGE: Final = 2


class Provider:
    """All refunds of one merchant, oldest change first."""

    def __init__(self, key: str) -> None:
        """Begin with none."""
        self.key, self.refunds, self.next_answers, self.asked = key, list[Json](), list[Json](), list[str]()
        self.transports: Any = {}

    @property
    def app(self) -> Starlette:
        """Give the application."""
        return Starlette(routes=[Route("/v1/refunds", self.tell), Route("/control/refunds", self.pay, methods=["POST"]),
                                 Route("/control/answer", self.misbehave, methods=["POST"])])

    async def pay(self, request: Request) -> Response:
        """Remember refunds; one that is known by its id changes."""
        for refund in json.loads(await request.body()):
            self.refunds = [each for each in self.refunds if each["id"] != refund["id"]] + [refund]
        return JSONResponse({"refunds": len(self.refunds)})

    async def misbehave(self, request: Request) -> Response:
        """Answer the next request as told."""
        self.next_answers.append(json.loads(await request.body()))
        return JSONResponse({})

    async def tell(self, request: Request) -> Response:
        """List what changed in a time, some on a page."""
        self.asked.append(str(request.url.query))
        if self.next_answers:
            told = self.next_answers.pop(0)
            return Response(told.get("body", ""), status_code=told["status"], headers=told.get("headers", {}))
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        asked = request.query_params
        found = [each for each in self.refunds if asked.get("changedFrom", "") <= each["changedAt"] < asked.get("changedTo", "9")]
        at = int(asked.get("cursor") or 0)
        return JSONResponse({"data": {"refunds": found[at:at + PAGE], "nextCursor": str(at + PAGE) if found[at + PAGE:] else None}})


def serve(key: str, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Listen on loopback."""
    return listen(Provider(key), "payment-provider", host, port, lambda: None)
