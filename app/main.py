"""The composition root: the one place where settings, providers, metrics and the HTTP face meet."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry

from app import __version__
from app.admin.port import admin_port
from app.auth.admission import authenticator_of
from app.console.assets import AssetsController
from app.console.console import Console
from app.console.controller import ConsoleController
from app.console.entrance import EntranceController
from app.controllers.admin import AdminController
from app.controllers.admin_journal import AdminJournalController
from app.controllers.batches import BatchesController
from app.controllers.docs import DocsController
from app.controllers.health import HealthController
from app.controllers.memories import MemoriesController
from app.controllers.order import OrderController
from app.http.body_limit import BodyLimit
from app.http.connections.disconnects import HangUp
from app.http.connections.reaper import Patrol, patrolled
from app.http.connections.slow_clients import Paced
from app.http.head import HeadAsGet
from app.http.openapi import complete, openapi_config
from app.http.priority import GivingWay
from app.http.problems import respond
from app.http.routes import callers_routes
from app.process.chain import Chains
from app.process.draining import NoLongerKept, heeding_notice
from app.process.gauges import shown
from app.process.health_cache import Looks
from app.process.journal_cluster import journal_place_watched
from app.process.readiness import Readiness
from app.process.tracing import traced
from app.process.warm_up import warming
from app.reloading.following import following
from app.reloading.reloader import Reloader
from app.reloading.source import Source
from app.settings import LoadedSettings, Settings
from app.settings.fingerprint import fingerprint
from observability.http import Observed
from observability.metrics import Metrics
from observability.metrics.scrapes import Scrapes
from observability.recent import SHARED_SECONDS
from observability.tracing import Tracer
from observability.workers.exchange import Alone, Exchange
from providers.measured import MeasuredProvider


def create_app(
    settings: Settings,
    registry: CollectorRegistry,
    source: Source | None = None,
    exchange: Exchange | None = None,
    shared_seconds: float = SHARED_SECONDS,
) -> Litestar:
    """Put the parts together; nothing is opened before the application's lifespan begins.

    `source` is where the settings came from, if they shall be followed when they change; SIGHUP then reads them again.
    `exchange` is with the other workers, if there are some. `shared_seconds` is how long a look at the providers, and a
    rendering of the metrics, is shared by all who ask for one.
    """
    metrics = Metrics(registry)
    metrics.build.info({"version": __version__})
    tracer = Tracer()
    patrol = Patrol(settings, metrics)
    scrapes = Scrapes((exchange or Alone(registry)).gathered, shared_seconds)
    lifespan = _lifespan(settings, metrics, tracer, patrol, scrapes, source, exchange, shared_seconds)
    app = Litestar(
        route_handlers=[
            MemoriesController,
            BatchesController,
            AdminController,
            AdminJournalController,
            OrderController,
            HealthController,
            DocsController,
            ConsoleController,
            EntranceController,
            AssetsController,
        ],
        lifespan=[lifespan, admin_port(settings)],
        state=State(
            {
                "settings": settings,
                "metrics": metrics,
                "scrapes": scrapes,
                "authenticator": authenticator_of(settings.auth),
            }
        ),
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
    metrics.expect_requests(callers_routes(app))

    def leaving() -> bool:
        readiness: Readiness | None = app.state.get("readiness")  # there is none before the lifespan begins
        return readiness is not None and readiness.leaving

    # Set on the application itself, so that also what the router refuses is seen, counted and logged.
    inner: ASGIApp = app.asgi_handler
    seen = Observed(NoLongerKept(HeadAsGet(BodyLimit(inner)), leaving), metrics, tracer)  # type: ignore[arg-type] # ASGI's own open types
    app.asgi_handler = Paced(HangUp(GivingWay(seen)), settings.server, patrol.cut)  # type: ignore[assignment] # as above
    return app


def _lifespan(
    settings: Settings,
    metrics: Metrics,
    tracer: Tracer,
    patrol: Patrol,
    scrapes: Scrapes,
    source: Source | None,
    exchange: Exchange | None,
    shared_seconds: float,
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncIterator[None]:
        def applied(settings: Settings) -> None:
            app.state.settings = settings
            metrics.show_config(",".join(settings.order), fingerprint(settings))

        chains = Chains(metrics)
        followed = source or Source(lambda: LoadedSettings(settings=settings, origins={}, file=None))
        configuration = followed.read()
        async with (
            nullcontext() if exchange is None else exchange.open(),
            traced(settings.tracing, tracer),
            chains.running(configuration.settings) as chain,
        ):
            app.state.chain = chain
            app.state.console = Console(settings, chains.observer.history)
            app.state.provider = MeasuredProvider(lambda: chain.provider, lambda: chain.first, metrics)
            applied(configuration.settings)
            reloader = app.state.reloader = Reloader(followed, chains, chain, metrics, configuration, applied)
            async with (
                aclosing(scrapes),
                aclosing(Looks(chain, metrics, shared_seconds)) as looks,
                warming(chain, looks.forget) as warmth,
            ):
                readiness = app.state.readiness = Readiness(looks, warmth)
                with heeding_notice(readiness.leave, chain.shutdown) if source is not None else nullcontext():
                    async with (
                        following(reloader, heeds_hangup=source is not None),
                        shown(chain, chains.observer, chains.story),
                        journal_place_watched(configuration.settings),
                        patrolled(patrol),
                    ):
                        yield

    return opened
