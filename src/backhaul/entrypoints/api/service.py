"""What can a program ask and do?

JSON under `/api/v1`, by the same services as the console and the command line, described by OpenAPI 3.1 at `/api/openapi.json`.
"""

from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from backhaul.application.ports import Clock
from backhaul.entrypoints.api import reading, surveying, working
from backhaul.entrypoints.api.frame import HouseLike, asked_by, failed, guard, secured

PREFIX: Final = "/api/v1"
BODY: Final = 16 * 1024 * 1024
"""A larger request is refused; evidence in base64 fits."""


def create_api(house: HouseLike, clock: Clock) -> Litestar:
    """Build the API, with its description."""
    v1 = Router(path=PREFIX, route_handlers=[*reading.ROUTES, *surveying.ROUTES, *working.ROUTES], guards=[guard(house, clock)],
                dependencies={"asked": Provide(asked_by, sync_to_thread=False)})
    description = OpenAPIConfig(
        title="Backhaul", version="1", path="/api", render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        security=[{"token": []}], components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}))
    description.default_plugin = None  # or it would answer at /api as well, and only the address that is documented is open (C12)
    return Litestar(
        route_handlers=[v1], logging_config=None, request_max_body_size=BODY, after_request=secured, exception_handlers={Exception: failed},
        openapi_config=description)


def beside(api: Any, app: Any) -> Any:  # noqa: ANN401  two ASGI applications
    """Put the API beside another application: it gets what begins with ``/api``, the other everything else."""

    async def either(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI's own words
        path = scope.get("path", "")
        await (api if path == "/api" or path.startswith("/api/") else app)(scope, receive, send)

    return either
