"""A client that writes memories with all that they may have, and knows afterwards what must be there."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.errors import KeyNotFound, MemoryNotFound
from providers.history import HistoryQuery
from providers.keys.looking import fetch
from providers.keys.writing import Put, delete, put
from providers.labels import labels_of
from providers.owners import Owner
from providers.source import WriteSource
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery

OWNERS = (Owner("anna"), Owner("kannan of Māri"))
A_DAY = timedelta(days=1)

Told = dict[str, Any]


class MovingClient:
    """Write for two users, in turns, to whatever chain is in force; `name` is in every text."""

    def __init__(self, provider: Callable[[], MemoryProvider], name: str) -> None:
        self._provider, self._name = provider, name
        self.now = datetime.now(UTC).replace(microsecond=123_000)
        self.there: dict[Owner, dict[str, Told]] = {owner: {} for owner in OWNERS}
        self.versions: dict[str, list[str]] = {}  # contents by id, the oldest first
        self.gone: dict[Owner, dict[str, str]] = {owner: {} for owner in OWNERS}  # words by id
        self.hidden: dict[Owner, dict[str, str]] = {owner: {} for owner in OWNERS}  # as these, expired
        self.freed: set[tuple[Owner, str]] = set()  # keys that name nothing any more
        self._count = 0

    @property
    def living(self) -> int:
        """How many memories are not deleted, those that have expired included."""
        return sum(len(self.there[owner]) + len(self.hidden[owner]) for owner in OWNERS)

    @property
    def deleted(self) -> int:
        """How many memories are deleted."""
        return sum(map(len, self.gone.values()))

    async def round(self) -> None:
        """Make one change of each sort for each user."""
        for owner in OWNERS:
            plain = await self._store(owner, session="a session", agent="an agent")
            await self._store(owner, app="an app", speaker="Anna", expires_at=self.now + A_DAY)
            await self._store(owner, expires_at=self.now - A_DAY)
            keyed = await self._put(owner, f"{self._name} {self._count}")
            again = await self._put(owner, self._key(owner, keyed))
            assert again == keyed
            for _ in range(2):
                await self._edit(owner, plain)
            await self._delete(owner, await self._store(owner))
            freed = await self._put(owner, f"{self._name} {self._count}")
            await self._free(owner, self._key(owner, freed))

    async def _store(self, owner: Owner, **others: Any) -> str:  # noqa: ANN401 - fields of a memory
        memory = self._memory(owner, **others)
        memory_id = (await self._provider().store(memory)).id
        if memory.expires_at is not None and memory.expires_at < self.now:
            self.hidden[owner][memory_id] = memory.content.split()[0]
        else:
            self._note(owner, memory_id, memory)
        return memory_id

    async def _put(self, owner: Owner, key: str) -> str:
        memory = self._memory(owner, key=key)
        kept = await put(self._provider(), Put(memory=memory))
        self._note(owner, kept.id, memory)
        return kept.id

    async def _edit(self, owner: Owner, memory_id: str) -> None:
        former = self.there[owner][memory_id]
        content, metadata = f"{self._word()} edited", {"edits": former["metadata"].get("edits", 0) + 1}
        edit = Edit(
            owner=owner,
            memory_id=memory_id,
            content=content,
            metadata=metadata,
            session="another session",
            source=WriteSource(origin="assistant"),
        )
        await self._provider().change(edit)
        changed = {"content": content, "metadata": metadata, "session": "another session", "origin": "assistant"}
        self.there[owner][memory_id] = former | changed
        self.versions[memory_id].append(content)

    async def _delete(self, owner: Owner, memory_id: str) -> None:
        assert (await self._provider().erase(Deletion(owner=owner, memory_id=memory_id))).count == 1
        self._note_gone(owner, memory_id)

    async def _free(self, owner: Owner, key: str) -> None:
        memory_id, _ = await delete(self._provider(), owner, key)
        self._note_gone(owner, memory_id)
        self.freed.add((owner, key))

    def _key(self, owner: Owner, memory_id: str) -> str:
        return str(self.there[owner][memory_id]["key"])

    def _word(self) -> str:
        """Return a word that no other text has."""
        self._count += 1
        return f"{self._name}w{self._count}q"

    def _memory(self, owner: Owner, **others: Any) -> NewMemory:  # noqa: ANN401 - fields of a memory
        word = self._word()
        number = self._count
        return NewMemory(
            owner=owner,
            content=f"{word} மசாலா tea {number}",
            metadata={"number": number, "of": {"trip": [1.5, True, None, "ü"]}},
            created_at=self.now - timedelta(minutes=number % 7),  # several of one moment
            source=WriteSource(origin="document"),
            **others,
        )

    def _note(self, owner: Owner, memory_id: str, memory: NewMemory) -> None:
        former = self.there[owner].get(memory_id)
        told = told_of(memory)
        self.there[owner][memory_id] = told if former is None else told | {"created_at": former["created_at"]}
        self.versions.setdefault(memory_id, []).append(memory.content)

    def _note_gone(self, owner: Owner, memory_id: str) -> None:
        self.gone[owner][memory_id] = self.there[owner].pop(memory_id)["content"].split()[0]


def told_of(memory: NewMemory | MemoryRecord) -> Told:
    """Return what a reader is told of a memory, but for what its store adds."""
    told = {name: getattr(memory, name) for name in ("content", "metadata", "created_at", "expires_at")}
    origin = None if memory.source is None else memory.source.origin
    return told | labels_of(memory) | {"origin": origin}


async def shows_all(
    provider: MemoryProvider, clients: Sequence[MovingClient], traced: Collection[MovingClient]
) -> None:
    """Check that a provider shows all that clients know of, by every sort of read, and nothing else.

    Of those who are `traced` it has every version.
    """
    for owner in OWNERS:
        expected = {one: told for client in clients for one, told in client.there[owner].items()}
        gone = {one: word for client in clients for one, word in (client.gone[owner] | client.hidden[owner]).items()}

        listed = await _listed(provider, owner)
        shown = {record.id: told_of(record) for record in listed}
        differing = [
            (shown.get(one), expected.get(one)) for one in shown | expected if shown.get(one) != expected.get(one)
        ]
        assert not differing, differing[:3]
        assert [record.created_at for record in listed] == sorted((one.created_at for one in listed), reverse=True)
        for memory_id, told in expected.items():
            assert told_of((await provider.fetch(owner, memory_id)).memory) == told
            if told["key"] is not None:
                assert (await fetch(provider, owner, told["key"])).memory.id == memory_id
            assert memory_id in await _recalled(provider, owner, told["content"].split()[0])
        for memory_id, word in gone.items():
            with pytest.raises(MemoryNotFound):
                await provider.fetch(owner, memory_id)
            assert memory_id not in await _recalled(provider, owner, word)
        for client in clients:
            for _, key in (one for one in client.freed if one[0] == owner):
                with pytest.raises(KeyNotFound):
                    await fetch(provider, owner, key)
            for memory_id in client.there[owner] if client in traced else ():
                page = await provider.history(HistoryQuery(owner=owner, memory_id=memory_id))
                assert [state.content for state in page.versions] == client.versions[memory_id][::-1]


async def _listed(provider: MemoryProvider, owner: Owner) -> list[MemoryRecord]:
    query = PageQuery(owner=owner, limit=10)  # several pages
    records: dict[str, MemoryRecord] = {}
    while page := (await provider.page(query)).memories:
        twice = records.keys() & {record.id for record in page}
        assert not twice, f"on two pages: {twice}"  # and so the list has an end, however much was written
        records |= {record.id: record for record in page}
        query = replace(query, after=page[-1].position)
    return [*records.values()]


async def _recalled(provider: MemoryProvider, owner: Owner, word: str) -> list[str]:
    return [record.id for record in (await provider.find(RecallQuery(owner=owner, query=word))).memories]
