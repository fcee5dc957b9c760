"""The composition root: the one place where settings, providers, metrics and the HTTP face meet."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry

from app import __version__
from app.auth.admission import authenticator_of
from app.body_limit import BodyLimit
from app.controllers.batches import BatchesController
from app.controllers.docs import DocsController
from app.controllers.health import HealthController
from app.controllers.memories import MemoriesController
from app.openapi import complete, openapi_config
from app.problems import respond
from app.settings import Settings
from observability.http import Observed
from observability.metrics import Metrics
from providers.clock import HybridClock
from providers.factory import MemoryProviderFactory
from providers.measured import MeasuredProvider
from providers.types import Host


def create_app(settings: Settings, registry: CollectorRegistry) -> Litestar:
    """Put the parts together; nothing is opened before the application's lifespan begins."""
    metrics = Metrics(registry)
    metrics.build.info({"version": __version__})
    app = Litestar(
        route_handlers=[MemoriesController, BatchesController, HealthController, DocsController],
        lifespan=[_lifespan(settings, metrics)],
        state=State({"settings": settings, "metrics": metrics, "authenticator": authenticator_of(settings.auth)}),
        exception_handlers={HTTPException: respond, Exception: respond},
        openapi_config=openapi_config(),
        # Bodies are limited by route, in a wrapper of our own.
        request_max_body_size=None,
        # The framework would log nothing of a 500 and everything of a body; both are ours to decide.
        logging_config=None,
        # None would read LITESTAR_DEBUG, and a debug answer shows local variables.
        debug=False,
    )
    complete(app)
    # Set on the application itself, so that also what the router refuses is seen, counted and logged.
    inner: ASGIApp = app.asgi_handler
    app.asgi_handler = Observed(BodyLimit(inner), metrics)  # type: ignore[arg-type, assignment] # ASGI's own open types
    return app


def _lifespan(settings: Settings, metrics: Metrics) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncIterator[None]:
        name = settings.order[0]
        host = Host(name=name, data_dir=settings.data_dir, metrics=metrics, clock=HybridClock())
        async with MemoryProviderFactory.create_provider(settings.providers[name], host) as provider:
            app.state.provider = MeasuredProvider(provider, name, metrics)
            yield

    return opened
