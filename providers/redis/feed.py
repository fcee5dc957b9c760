"""The feed of one owner's memories in Redis, by the numbers of their last changes."""

from providers.errors import FeedLost
from providers.feed import ANOTHER_HISTORY, FeedChange, FeedPage, FeedPosition, FeedQuery, check_feed, feed_page
from providers.redis.keys import Keyspace
from providers.redis.scripts import FEED
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf


class Feed:
    """Tell the changes of an owner page by page."""

    def __init__(self, servers: Servers, keyspace: Keyspace, shelf: RedisShelf) -> None:
        self._servers, self._keyspace, self._shelf = servers, keyspace, shelf

    async def page(self, query: FeedQuery) -> FeedPage:
        """Return what changed behind a position; see `MemoryStore`.

        States are read after their numbers were: they may be newer, and then are told again with the next one.
        """
        check_feed(query)
        after = query.after
        # From now on: only the position is read.
        most = 0 if query.now and after is None else query.limit + 1
        keys = self._keyspace.of(query.owner)
        [told] = await self._servers.run(keys.states, [FEED.command(keys.all, after.number if after else 0, most)])
        run, name, position, numbered = told
        end = FeedPosition(_epoch(run, name), position)
        if after is not None and (after.number > end.number or not _is_of(after, run, name)):
            raise FeedLost(ANOTHER_HISTORY)
        numbers = {memory_id.decode(): int(number) for memory_id, number in zip(*[iter(numbered)] * 2, strict=True)}
        states = await self._shelf.states(query.owner, [*numbers])
        changes = [
            FeedChange(states[memory_id], FeedPosition(end.epoch, number))
            for memory_id, number in numbers.items()
            if memory_id in states
        ]
        return await feed_page(query, changes, end)


def _epoch(run: bytes, name: bytes) -> str:
    return f"{run.decode()}/{name.decode()}"


def _is_of(after: FeedPosition, run: bytes, name: bytes) -> bool:
    """Return whether a position is of this history; that of an owner of nothing goes on with the first memory."""
    return after.epoch == _epoch(run, name) or (after.epoch == _epoch(run, b"") and after.number == 0)
