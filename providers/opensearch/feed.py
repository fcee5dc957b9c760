"""The feed of one owner's memories in an index, by the positions of their last changes."""

from msgspec import Struct

from providers.errors import FeedLost
from providers.feed import ANOTHER_HISTORY, FeedChange, FeedPage, FeedPosition, FeedQuery, check_feed, feed_page
from providers.opensearch.heads import OwnerHead
from providers.opensearch.reader import ChangedState, OpenSearchReader
from providers.opensearch.server import Server
from providers.opensearch.shelf import OpenSearchShelf
from providers.owners import Owner

_LAST_MEMORY = "ffffffff-ffff-ffff-ffff-ffffffffffff"  # behind every id


class _Recent(Struct, frozen=True):
    """What the head names of the last changes, and the position up to which all of it is there."""

    changed: list[ChangedState]
    position: int
    ids: frozenset[str]


class OpenSearchFeed:
    """Tell the changes of an owner page by page.

    The last ones are those that the head names, whose states are read by their ids; those before are searched for.
    """

    def __init__(self, server: Server, shelf: OpenSearchShelf, reader: OpenSearchReader) -> None:
        self.server, self._shelf, self._reader = server, shelf, reader

    async def page(self, query: FeedQuery) -> FeedPage:
        """Return what changed behind a position; see `MemoryStore`."""
        check_feed(query)
        held = await self._shelf.head(query.owner)
        head = OwnerHead(name="") if held is None else held.head
        index, after = await self.server.known_index_id(), query.after
        epoch = f"{index}/{head.name}"
        if after is not None and (after.number > head.position or not _is_of(after, index, head.name)):
            raise FeedLost(ANOTHER_HISTORY)
        recent = await self._recent(query.owner, head)
        end = FeedPosition(epoch, recent.position, _LAST_MEMORY)
        if after is None and query.now:
            return await feed_page(query, [], end)
        behind = (0, "") if after is None else (after.number, after.memory_id)
        found: list[ChangedState] = []
        if behind[0] <= head.begins:
            earlier = await self._reader.changed(query.owner, behind, head.begins, query.limit + 1)
            # What a search still shows behind its former position is told behind the new one.
            found = [one for one in earlier if one.state.id not in recent.ids]
            if len(earlier) > query.limit and len(found) <= query.limit:
                end = FeedPosition(epoch, earlier[-1].position, earlier[-1].state.id)
                page = await feed_page(query, _changes(found, epoch), end)
                return page if page.more else _with_more(page)
        if len(found) <= query.limit:
            found += [one for one in recent.changed if (one.position, one.state.id) > behind]
        return await feed_page(query, _changes(found[: query.limit + 1], epoch), end)

    async def _recent(self, owner: Owner, head: OwnerHead) -> _Recent:
        """Return what the head names, as far as this copy of the shard has all of it."""
        positions = {entry.memory_id: entry.position for entry in head.log}
        held = await self._shelf.read(owner, [*positions])
        late = [entry.position for entry in head.log if held[entry.memory_id].token.sequence <= entry.before]
        until = head.last_before(min(late)) if late else head.position
        changed = [
            ChangedState(positions[memory_id], one.state)
            for memory_id, one in held.items()
            if one.state is not None and positions[memory_id] <= until
        ]
        changed.sort(key=lambda one: (one.position, one.state.id))
        return _Recent(changed, until, frozenset(positions))


def _changes(found: list[ChangedState], epoch: str) -> list[FeedChange]:
    return [FeedChange(one.state, FeedPosition(epoch, one.position, one.state.id)) for one in found]


def _with_more(page: FeedPage) -> FeedPage:
    return FeedPage(changes=page.changes, position=page.position, more=True)


def _is_of(after: FeedPosition, index: str, name: str) -> bool:
    """Return whether a position is of this history; that of an owner of nothing goes on with the first memory."""
    return after.epoch == f"{index}/{name}" or (after.epoch == f"{index}/" and after.number == 0)
