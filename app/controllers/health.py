"""How the service is: alive, ready, healthy, and in numbers."""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec

from app import problems
from app.auth.admission import admit_watcher
from app.calls import OpenCall, provide_open_call
from app.schemas import LiveResponse, ReadyResponse
from observability.metrics import expose
from observability.workers.exchange import Gathering
from providers.chain.chained import ChainHealth
from providers.types import Health

STATUS_HEALTHY = 200
STATUS_UNHEALTHY = 503


class HealthController(Controller):
    """Open without a key: what asks here are load balancers and probes, which hold none."""

    tags = ("health",)
    dependencies = {"call": Provide(provide_open_call)}  # noqa: RUF012 - read by the framework, never changed

    @get(
        "/memory/health",
        before_request=admit_watcher,
        responses={
            STATUS_UNHEALTHY: ResponseSpec(Health, description="Cannot serve now", generate_examples=False),
            **problems.described(problems.FORBIDDEN),
        },
    )
    async def memory_health(self, call: NamedDependency[OpenCall]) -> Response[Health]:
        """Tell how the provider is; 503 when it cannot serve."""
        health = await call.provider.health_check()
        return Response(health, status_code=_status(healthy=health.healthy))

    @get("/livez")
    async def livez(self) -> LiveResponse:
        """Tell that the process runs; asks nobody."""
        return LiveResponse()

    @get(
        "/readyz",
        before_request=admit_watcher,
        responses={
            STATUS_UNHEALTHY: ResponseSpec(ReadyResponse, description="Not ready", generate_examples=False),
            **problems.described(problems.FORBIDDEN),
        },
    )
    async def readyz(self, request: Request[Any, Any, Any], call: NamedDependency[OpenCall]) -> Response[ReadyResponse]:
        """Tell whether requests can be served, and will be for a while."""
        health = await call.provider.health_check()
        leaving: bool = request.app.state.leaving
        ready = health.healthy and not leaving
        answer = ReadyResponse(ready, _by_name(health, call.first), leaving=leaving)
        return Response(answer, status_code=_status(healthy=ready))

    @get("/metrics", before_request=admit_watcher, media_type="text/plain", include_in_schema=False)
    async def metrics(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Give all metrics in Prometheus' text format, those of all workers."""
        gathering: Gathering = request.app.state.gathering
        # In a thread, since thousands of lines would hold up every request for tens of milliseconds.
        body, content_type = await asyncio.to_thread(
            expose, await gathering.gathered(), request.headers.get("accept", "")
        )
        return Response(body, headers={"Content-Type": content_type})


def _by_name(health: Health, first: str) -> Mapping[str, Health]:
    """The health of each provider, of a single one as well."""
    return health.providers if isinstance(health, ChainHealth) else {first: health}


def _status(*, healthy: bool) -> int:
    return STATUS_HEALTHY if healthy else STATUS_UNHEALTHY
