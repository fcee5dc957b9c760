"""Following the keys of issuers in the background: no request waits for an issuer, and the last good keys stay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from app.auth.tokens.fault import KeySetFault
from app.auth.tokens.issuer import Issuer
from app.auth.tokens.key_set import KeySet
from app.auth.tokens.source import fetch, read
from app.reloading.stamps import Stamp, stamp_of
from providers import background

FIRST_SECONDS = 3.0  # that the start waits for the keys; an issuer that is away does not hold it up for longer
AGAIN_SECONDS = 5.0  # after which keys are looked for again if there are none at all
CHECK_SECONDS = 0.25  # between two looks at a file

_log = structlog.get_logger(__name__)


class KeySetFollower:
    """Keep the keys of issuers as new as their settings say, and look for those that tokens name."""

    def __init__(self, issuers: Sequence[Issuer], ask: Callable[[str], Awaitable[bytes]] = fetch) -> None:
        self._issuers, self._ask = issuers, ask

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow while the context lasts, having tried to read every set of keys once."""
        async with AsyncExitStack() as stack:
            read_once = [asyncio.Event() for _ in self._issuers]
            for issuer, done in zip(self._issuers, read_once, strict=True):
                task = background.start(partial(self._follow, issuer, done), f"keys of {issuer.name}")
                await stack.enter_async_context(background.running(task))
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    for done in read_once:
                        await done.wait()
            yield

    async def _follow(self, issuer: Issuer, read_once: asyncio.Event) -> None:
        seen: Stamp | None = None
        while True:
            # Before the file is read: a change made meanwhile must still be noticed later.
            stamp = await self._stamp(issuer)
            if issuer.url is not None or stamp != seen or not read_once.is_set():
                await self.look(issuer)
            seen = stamp
            read_once.set()
            await self._pause(issuer)

    async def look(self, issuer: Issuer) -> None:
        """Read the keys of an issuer; those of before stay if that fails."""
        try:
            if issuer.url is None:
                content = await asyncio.to_thread(read, Path(issuer.settings.jwks))
            else:
                content = await self._ask(issuer.url)
            if issuer.keys is None or content != issuer.keys.content:
                issuer.keys = await asyncio.to_thread(KeySet, content, issuer.settings.algorithms)
                _log.info("issuer_keys_in_force", issuer=issuer.name, number=len(issuer.keys))
        except KeySetFault as fault:
            _log.warning("issuer_keys_refused", issuer=issuer.name, reason=str(fault), kept=issuer.keys is not None)
        finally:
            issuer.looked()

    async def _stamp(self, issuer: Issuer) -> Stamp | None:
        # In a thread, since a file system that hangs must not block anything else.
        return None if issuer.url is not None else await asyncio.to_thread(stamp_of, Path(issuer.settings.jwks))

    async def _pause(self, issuer: Issuer) -> None:
        if issuer.url is None:
            await asyncio.sleep(CHECK_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_SECONDS if issuer.keys is None else issuer.settings.refresh):
                await issuer.wanted.wait()
