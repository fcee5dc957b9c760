"""Probes: liveness, readiness, health and metrics."""

from typing import Any

import structlog
from litestar import Controller, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec

from app.auth.admission import admit_measurer, admit_probe, is_told_everything
from app.auth.routes import PUBLIC, SCOPE
from app.http import problems
from app.http.coding.negotiation import takes_gzip
from app.http.operator_schemas import LiveResponse, ReadyResponse
from app.http.problems import METRICS_LATE, RequestError
from app.process.readiness import Readiness
from observability.metrics.scrapes import Scrapes
from observability.recent import NotReadyInTime
from providers.health import Health

_log = structlog.get_logger(__name__)
STATUS_HEALTHY = 200
STATUS_UNHEALTHY = 503
_BY_KEY: tuple[dict[str, list[str]], ...] = ({"bearer": []}, {"apiKey": []}, {})


def _unhealthy(body: type, description: str) -> dict[int, ResponseSpec]:
    spec = ResponseSpec(body, description=description, generate_examples=False)
    return {STATUS_UNHEALTHY: spec, **problems.described(problems.FORBIDDEN)}


class HealthController(Controller):
    """Load balancers and probes hold no key, and where keys are used they learn no more than yes or no."""

    tags = ("health",)

    @get(
        "/memory/health",
        opt={SCOPE: "metrics:read"},
        before_request=admit_measurer,
        security=_BY_KEY,
        responses=_unhealthy(Health, "Cannot serve now") | problems.described(problems.UNAUTHENTICATED),
    )
    async def memory_health(self, request: Request[Any, Any, Any]) -> Response[Health]:
        """Report the health of the providers; 503 when none can serve.

        Where keys are used it asks for one with the scope `metrics:read`, except on the admin port.
        """
        readiness: Readiness = request.app.state.readiness
        health = await readiness.health.of_chain()
        return Response(health, status_code=_status(healthy=health.healthy))

    @get("/livez", opt={SCOPE: PUBLIC})
    async def livez(self) -> LiveResponse:
        """Answer that the process runs; no provider is asked."""
        return LiveResponse()

    @get(
        "/readyz",
        opt={SCOPE: PUBLIC},
        before_request=admit_probe,
        responses=_unhealthy(ReadyResponse, "Not ready"),
    )
    async def readyz(self, request: Request[Any, Any, Any]) -> Response[ReadyResponse]:
        """Report whether requests can be served now and for a while.

        Where keys are used the answer says `ready` alone, except on the admin port.
        """
        readiness: Readiness = request.app.state.readiness
        answer = await readiness.answer()
        told = answer if is_told_everything(request) else ReadyResponse(ready=answer.ready)
        return Response(told, status_code=_status(healthy=answer.ready))

    @get(
        "/metrics",
        opt={SCOPE: "metrics:read"},
        before_request=admit_measurer,
        media_type="text/plain",
        include_in_schema=False,
    )
    async def metrics(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return all metrics in Prometheus' text format, those of all workers."""
        scrapes: Scrapes = request.app.state.scrapes
        try:
            exposed = await scrapes.newest(request.headers.get("accept", ""))
        except NotReadyInTime as error:
            _log.warning("metrics_late", seconds=round(error.seconds, 1))
            detail = f"The metrics are still being gathered: {error}"
            raise RequestError(METRICS_LATE, detail, headers={"Retry-After": "1"}) from error
        headers = {"Content-Type": exposed.content_type, "Vary": "Accept, Accept-Encoding"}
        if takes_gzip(request.headers):
            return Response(await exposed.packed(), headers={**headers, "Content-Encoding": "gzip"})
        return Response(exposed.plain, headers=headers)


def _status(*, healthy: bool) -> int:
    return STATUS_HEALTHY if healthy else STATUS_UNHEALTHY
