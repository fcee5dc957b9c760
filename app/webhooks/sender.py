"""The sender of one webhook: one change after the other, in the order of the journal, until each is taken or given up.

At least once: a crash repeats what was sent since the place was last written down. Since the next change waits for the
one before it, the changes of a memory arrive in order. A change that is given up becomes a dead letter, which holds the
memory's id alone; sent again it tells the memory as it is by then.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct
from msgspec.structs import replace

from app.http.feed_schemas import OwnersChange
from app.settings.webhooks import WebhookSettings
from app.webhooks.messages import WebhookMessage, message_of
from app.webhooks.notes import HookLetter, HookPlace, HookState, letters_of, note, place_of
from app.webhooks.posting import Outcome, Poster, PostResult
from observability.metrics import Metrics
from providers.errors import FeedLost
from providers.journal.base import Journal
from providers.journal.changes import JournalChange, JournalChanges, check_kept
from providers.owners import Owner
from providers.types import Snapshot

PAGE = 100  # changes that are read at once
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 120.0  # seconds before the second attempt, and before any later one, at most
IDLE_SECONDS = 1.0  # between two looks for changes
GONE_SECONDS = 5.0  # between two looks whether an operator has the webhook go on
_NOTED_SECONDS = 60.0
_OVERDUE = 0.5  # of the time for which the journal keeps changes: then none waits for attempts any longer

_log = structlog.get_logger(__name__)


class Timing(Struct, frozen=True):
    """What waits and chance are made of."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class _Gone(Exception):
    """The receiver answered 410."""


class Sender(Struct):
    """Send the changes of a journal, which keeps them for `keep` seconds, to one webhook.

    `held` tells whether this process may still send; `told` returns a state as a change; `current` the state of a
    memory as a change, of one that is not there any more as its deletion.
    """

    name: str
    settings: WebhookSettings
    journal: Journal
    poster: Poster
    metrics: Metrics
    keep: float
    held: Callable[[], Awaitable[bool]]
    told: Callable[[Snapshot], Awaitable[OwnersChange]]
    current: Callable[[Owner, str], Awaitable[OwnersChange]]
    timing: Timing = Timing()

    async def run(self) -> None:
        """Send for as long as this process may.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        while await self.held():
            place = await place_of(self.journal, self.name)
            if place.state is HookState.GONE:
                await self.timing.sleep(GONE_SECONDS)
                continue
            try:
                await self._send_due()
                more = await self._send_page(await place_of(self.journal, self.name))
            except _Gone:
                _log.warning("webhook_gone", webhook=self.name)
                latest = await place_of(self.journal, self.name)
                await note(self.journal, self.name, replace(latest, state=HookState.GONE, error="the answer is 410"))
                continue
            if not more:
                await self.timing.sleep(IDLE_SECONDS)

    async def _send_page(self, place: HookPlace) -> bool:
        """Send the next changes; return whether others follow at once."""
        try:
            page = await self._page(place)
        except FeedLost as error:
            # Nobody knows what was dropped. What the journal still knows comes, and the loss is told.
            _log.error("webhook_lost_changes", webhook=self.name, reason=str(error))
            self.metrics.webhook_changes.labels(self.name, "lost").inc()
            await note(self.journal, self.name, HookPlace(error=str(error), lost=place.lost + 1))
            place = await place_of(self.journal, self.name)
            page = await self.journal.changes(None, PAGE)
        for change in page.changes:
            place = await self._send_change(place, change, page.moment)
            if not await self.held():
                return True
        since = page.moment if place.position is None else place.position.at
        # Where nothing happens, a place is written down just often enough that it does not become too old.
        if page.changes or place.position is None or page.moment - since > min(_NOTED_SECONDS, self.keep / 10):
            await note(self.journal, self.name, replace(place, position=page.position))
        return page.more

    async def _page(self, place: HookPlace) -> JournalChanges:
        page = await self.journal.changes(place.position, PAGE, now=place.position is None and not place.lost)
        check_kept(place.position, page, self.keep)
        return page

    async def _send_change(self, place: HookPlace, change: JournalChange, moment: float) -> HookPlace:
        """Send one change until it is taken or given up, and return how far the webhook is then."""
        message = message_of(self.settings, await self.told(change.state), self.journal.id, change.seq)
        letters: list[HookLetter] = []
        error = place.error
        if message is not None:
            age = moment - change.position.at
            # While the receiver is down, changes are put aside before the journal drops them.
            tries = 1 if error and age > _OVERDUE * self.keep else self.settings.attempts
            attempt, attempts = await self._attempted(message, tries)
            error = attempt.reason
            if attempt.outcome is not Outcome.DELIVERED:
                state = change.state
                letters = [HookLetter(change.seq, state.user_id, state.id, attempts, attempt.reason, moment)]
                self.metrics.webhook_changes.labels(self.name, "dead").inc()
                _log.warning("webhook_gave_up", webhook=self.name, seq=change.seq, reason=attempt.reason)
            else:
                self.metrics.webhook_changes.labels(self.name, "delivered").inc()
        reached = replace(place, position=change.position, error=error)
        if message is not None:
            await note(self.journal, self.name, reached, *letters)
        return reached

    async def _attempted(self, message: WebhookMessage, tries: int) -> tuple[PostResult, int]:
        """Send a message until it is taken, with pauses of full jitter; return the last attempt, and how many."""
        made = 0
        while True:
            attempt = await self.poster.post(self.settings, message)
            made += 1
            self.metrics.webhook_attempts.labels(self.name, attempt.outcome).inc()
            if attempt.outcome is Outcome.GONE:
                raise _Gone
            if attempt.outcome is Outcome.DELIVERED or made >= tries:
                return attempt, made
            pause = self.timing.chance() * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (made - 1))
            await self.timing.sleep(max(pause, min(attempt.retry_after, LONGEST_PAUSE)))

    async def _send_due(self) -> None:
        """Send the dead letters that an operator wants to be sent again, once each."""
        for letter in await letters_of(self.journal, self.name):
            if not letter.due:
                continue
            message = message_of(self.settings, await self._now(letter), self.journal.id, letter.seq)
            if message is not None:
                attempt, made = await self._attempted(message, 1)
                if attempt.outcome is not Outcome.DELIVERED:
                    failed = replace(letter, due=False, attempts=letter.attempts + made, error=attempt.reason)
                    await note(self.journal, self.name, await place_of(self.journal, self.name), failed)
                    continue
                self.metrics.webhook_changes.labels(self.name, "delivered").inc()
                place = await place_of(self.journal, self.name)
                if place.error:  # the receiver is well again
                    await note(self.journal, self.name, replace(place, error=""))
            await self.journal.drop_webhook_notes(self.name, [letter.seq])

    async def _now(self, letter: HookLetter) -> OwnersChange:
        """Return what a letter's memory is now."""
        owner = Owner.of_key(letter.user_id)
        entry = await self.journal.newest(owner, letter.memory_id)
        return await self.current(owner, letter.memory_id) if entry is None else await self.told(entry.state)
