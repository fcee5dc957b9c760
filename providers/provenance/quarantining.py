"""QuarantiningProvider: the provider below that callers ask, without what is in quarantine."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from providers.answers import PARTIAL, Changed, Fetched, Found
from providers.base import MemoryProvider
from providers.batches import answer_all
from providers.errors import MemoryNotFound, ProviderError
from providers.feed import FeedPage, FeedQuery
from providers.histories import HistoriesPage, HistoriesQuery
from providers.history import HistoryPage, HistoryQuery
from providers.limits import MAX_RECALL_LIMIT, MAX_WITHOUT
from providers.owners import Owner
from providers.provenance.quarantines import Quarantine, Quarantines
from providers.types import Edit, MemoryRecord, PageQuery, RecallQuery
from providers.wrapper import Call, OperationName, Result, Wrapper

_AT_ONCE = 8  # memories of a batch that are looked at


class QuarantiningProvider(Wrapper):
    """Hide from readers what the rules hide, whoever answers; the README says why here, and not in the stores.

    `hid` is told how many memories an answer would have shown. Deletions are of what is hidden as well.
    """

    def __init__(
        self, provider: Callable[[], MemoryProvider], rules: Callable[[], Quarantines], hid: Callable[[int], None]
    ) -> None:
        self._provider, self._rules, self._hid = provider, rules, hid

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:  # noqa: ARG002 - nothing is recorded here
        """Make the call."""
        return await call(self._provider())

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        return await self._full(query, await super().find(query))

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`; a query whose answer was hidden is asked once more, alone."""
        first = await super().find_many(queries)
        return [
            await self._full_or_error(query, answer) if isinstance(answer, Found) else answer
            for query, answer in zip(queries, first, strict=True)
        ]

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        fetched = await super().fetch(owner, memory_id)
        if self._rules().hides(fetched.memory):
            self._hid(1)
            raise MemoryNotFound(memory_id)
        return fetched

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        rules = self._rules().of(query.owner)
        if query.quarantined:
            found = await super().page(query)
            return replace(found, memories=[_marked(rules, memory) for memory in found.memories])
        return await super().page(replace(query, hidden=tuple(one.written for one in rules)))

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`; the position is behind what is hidden."""
        page = await super().feed(query)
        rules = self._rules()
        changes = [change for change in page.changes if not rules.hides(change.state)]
        self._hid(len(page.changes) - len(changes))
        return page if len(changes) == len(page.changes) else replace(page, changes=changes)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `MemoryStore`; of a hidden memory there is none, and hidden versions of others are left out."""
        page, rules = await super().history(query), self._rules()
        versions = [state for state in page.versions if not rules.hides(state)]
        self._hid(len(page.versions) - len(versions))
        if rules.hides(page.newest):
            raise MemoryNotFound(query.memory_id)
        return replace(page, versions=versions)

    async def histories(self, query: HistoriesQuery) -> HistoriesPage:
        """See `MemoryStore`; what is hidden is marked, as in the list that an export reads."""
        page, rules = await super().histories(query), self._rules().of(query.owner)
        return replace(page, versions=[_marked(rules, version) for version in page.versions])

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`; what has the key may be hidden, and then it is not to be changed."""
        return not self._rules().of(owner) and self._provider().puts_keyed(owner)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`; what is hidden cannot be changed, or it would be shown with parts that are not."""
        await self._check_seen(edit)
        return await super().change(edit)

    async def change_many(self, edits: Sequence[Edit]) -> list[Changed | ProviderError]:
        """See `MemoryStore`."""
        checked = await answer_all(edits, self._check_seen, _AT_ONCE)
        wanted = [edit for edit, error in zip(edits, checked, strict=True) if error is None]
        changed = iter(await super().change_many(wanted) if wanted else ())
        return [next(changed) if error is None else error for error in checked]

    async def _check_seen(self, edit: Edit) -> None:
        if self._rules().of(edit.owner):
            await self.fetch(edit.owner, edit.memory_id)

    async def _full_or_error(self, query: RecallQuery, answer: Found) -> Found | ProviderError:
        try:
            return await self._full(query, answer)
        except ProviderError as error:
            return error

    async def _full(self, query: RecallQuery, found: Found) -> Found:
        """Return an answer without what is hidden, as full as it would be if that was not there."""
        rules, wanted, without = self._rules(), query, query.without
        while hidden := {memory.id for memory in found.memories if rules.hides(memory)}:
            self._hid(len(hidden))
            ended = len(found.memories) < wanted.limit
            without |= hidden
            if ended or len(without) > MAX_WITHOUT:
                shown = [memory for memory in found.memories if memory.id not in hidden][: query.limit]
                degraded = found.degraded if ended else (*found.degraded, PARTIAL)
                return replace(found, memories=shown, degraded=degraded)
            # There may be many of them: each time twice as many are asked for as before.
            limit = min(MAX_RECALL_LIMIT, query.limit + 2 * len(without - query.without))
            wanted = replace(query, without=without, limit=limit)
            found = await super().find(wanted)
        return found if wanted is query else replace(found, memories=found.memories[: query.limit])


def quarantining(
    provider: Callable[[], MemoryProvider], rules: Callable[[], Quarantines], hid: Callable[[int], None]
) -> Callable[[], MemoryProvider]:
    """Return what gives the provider without what is in quarantine; the same one while nothing is."""
    guarded = QuarantiningProvider(provider, rules, hid)
    return lambda: guarded if rules().active else provider()


def _marked(rules: Sequence[Quarantine], memory: MemoryRecord) -> MemoryRecord:
    rule = next((one for one in rules if one.written.admits(memory.source)), None)
    return memory if rule is None else replace(memory, quarantine=rule.id)
