"""The check in a child process of whether the service could serve."""

import asyncio

from prometheus_client import CollectorRegistry

from app.process.chain_factory import ChainFactory
from app.settings import Settings
from observability.logs import configure_logs
from observability.metrics import Metrics
from providers.chain.rehearsal import rehearse
from providers.errors import Unavailable


def order_error(settings: Settings) -> Unavailable | None:
    """Return what keeps the order from being put in force, None if nothing does."""
    configure_logs(settings.log.format, "error")
    chains = ChainFactory(Metrics(CollectorRegistry()))
    try:
        asyncio.run(rehearse(chains.journal(settings, on_trial=True), chains.parts(settings)))
    except Unavailable as error:
        return error
    return None
