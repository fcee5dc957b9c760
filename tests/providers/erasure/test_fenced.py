"""A store behind fences does all that the store does, but for what was erased."""

from uuid import uuid4

import pytest

from providers.answers import Stored
from providers.erasure.fenced import FencedReplica
from providers.erasure.fences import KEY_BYTES, Fence, FenceList, hash_of
from providers.memory.provider import MockMemoryProvider
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Deletion, NewMemory

ERASED, OTHER = Owner("erased"), Owner("other")
_KEY = "00" * KEY_BYTES


@pytest.mark.parametrize("kind", [MockMemoryProvider, PostgresMemoryProvider])
def test_whatever_a_kind_does_in_its_own_way_is_done_behind_fences(kind: type[Replica]) -> None:
    """What the fenced one does not hand on would be done as by a store that can do less."""
    asked = {name for name in dir(Replica) if not name.startswith("_")}
    own = {name for one in kind.__mro__[: kind.__mro__.index(Replica)] for name in vars(one)} & asked

    assert own
    assert own - set(vars(FencedReplica)) == set()


async def test_what_a_deletion_has_deleted_is_known_until_it_is_erased() -> None:
    """By the id of the deletion, and in heads."""
    provider, fences = MockMemoryProvider(), FenceList()
    fenced, edit_id = FencedReplica(provider, fences), str(uuid4())
    stored = {owner: await fenced.store(NewMemory(owner=owner, content="tea")) for owner in (ERASED, OTHER)}
    for owner, one in stored.items():
        await fenced.erase(Deletion(owner=owner, memory_id=one.id, edit_id=edit_id))
    before = [(await fenced.deleted_by(owner, edit_id)).memory_id for owner in stored]

    state = await provider.snapshot(ERASED, stored[ERASED].id)
    assert state is not None
    fences.add([Fence(key=_KEY, hash=hash_of(_KEY, ERASED.key), version=state.version, erased_at=0.0)])

    assert before == [one.id for one in stored.values()]
    assert [(await fenced.deleted_by(owner, edit_id)).memory_id for owner in stored] == [None, stored[OTHER].id]
    assert await fenced.heads(ERASED, [stored[ERASED].id]) == {}
    assert list(await fenced.heads(OTHER, [stored[OTHER].id])) == [stored[OTHER].id]


class KeyedProvider(MockMemoryProvider):
    """It puts by key in one statement, and knows no fences; `put` has who it did so for."""

    def __init__(self) -> None:
        super().__init__()
        self.put: list[Owner] = []

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`."""
        del owner
        return True

    async def put_keyed(self, memory: NewMemory) -> Stored | None:
        """Store it."""
        self.put.append(memory.owner)
        return await self.store(memory)


async def test_of_who_was_erased_nothing_is_put_in_one_statement() -> None:
    """A put by key goes the way that knows fences then; of others it does not."""
    provider, fences = KeyedProvider(), FenceList()
    fenced = FencedReplica(provider, fences)
    fences.add([Fence(key=_KEY, hash=hash_of(_KEY, ERASED.key), version=1, erased_at=0.0)])

    done = [await fenced.put_keyed(NewMemory(owner=owner, content="tea", key="drink")) for owner in (ERASED, OTHER)]

    assert (done[0], isinstance(done[1], Stored)) == (None, True)
    assert provider.put == [OTHER]
    assert [fenced.puts_keyed(owner) for owner in (ERASED, OTHER)] == [False, True]
