"""The composition root: the one place where settings, providers, metrics and the HTTP API meet."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from prometheus_client import CollectorRegistry

from app import __version__
from app.admin.port import admin_port
from app.audit.audit import Audit
from app.audit.retention import RetentionAudit
from app.auth.admission import authenticator_of
from app.auth.api_key import ApiKeys
from app.auth.contexts.body import SignedBody
from app.auth.failed_logins import FailedLogins
from app.auth.key_following import KeyFollower
from app.auth.pepper import cursor_secret, usage_secret
from app.auth.routes import guarded_routes
from app.auth.tokens.opening import token_parts
from app.compat.mcp.paths import USER_PATH
from app.compat.routes import compat_routes
from app.console.console import Console, Histories
from app.controllers.guide import built_guide
from app.extraction.extractor import extracting
from app.handlers import PAGES, RESOURCES
from app.http.admission.admission import AdmissionControl
from app.http.body_limit import BodyLimit
from app.http.caller_paths import is_callers
from app.http.coding.packing import PackAnswers
from app.http.coding.unpacking import UnpackBodies
from app.http.connections.client_address import ClientAddress
from app.http.connections.closing import CloseWhileDraining
from app.http.connections.disconnects import CancelOnDisconnect
from app.http.connections.reaper import ConnectionReaper, reaping
from app.http.connections.slow_clients import SlowClientLimits
from app.http.cross_origin import CrossOrigin
from app.http.cursors import Cursors
from app.http.direct_routes import DirectRoutes
from app.http.head import HeadAsGet
from app.http.key_paths import KeysOfSlashes
from app.http.openapi.document import complete, openapi_config
from app.http.path_prefix import PathPrefix
from app.http.priority import Prioritization
from app.http.problems import respond
from app.http.requests import GrowingRequest
from app.mode.mode_following import ModeFollower
from app.process.chain_factory import ChainFactory
from app.process.draining import handling_drain_signals
from app.process.garbage import search_rarely
from app.process.gauges import chain_gauges
from app.process.health_cache import HealthCache
from app.process.journal_cluster import watching_journal_cluster
from app.process.readiness import Readiness
from app.process.tracing import tracing_with
from app.process.unix_socket import unix_socket
from app.process.warm_up import warming_up
from app.quarantine.keeping import QuarantineKeeper
from app.quotas.opening import open_quotas, within_quotas
from app.rates.limiter import RateLimiter
from app.rates.sharing import RateSharing
from app.reloading.reloader import Reloader
from app.reloading.source import Source
from app.settings import LoadedSettings, Settings
from app.settings.fingerprint import fingerprint
from app.usage.keeping import UsageKeeper
from app.usage.request_counts import RequestCounts, recorded
from app.webhooks.service import Webhooks
from observability.callers import CallerHistory
from observability.http import Observed
from observability.metrics import Metrics
from observability.metrics.scrapes import Scrapes
from observability.recent import SHARED_SECONDS
from observability.tracing import Tracer
from observability.workers.exchange import Exchange, SingleProcess
from providers import background
from providers.provenance.provider import SourcedProvider
from providers.provenance.quarantining import quarantining
from providers.reranking.provider import reranking
from providers.touching import Toucher
from providers.wrapper import OperationName


def create_app(
    settings: Settings,
    registry: CollectorRegistry,
    source: Source | None = None,
    exchange: Exchange | None = None,
    shared_seconds: float = SHARED_SECONDS,
) -> Litestar:
    """Put the parts together; nothing is opened before the application's lifespan begins.

    `source` is where the settings came from, if they are to be followed when they change; SIGHUP then reads them again.
    `exchange` shares figures with the other workers, if there are any. `shared_seconds` is how long the health of the
    providers, and a rendering of the metrics, is shared by all requests for it.
    """
    metrics = Metrics(registry)
    metrics.build.info({"version": __version__})
    tracer = Tracer()
    callers = CallerHistory(is_callers)
    reaper = ConnectionReaper(settings, metrics)
    scrapes = Scrapes((exchange or SingleProcess(registry)).gathered, shared_seconds)
    keys = ApiKeys()
    tokens = token_parts(settings.auth)
    authenticator = authenticator_of(settings.auth, keys, tokens.kinds)
    follower = KeyFollower(settings.auth, settings.common_dir, keys)
    mode = ModeFollower(settings.common_dir, metrics)
    limiter = RateLimiter(settings.limits, settings.server.workers, metrics, time.monotonic)
    counts = RequestCounts()
    audit = Audit(settings.audit, settings.data_dir, metrics) if settings.audit.enabled else None
    lifespan = _lifespan(settings, metrics, tracer, reaper, scrapes, source, exchange, shared_seconds)
    app = Litestar(
        route_handlers=[*RESOURCES, *PAGES, *compat_routes(settings)],
        lifespan=[
            lambda _: nullcontext() if audit is None else audit.running(),
            lambda _: follower.following(),
            lambda _: mode.following(),
            lambda _: tokens.following(),
            lifespan,
            admin_port(settings),
            unix_socket(settings),
        ],
        state=State(
            {
                "settings": settings,
                "metrics": metrics,
                "scrapes": scrapes,
                "authenticator": authenticator,
                "key_follower": follower,
                "mode_follower": mode,
                "rate_limiter": limiter,
                "usage": UsageKeeper(counts, settings.data_dir),
                "audit": audit,
                "chain_observers": () if audit is None else (RetentionAudit(audit),),
                "failed_logins": FailedLogins(time.monotonic),
                "callers": callers,
                "guide": built_guide(),
            }
        ),
        exception_handlers={HTTPException: respond, Exception: respond},
        openapi_config=openapi_config(settings.server.prefix),
        request_class=GrowingRequest,
        # Bodies are limited by route, in a wrapper of our own.
        request_max_body_size=None,
        # The framework would log nothing of a 500 and everything of a body; the service decides both itself.
        logging_config=None,
        # None would read LITESTAR_DEBUG, and a debug answer shows local variables.
        debug=False,
    )
    guarded_routes(app)  # a route that nobody thought about ends the start here
    complete(app, settings)

    def draining() -> bool:
        readiness: Readiness | None = app.state.get("readiness")  # there is none before the lifespan begins
        return readiness is not None and readiness.draining

    # Set on the application itself, so that also what the router refuses is seen, counted and logged.
    inner = DirectRoutes(app.asgi_handler, app)  # type: ignore[arg-type] # ASGI's own open types
    # What is not configured stands in the way of no request.
    server = settings.server
    signed = SignedBody(inner, metrics) if settings.auth.context else inner
    served = HeadAsGet(PackAnswers(UnpackBodies(BodyLimit(KeysOfSlashes(signed)))))
    templates = {route.path_format for route in app.routes if is_callers(route.path_format)} | {USER_PATH}
    admitted = AdmissionControl(served, settings.server.admission, metrics, templates, authenticator.recognize)
    record = recorded(counts, audit)
    seen = Observed(
        CloseWhileDraining(admitted, draining), metrics, tracer, record, callers, remembers=audit is not None
    )
    shown = CrossOrigin(seen, server.cross_origins) if server.cross_origins else seen
    found = PathPrefix(shown, server.prefix) if server.prefix else shown
    named = ClientAddress(found, server.trusted_proxies) if server.trusted_proxies else found
    app.asgi_handler = SlowClientLimits(CancelOnDisconnect(Prioritization(named)), server, reaper.cut)  # type: ignore[assignment] # as above
    return app


def _warmed(health: HealthCache, *, alone: bool) -> Callable[[], None]:
    """Return what is done once all is warm; `alone` is true if the process is there for this application alone."""

    def warmed() -> None:
        health.invalidate()
        if alone:
            search_rarely()

    return warmed


def _lifespan(
    settings: Settings,
    metrics: Metrics,
    tracer: Tracer,
    reaper: ConnectionReaper,
    scrapes: Scrapes,
    source: Source | None,
    exchange: Exchange | None,
    shared_seconds: float,
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncIterator[None]:
        def applied(settings: Settings) -> None:
            app.state.settings = settings
            app.state.key_follower.configure(settings.auth.keys)
            app.state.rate_limiter.configure(settings.limits)
            app.state.quotas.configure(settings.quotas)
            app.state.webhooks.configure(settings.webhooks, settings.chain.retention.keep)
            chain.retention = settings.retention.in_force
            metrics.show_config(",".join(settings.order), fingerprint(settings))

        def permitted(operation: OperationName, size: int) -> None:
            app.state.mode_follower.permit(operation)
            app.state.rate_limiter.permit(operation, size)

        def longest(tenant: str) -> float | None:
            configured: Settings = app.state.settings
            return configured.expiry.longest(tenant)

        chains = ChainFactory(metrics, *app.state.chain_observers)
        followed = source or Source(lambda: LoadedSettings(settings=settings, origins={}, file=None))
        configuration = followed.read()
        keeper = QuarantineKeeper(settings.data_dir, metrics, lambda: app.state.chain.journal)
        async with (
            nullcontext() if exchange is None else exchange.open(),
            tracing_with(settings.tracing, tracer),
            chains.running(configuration.settings) as chain,
            settings.reranker.open() as reranker,
            open_quotas(chain, metrics) as app.state.quotas,
            Webhooks.open(chain, metrics, keeper.known) as app.state.webhooks,
            RateSharing(app.state.rate_limiter, metrics, time.monotonic).running(
                lambda: app.state.settings.limits.store
            ),
        ):
            app.state.chain = chain
            app.state.cursors = Cursors(await asyncio.to_thread(cursor_secret, settings.auth, settings.common_dir))
            histories = Histories(callers=app.state.callers, attempts=chains.observer.history)
            console = app.state.console = Console(settings, histories, app.state.authenticator, chain)
            app.state.quarantines = keeper
            answering = reranking(lambda: chain.provider, reranker, metrics)
            limited = within_quotas(answering, app.state.quotas)
            shown = quarantining(limited, lambda: keeper.current, metrics.quarantine_hidden.inc)
            toucher = Toucher(lambda: chain.provider, metrics, longest)
            app.state.provider = SourcedProvider(shown, lambda: chain.first, metrics, permitted, toucher.answered)
            applied(configuration.settings)
            reloader = app.state.reloader = Reloader(followed, chains, chain, metrics, configuration, applied)
            async with (
                app.state.usage.running(
                    await asyncio.to_thread(usage_secret, settings.auth, settings.data_dir),
                    lambda: app.state.settings.limits.store,
                ),
                keeper.following(),
                background.running(background.start(toucher.run, "touches")),
                aclosing(scrapes),
                aclosing(console),
                aclosing(HealthCache(chain, metrics, shared_seconds)) as health,
                warming_up(chain, _warmed(health, alone=source is not None)) as warm_up,
                extracting(settings.extraction, metrics, app.state.provider) as app.state.extractor,
            ):
                readiness = app.state.readiness = Readiness(
                    health, warm_up, lambda: app.state.mode_follower.current.mode
                )
                with handling_drain_signals(readiness.drain, chain.shutdown) if source is not None else nullcontext():
                    async with (
                        reloader.following(handles_sighup=source is not None),
                        chain_gauges(chain, chains.observer, chains.story),
                        watching_journal_cluster(configuration.settings),
                        reaping(reaper),
                    ):
                        yield

    return opened
