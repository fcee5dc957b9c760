"""The extraction of facts after messages are stored: bounded, beside the requests, and never a failed request."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from time import perf_counter
from typing import Protocol

import structlog
from msgspec import Struct

from app.extraction.facts import Fact, Facts, Said, UnreadableAnswer
from app.extraction.outcomes import (
    BUSY,
    FAILED,
    NOT_STORED,
    OK,
    OUTCOMES,
    PENDING,
    REPEATED,
    TOO_LARGE,
    UNREADABLE,
    Extraction,
    StoredFact,
)
from app.settings.extraction import ExtractionSettings
from observability import notes
from observability.metrics import Metrics
from providers import limits
from providers.answers import Stored
from providers.background import detached, ended
from providers.embedders.base import EmbedderUnavailable
from providers.errors import InvalidInput, MemoryNotFound, ProviderError
from providers.looks import looking
from providers.owners import Owner
from providers.states.clock import keyed_memory_id
from providers.store import MemoryStore
from providers.types import NewMemory

SOURCES = "extracted_from"  # in the metadata of a fact: the ids of the memories that say it
CLOSING_SECONDS = 2.0  # for what is under way when the service stops

_log = structlog.get_logger(__name__)


class Sources(Struct, frozen=True, kw_only=True):
    """Stored messages, each with the id of its memory; `memory` makes the memory of a fact, with an id.

    `repeatable` if a repeated request has the same ids again.
    """

    owner: Owner
    ids: Sequence[str]
    said: Sequence[Said]
    memory: Callable[[Fact, str], NewMemory]
    repeatable: bool

    def fact_id(self, place: int) -> str:
        """Return the id of a fact by its place, the same again for the same sources."""
        return keyed_memory_id("extraction", self.owner.key, *self.ids, str(place))


class FactFinder(Protocol):
    """What finds facts in messages; see `ChatEndpoint`, which is imported only where a model is configured."""

    async def facts_of(self, said: Sequence[Said]) -> Facts:
        """See `ChatEndpoint.facts_of`."""


class Extractor:
    """Extract facts from messages that are stored; `store` is where the facts go."""

    def __init__(
        self, endpoint: FactFinder, settings: ExtractionSettings, metrics: Metrics, store: MemoryStore
    ) -> None:
        self._endpoint, self._settings, self._metrics, self._store = endpoint, settings, metrics, store
        self._turns = asyncio.Semaphore(settings.concurrency)
        self._running: dict[str, asyncio.Task[Extraction]] = {}

    async def extract(self, sources: Sources) -> Extraction:
        """Extract facts, and return what has come of it when it has ended or the caller has waited long enough."""
        if sum(len(one.text) for one in sources.said) > self._settings.max_input_chars:
            return self._counted(Extraction(TOO_LARGE))
        name = sources.fact_id(0)
        task = self._running.get(name)
        if task is None:
            if len(self._running) >= self._settings.concurrency + self._settings.queue:
                return self._counted(Extraction(BUSY))
            task = asyncio.create_task(self._in_turn(sources), name="extraction", context=detached())
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name))
        # Other than by `wait_for`, the task goes on when the wait is over, or the caller has gone away.
        with notes.parked():
            await asyncio.wait((task,), timeout=self._settings.wait)
        if not task.done():
            return Extraction(PENDING)
        return Extraction(FAILED) if task.cancelled() else task.result()

    async def aclose(self) -> None:
        """Give what is under way a moment to end, and end the rest."""
        await ended(self._running.values(), CLOSING_SECONDS)

    async def _in_turn(self, sources: Sources) -> Extraction:
        async with self._turns:
            started = perf_counter()
            try:
                extraction = await self._extracted(sources)
            except EmbedderUnavailable as error:
                extraction = Extraction(error.outcome)
            except UnreadableAnswer:
                extraction = Extraction(UNREADABLE)
            except ProviderError:
                extraction = Extraction(NOT_STORED)
            except Exception:  # noqa: BLE001 - logged with its traceback; messages are stored whatever fails here
                _log.exception("extraction_broken")
                extraction = Extraction(FAILED)
            self._metrics.extraction_duration.observe(perf_counter() - started)
        if extraction.outcome not in (OK, REPEATED):
            _log.warning("extraction_failed", outcome=extraction.outcome, messages=len(sources.ids))
        return self._counted(extraction)

    async def _extracted(self, sources: Sources) -> Extraction:
        if sources.repeatable and (former := await self._former(sources)):
            return Extraction(REPEATED, former)
        found = await self._endpoint.facts_of(sources.said)
        self._metrics.facts_dropped.inc(found.dropped)
        memories = await self._storable(found.kept, sources)
        if not memories:
            return Extraction(OK)
        outcomes = await self._store.store_many([memory for _, memory in memories])
        stored = [
            _stored(outcome.id, memory.content, fact, sources)
            for outcome, (fact, memory) in zip(outcomes, memories, strict=True)
            if isinstance(outcome, Stored)
        ]
        self._metrics.facts_stored.inc(len(stored))
        self._metrics.facts_dropped.inc(len(memories) - len(stored))
        return Extraction(OK if stored else NOT_STORED, stored)

    async def _former(self, sources: Sources) -> list[StoredFact]:
        """Return the facts that an earlier request with the same key has stored."""
        facts = list[StoredFact]()
        for place in range(self._settings.max_facts):
            try:
                with looking():
                    memory = (await self._store.fetch(sources.owner, sources.fact_id(place))).memory
            except MemoryNotFound:
                break
            named = (memory.metadata or {}).get(SOURCES)
            facts.append(StoredFact(id=memory.id, text=memory.content, sources=_ids_in(named, sources)))
        return facts

    async def _storable(self, facts: Sequence[Fact], sources: Sources) -> list[tuple[Fact, NewMemory]]:
        """Return the memories of facts, but of none whose source was deleted meanwhile or that breaks a rule."""
        there = [await self._is_there(sources, place) for place in range(len(sources.ids))] if facts else []
        memories = list[tuple[Fact, NewMemory]]()
        for fact in facts:
            if not all(there[place] for place in fact.sources):
                continue
            try:
                memory = limits.check_new_memory(sources.memory(fact, sources.fact_id(len(memories))))
            except InvalidInput:
                continue
            memories.append((fact, memory))
        self._metrics.facts_dropped.inc(len(facts) - len(memories))
        return memories

    async def _is_there(self, sources: Sources, place: int) -> bool:
        try:
            with looking():
                await self._store.fetch(sources.owner, sources.ids[place])
        except MemoryNotFound:
            return False
        return True

    def _counted(self, extraction: Extraction) -> Extraction:
        self._metrics.extractions.labels(extraction.outcome).inc()
        return extraction


@asynccontextmanager
async def extracting(
    settings: ExtractionSettings, metrics: Metrics, store: MemoryStore
) -> AsyncIterator[Extractor | None]:
    """Hold the extractor for as long as the context lasts, None if no model is configured."""
    if settings.model is None:
        yield None
        return
    from app.extraction.endpoint import ChatEndpoint

    metrics.expect_extractions(OUTCOMES)
    async with (
        ChatEndpoint.connect(settings) as endpoint,
        aclosing(Extractor(endpoint, settings, metrics, store)) as one,
    ):
        yield one


def _stored(memory_id: str, text: str, fact: Fact, sources: Sources) -> StoredFact:
    return StoredFact(id=memory_id, text=text, sources=[sources.ids[place] for place in fact.sources])


def _ids_in(named: object, sources: Sources) -> list[str]:
    """Return which of the sources a fact's metadata name; they may have been changed since."""
    return [one for one in sources.ids if isinstance(named, list) and one in named]
