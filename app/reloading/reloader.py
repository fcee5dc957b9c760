"""The reloader: it puts a changed configuration in force, and keeps the former one when the new one cannot be used."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import structlog
from msgspec import structs

from app.process.chain_factory import ChainFactory
from app.reloading.differences import OF_REQUESTS, live_changes, restart_changes, taken_over
from app.reloading.order_override import Override
from app.reloading.source import HEALTH_CHECK_SECONDS, Configuration, Source
from app.settings import ConfigError, Settings
from observability.metrics import Metrics
from providers import background
from providers.chain.chain import Chain
from providers.chain.errors import OrderRefused
from providers.errors import Unavailable

AGAIN_SECONDS = 5.0  # after an order was refused: a provider may have received everything meanwhile
NEVER = float("inf")
_log = structlog.get_logger(__name__)


class OverrideNotStored(OrderRefused):
    """Refuse an order that cannot be saved for the next start."""


class Reloader:
    """Follow the configuration in one worker process; `applied` receives the settings that are in force from now on.

    Files are checked every `HEALTH_CHECK_SECONDS`. A refused configuration is refused as a whole: nothing of it is in
    force. A change was last read at `looked_at`; `for_restart` names the changes that only a restart takes over.
    """

    def __init__(
        self,
        source: Source,
        chains: ChainFactory,
        chain: Chain,
        metrics: Metrics,
        configuration: Configuration,
        applied: Callable[[Settings], None],
    ) -> None:
        self.configuration = configuration
        self.since = datetime.now(UTC) if configuration.override is None else configuration.override.at
        self._source, self._chains, self._chain = source, chains, chain
        self._metrics, self._applied = metrics, applied
        self._running = configuration.settings
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._again_at = NEVER
        self.refused_for: str | None = None
        self.looked_at = datetime.now(UTC)
        self.for_restart: list[str] = []
        for outcome in ("ok", "refused"):
            metrics.config_reloads.labels(outcome)
        metrics.config_last_reload_ok.set(1)

    @asynccontextmanager
    async def following(self, *, handles_sighup: bool) -> AsyncIterator[None]:
        """Follow the configuration while the context lasts; with `handles_sighup`, SIGHUP has it read at once."""
        loop = asyncio.get_running_loop()
        async with background.running(background.start(self.run, "reloader")):
            if handles_sighup:
                loop.add_signal_handler(signal.SIGHUP, self.wake)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
            try:
                yield
            finally:
                if handles_sighup:
                    loop.remove_signal_handler(signal.SIGHUP)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._check()

    def wake(self) -> None:
        """Have everything read at once, also changes that no file's date shows, as of a secret in a file of its own."""
        self._wake.set()

    async def put(self, order: list[str], set_by: str) -> None:
        """Put an order in force here, and save it for the other processes and the next start.

        Raises:
            ConfigError: it names what is not configured, or nothing, or something twice.
            Unavailable: it cannot be put in force or saved; the former order is in force.
        """
        async with self._lock:
            base = before = self.configuration
            with suppress(ConfigError):  # what is configured now cannot be used: then what was known is the base
                base = await asyncio.to_thread(self._source.read)
            override = Override(order=order, instead_of=base.configured_order, set_by=set_by, at=datetime.now(UTC))
            try:
                wanted = self._source.with_order(base, override)
                await self._switch(wanted)
            except BaseException:
                if base.loaded != before.loaded:
                    self._wake.set()  # what was read has still to be put in force without this order
                raise
            # The configured order itself is saved as no override: the configuration is followed as before.
            kept = None if order == base.configured_order else override
            try:
                await asyncio.to_thread(self._source.keep, kept)
            except OSError as error:
                await self._switch(before)
                raise OverrideNotStored(f"{self._source.overrides.path}: {error.strerror}") from error
            self.configuration = structs.replace(base, override=kept)
            self.since = override.at
            _log.warning("order_set", order=order, configured=base.configured_order, set_by=set_by)

    async def _check(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(HEALTH_CHECK_SECONDS):
                await self._wake.wait()
        asked = self._wake.is_set() or asyncio.get_running_loop().time() >= self._again_at
        self._wake.clear()
        # In a thread, since a file system that hangs must not block anything else.
        if asked or await asyncio.to_thread(self._source.changed):
            async with self._lock:
                await self._reload()

    async def _reload(self) -> None:
        self._again_at = NEVER
        try:
            read = await asyncio.to_thread(self._source.read)
            before, self.configuration = self.configuration, read
            try:
                await self._switch(read)
            except BaseException:
                self.configuration = before
                raise
        except ConfigError as error:
            self._refuse(str(error))
        except Unavailable as error:
            self._refuse(error.reason)
            self._again_at = asyncio.get_running_loop().time() + AGAIN_SECONDS
        except Exception:  # noqa: BLE001 - logged with its traceback below; the order in force and the next check must outlive it
            # An error that is no ProviderError is a bug, or a library that is missing. Raised on, it would end the one
            # task that checks the configuration, so that the file which mends it would never be read.
            _log.exception("configuration_failed")
            self._refuse("a provider cannot be opened")
        else:
            self._accept()

    async def _switch(self, wanted: Configuration) -> None:
        """Put a configuration in force, as far as that is possible without a restart."""
        settings = taken_over(self._running, wanted.settings)
        changed = live_changes(self._running, settings)
        if any(name not in OF_REQUESTS for name in changed):
            await self._chain.switch(self._chains.parts(settings))
        self._running = settings
        self._applied(settings)
        if "order" in changed:
            self.since = datetime.now(UTC) if wanted.override is None else wanted.override.at
        if changed:
            _log.info("configuration_in_force", changed=changed, order=settings.order)
        waiting = restart_changes(self._running, wanted.settings)
        if waiting and waiting != self.for_restart:
            _log.warning("restart_needed", settings=waiting)
        self.for_restart = waiting

    def _refuse(self, reason: str) -> None:
        self.looked_at = datetime.now(UTC)
        self._metrics.config_last_reload_ok.set(0)
        if reason != self.refused_for:  # a repeated refusal is not logged again
            self._metrics.config_reloads.labels("refused").inc()
            _log.error("configuration_refused", reason=reason, order=self._running.order)
        self.refused_for = reason

    def _accept(self) -> None:
        self.looked_at = datetime.now(UTC)
        self._metrics.config_last_reload_ok.set(1)
        self._metrics.config_reloads.labels("ok").inc()
        self.refused_for = None
