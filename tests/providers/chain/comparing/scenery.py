"""Several stores of one chain, some of them complete, and what holds in all of them."""

from collections.abc import Sequence

from msgspec.structs import replace

from providers.chain.comparing.choosing import to_compare, to_merge
from providers.chain.comparing.pages import DiffPage, MergePage, StorePages
from providers.chain.comparing.walking import WalkPlace
from providers.chain.link import Link
from providers.journal.operations import MemberState
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.stage import USER, Stage
from tests.support.frail import FrailProvider


class Stores:
    """Stores by name, members of the journal on a stage; the first ones are complete."""

    def __init__(self, stage: Stage, names: str, complete: str) -> None:
        self.stage, self.complete = stage, frozenset(complete)
        self.by_name = {name: stage.store() for name in names}
        self.links: list[Link] = [stage.link(name, store) for name, store in self.by_name.items()]

    async def join(self) -> "Stores":
        """Make them members."""
        for name, store in self.by_name.items():
            await self.stage.journal.join(name, await store.identity())
            if name in self.complete:
                await self.stage.journal.mark(name, MemberState.COMPLETE)
        return self

    def __getitem__(self, name: str) -> FrailProvider:
        return self.by_name[name]

    async def put(self, names: str, *states: Snapshot) -> None:
        """Put states into stores, past the journal."""
        for name in names:
            assert set(await self.by_name[name].take(states)) == {None}
            self.by_name[name].put.clear()

    async def pages(self, name: str) -> StorePages:
        """Return what merges one store with the complete ones."""
        return await to_merge(self.stage.journal, self.links, name, self.complete - {name}, self.stage.clock)

    async def merge(self, name: str, seconds: float = 3.0) -> list[MergePage]:
        """Merge one store with the complete ones, in pages."""
        pages = replace(await self.pages(name), seconds=seconds)
        made = [await pages.merge(None)]
        while (token := made[-1].next_after) is not None:
            made.append(await pages.merge(WalkPlace.read(token)))
        return made

    async def diff(self, first: str, second: str, most: int = 100) -> DiffPage:
        """Compare two stores."""
        pages = await to_compare(self.stage.journal, self.links, {first, second}, self.stage.clock)
        return await pages.diff(None, most)

    async def deliver(self) -> None:
        """Deliver what the journal holds."""
        for link in self.links:
            relay = self.stage.relay(link)
            while await relay.deliver_some():
                pass

    async def held(self, name: str, user: str = USER) -> Sequence[Snapshot]:
        """Return all that a store holds of a user."""
        return await self.by_name[name].snapshots(Owner(user))
