"""The histories of all memories of an owner: read as the first provider that keeps any has them, and added to."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from providers.answers import Stored
from providers.chain.applying import keep_versions, only_owner
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions
from providers.chain.execution import Execution
from providers.chain.fallback import Fallback
from providers.chain.hedging.order import Hedging
from providers.chain.leasing import LEASE_SECONDS
from providers.chain.link import Link
from providers.chain.observer import JournalCall
from providers.chain.policy import OperationClass
from providers.chain.reading import ChainReader
from providers.chain.route import Route
from providers.chain.versions import of_keepers
from providers.chain.waiting.slowing import slow_down
from providers.errors import InvalidInput, MemoryDeleted, OwnerErased, ProviderError, Unavailable
from providers.histories import HistoriesPage, HistoriesQuery, belonging, refusal_of
from providers.journal.operations import Dead, Done, KeptVersion, Postponed, Settlement
from providers.owners import Owner
from providers.replica_limits import check_snapshots, check_version_of_memory
from providers.states.clock import HybridClock
from providers.types import Snapshot
from providers.versions_by_store import VersionOf, version_of

Result = Stored | ProviderError | None  # of one version; None is one that nothing keeps


class ChainHistories(Struct, frozen=True):
    """Read superseded versions of many memories, and add some; what waits in the journal is not read."""

    context: ChainContext
    reader: ChainReader
    clock: HybridClock

    async def page(self, route: Route, query: HistoriesQuery) -> HistoriesPage:
        """Return a page of an owner's superseded versions; see `MemoryStore`."""
        if not any(link.provider.keeps_history for link in route.links):
            return HistoriesPage(versions=[])
        with self.context.begin(route, OperationClass.READ, query.limit) as execution:

            async def ask(link: Link, options: CallOptions) -> HistoriesPage:
                size = query.limit
                return await link.call(
                    lambda store: store.histories(query), OperationClass.READ, options, size=size, owner=query.owner
                )

            fallback = Fallback(self.context, Hedging())
            page = await fallback.first(execution, OperationClass.READ, ask, of_keepers(route), hedged=False)
            ids = [*dict.fromkeys(version.id for version in page.versions)]
            known = await self.reader.entries(query.owner, ids, execution.deadline) if ids else {}
            deleted = {memory_id for memory_id, entry in known.items() if entry.state.deleted}
            shown = [version for version in page.versions if version.id not in deleted]
            return replace(page, versions=shown, **execution.facts)

    async def keep(self, route: Route, versions: Sequence[Snapshot]) -> list[Result]:
        """Add versions to histories, through the journal; see `MemoryStore`."""
        check_snapshots(versions)
        results: dict[int, Result] = {}
        wanted: dict[int, Snapshot] = {}
        for place, version in enumerate(versions):
            if self._is_kept(route, version):
                try:
                    wanted[place] = check_version_of_memory(version)
                except InvalidInput as error:
                    results[place] = error.with_traceback(None)
        if not wanted:
            return [results.get(place) for place in range(len(versions))]
        with self.context.begin(route, OperationClass.REMEMBER, len(wanted)) as execution:
            owner = next(iter(wanted.values())).owner
            await slow_down(self.context, execution, owner, len(wanted))
            newest = await self._newest(execution, wanted)
            new: dict[int, Snapshot] = {}
            for place, version in wanted.items():
                known = newest.get((version.owner, version.id))
                if (refusal := refusal_of(version, known)) is not None:
                    results[place] = refusal
                elif known is not None:
                    new[place] = belonging(version, known)
            results |= await self._kept(execution, new)
        return [_with_facts(execution, place, results.get(place)) for place in range(len(versions))]

    def _is_kept(self, route: Route, version: Snapshot) -> bool:
        now_ms = self.clock.milliseconds()
        stores = [link.provider for link in route.links if link.provider.keeps_history]
        return any(store.retention.keeps(version.version, now_ms) for store in stores)

    async def _newest(self, execution: Execution, wanted: dict[int, Snapshot]) -> dict[tuple[Owner, str], Snapshot]:
        """Return the newest states of the memories of some versions, as the journal and the first provider know them.

        Raises:
            Unavailable: nobody can tell.
        """
        found: dict[tuple[Owner, str], Snapshot] = {}
        half = execution.deadline.earlier(execution.deadline.remaining() / 2)
        for owner in {version.owner for version in wanted.values()}:
            ids = [*dict.fromkeys(one.id for one in wanted.values() if one.owner == owner)]
            entries = await self.reader.entries(owner, ids, half)
            newest = {memory_id: entry.state for memory_id, entry in entries.items()}
            if unknown := [memory_id for memory_id in ids if memory_id not in newest]:
                newest |= await self.reader.heads(execution, owner, unknown, half)
            found |= {(owner, memory_id): state for memory_id, state in newest.items()}
        return found

    async def _kept(self, execution: Execution, wanted: dict[int, Snapshot]) -> dict[int, Result]:
        """Make versions durable, and deliver them to home; the relays deliver them to the others."""
        if not wanted:
            return {}
        home = execution.route.home
        outcomes = await self.context.journal(
            lambda journal: journal.keep_versions(
                [*wanted.values()], held=None if home is None else home.name, seconds=LEASE_SECONDS
            ),
            execution.deadline.remaining(),
            JournalCall.APPEND,
        )
        results: dict[int, Result] = {}
        waiting: dict[int, KeptVersion] = {}
        for (place, version), outcome in zip(wanted.items(), outcomes, strict=True):
            if isinstance(outcome, OwnerErased):
                results[place] = None  # it is from before the erasure
            elif isinstance(outcome, ProviderError):
                results[place] = outcome
            else:
                results[place] = Stored(id=version.id, version=version.version, found=outcome.found)
                if home is None or home.name in outcome.pending:
                    waiting[place] = outcome
        results |= await self._found(execution, wanted, results)
        if home is None:
            execution.accept("home_incomplete", waiting)
            return results
        execution.answered(home.name)
        return results | await self._delivered(execution, home, wanted, waiting)

    async def _found(
        self, execution: Execution, wanted: dict[int, Snapshot], results: dict[int, Result]
    ) -> dict[int, Result]:
        """Return the results of versions that the journal has forgotten, and that stand in the histories of a store.

        What nobody can tell counts as new: it will be there either way.
        """
        new = {
            place: (wanted[place], result)
            for place, result in results.items()
            if isinstance(result, Stored) and not result.found
        }
        if not new:
            return {}
        versions = [version for version, _ in new.values()]

        async def ask(link: Link, options: CallOptions) -> set[VersionOf]:
            owner = only_owner(versions)
            return await link.call(
                lambda store: store.kept_of(versions), OperationClass.READ, options, size=len(versions), owner=owner
            )

        try:
            fallback = Fallback(self.context, Hedging())
            route = of_keepers(execution.route)
            half = execution.deadline.earlier(execution.deadline.remaining() / 2)
            found = await fallback.first(execution, OperationClass.READ, ask, route, half, hedged=False)
        except Unavailable:
            return {}
        return {
            place: replace(result, found=True)
            for place, (version, result) in new.items()
            if version_of(version) in found
        }

    async def _delivered(
        self, execution: Execution, home: Link, wanted: dict[int, Snapshot], waiting: dict[int, KeptVersion]
    ) -> dict[int, Result]:
        """Deliver versions to home and settle that; return what it has refused."""
        states = [wanted[place] for place in waiting]
        options = CallOptions(execution.deadline)
        try:
            outcomes = await keep_versions(home, states, OperationClass.REMEMBER, options)
        except Unavailable as error:
            outcomes = [error] * len(states)
        refused: dict[int, Result] = {}
        settlements: list[Settlement] = []
        for (place, kept), outcome in zip(waiting.items(), outcomes, strict=True):
            seq = kept.seq
            if outcome is None or isinstance(outcome, MemoryDeleted):
                settlements.append(Done(seq=seq, provider=home.name))
            elif isinstance(outcome, Unavailable):
                settlements.append(Postponed(seq=seq, provider=home.name, delay=0.0, error=outcome.outcome))
                execution.accept(f"home_{outcome.outcome}", [place])
            else:
                settlements.append(Dead(seq=seq, provider=home.name, error=outcome.outcome))
            if outcome is not None and not isinstance(outcome, Unavailable):
                refused[place] = outcome
        if settlements:
            await self.context.settle(*settlements)
        return refused


def _with_facts(execution: Execution, place: int, result: Result) -> Result:
    if isinstance(result, ProviderError):
        return execution.refusal(result).with_traceback(None)
    return None if result is None else replace(result, **execution.write_facts_of(place))
