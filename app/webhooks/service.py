"""The webhooks of this process: each is sent by one process at a time, the one that holds its claim."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import structlog
from msgspec import Struct, field

from app.http.answers import shown
from app.http.feed_schemas import OwnersChange, owners_change
from app.settings.webhooks import WebhookSettings
from app.webhooks.posting import Outcome, Poster
from app.webhooks.sender import Sender
from observability.metrics import Metrics
from providers import background
from providers.chain.chain import Chain
from providers.chain.claim import CLAIM_SECONDS, TaskClaim
from providers.errors import MemoryNotFound, ProviderError
from providers.journal.base import Journal
from providers.owners import Owner
from providers.provenance.quarantines import Quarantines
from providers.types import Snapshot

LOOK_SECONDS = 5.0  # between two tries to become the sender
_TRUSTED = CLAIM_SECONDS / 3  # seconds for which a claim is believed without a question

AskQuarantines = Callable[[], Awaitable[Quarantines]]

_log = structlog.get_logger(__name__)


class _TrustedClaim(Struct):
    """Whether a claim is still held, asked as seldom as that can be known."""

    claim: TaskClaim
    asked_at: float

    async def check(self) -> bool:
        now = time.monotonic()
        if now - self.asked_at < _TRUSTED:
            return True
        held = await self.claim.hold()
        self.asked_at = now
        return held


class _Running(Struct, frozen=True):
    settings: WebhookSettings
    keep: float
    task: asyncio.Task[None] = field()


class Webhooks:
    """Run the senders that are configured."""

    def __init__(
        self, chain: Chain, poster: Poster, metrics: Metrics, quarantines: AskQuarantines, look_every: float
    ) -> None:
        self._look_every, self._quarantines = look_every, quarantines
        self._chain, self._poster, self._metrics = chain, poster, metrics
        self._holder = str(uuid4())
        self._running: dict[str, _Running] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, chain: Chain, metrics: Metrics, quarantines: AskQuarantines, look_every: float = LOOK_SECONDS
    ) -> AsyncIterator["Webhooks"]:
        """Hold webhooks, of which none sends yet, and stop those that do at the end.

        `quarantines` returns those in force, once they are known: nothing is sent before. `look_every` is how many
        seconds pass between two tries to become the sender.
        """
        async with Poster.open() as poster:
            webhooks = cls(chain, poster, metrics, quarantines, look_every)
            try:
                yield webhooks
            finally:
                await asyncio.gather(*(background.stop(one.task) for one in webhooks._running.values()))

    def configure(self, webhooks: Mapping[str, WebhookSettings], keep: float) -> None:
        """Send to these from now on; `keep` is for how many seconds the journal knows what changed."""
        for name in [*self._running]:
            one = self._running[name]
            if webhooks.get(name) != one.settings or keep != one.keep:
                one.task.cancel()
                del self._running[name]
        for name, settings in webhooks.items():
            if name not in self._running:
                self._metrics.expect_webhook(name, [*Outcome])
                self._running[name] = _Running(settings, keep, self._start(name, settings, keep))

    def _start(self, name: str, settings: WebhookSettings, keep: float) -> asyncio.Task[None]:
        return background.start(lambda: self._send(name, settings, keep), f"webhook {name}")

    async def _send(self, name: str, settings: WebhookSettings, keep: float) -> None:
        while True:
            if (journal := self._chain.journal) is not None:
                claim = TaskClaim(journal, f"webhook {name}", self._holder)
                # Whatever a store or the journal answers now, the change is sent later.
                with suppress(ProviderError):
                    if await claim.hold():
                        await self._send_while_held(name, settings, keep, journal, claim)
            await asyncio.sleep(self._look_every)

    async def _send_while_held(
        self, name: str, settings: WebhookSettings, keep: float, journal: Journal, claim: TaskClaim
    ) -> None:
        held = _TrustedClaim(claim, time.monotonic())
        sender = Sender(name, settings, journal, self._poster, self._metrics, keep, held.check, self._told, self._now)
        try:
            async with claim.kept():
                await sender.run()
        finally:
            with suppress(ProviderError):
                await journal.claim(claim.task, claim.holder, 0.0)  # so that the next one need not wait

    async def _told(self, state: Snapshot) -> OwnersChange:
        return owners_change(state, await self._quarantines())

    async def _now(self, owner: Owner, memory_id: str) -> OwnersChange:
        """Return what a memory is now, at the providers."""
        try:
            memory = (await self._chain.provider.fetch(owner, memory_id)).memory
        except MemoryNotFound:
            return OwnersChange(change="deleted", tenant=owner.tenant, user_id=owner.user, memory_id=memory_id)
        hiding = (await self._quarantines()).hiding(owner, memory.source)
        return OwnersChange(
            change="changed" if hiding is None else "quarantined",
            tenant=owner.tenant,
            user_id=owner.user,
            memory_id=memory_id,
            memory=shown(memory) if hiding is None else None,
            quarantine=None if hiding is None else hiding.id,
        )
