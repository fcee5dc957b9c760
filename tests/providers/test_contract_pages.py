"""What every provider promises of being read out as a replica: pages of states and users, and bad arguments refused."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.errors import InvalidInput
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from tests.support.states import live

NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001 - that it has no time zone is the point
NIL, LAST = str(UUID(int=0)), str(UUID(int=2**128 - 1))


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, which can be brought to the state of another."""
    assert isinstance(provider, Replica)
    return provider


async def all_users(replica: Replica, limit: int = MAX_OWNERS) -> list[str]:
    """Every user, page by page."""
    owners: list[Owner] = []
    while page := await replica.owners(limit, after=owners[-1] if owners else None):
        owners += page
    return [owner.user for owner in owners]


async def test_nothing_is_no_state(replica: Replica, user: str) -> None:
    """Of what was never stored there is no state, and asking makes nobody a user."""
    assert await replica.snapshot(Owner(user), str(uuid4())) is None
    assert await replica.snapshots(Owner(user)) == []
    assert user not in await all_users(replica)


async def test_states_come_by_ascending_id(replica: Replica, user: str) -> None:
    """Pages of states, tombstones among them, go up by id from the first to the last, each once."""
    ids = [str(uuid4()) for _ in range(10)] + [NIL, LAST]
    await replica.put_many([live(user, id=memory_id) for memory_id in ids])
    await replica.delete(user, ids[3])

    pages = [await replica.snapshots(Owner(user), 5)]
    while pages[-1]:
        pages.append(await replica.snapshots(Owner(user), 5, after=pages[-1][-1].id.upper()))

    assert [len(page) for page in pages] == [5, 5, 2, 0]
    assert [state.id for page in pages for state in page] == sorted(ids)
    assert [state.id for page in pages for state in page if state.deleted] == [ids[3]]


async def test_a_page_may_start_behind_what_is_not_there(replica: Replica, user: str) -> None:
    """The position need not be that of a memory, and what comes meanwhile behind it is seen."""
    low, high = (str(UUID(int=number << 120)) for number in (1, 3))
    await replica.put_many([live(user, id=low), live(user, id=high)])
    between = str(UUID(int=2 << 120))

    assert [state.id for state in await replica.snapshots(Owner(user), after=between)] == [high]
    await replica.put_many([live(user, id=between)])
    assert [state.id for state in await replica.snapshots(Owner(user), after=low)] == [between, high]
    assert await replica.snapshots(Owner(user), after=high) == []


async def test_users_come_by_code_point(replica: Replica, user: str) -> None:
    """Pages of users go up by code point, each once, whatever languages and cases they are written in."""
    names = [
        f"{odd}{user}" for odd in ["Z", "a", "B", "b", "é", "e\u0301", "ந", "😀", "\uffee", "_", " ", "~", "ä", "-"]
    ]
    await replica.put_many([live(name) for name in names for _ in range(3)])

    for limit in (2, 1_000):
        users = await all_users(replica, limit)
        assert users == sorted(set(users))
        assert [name for name in users if name in names] == sorted(names)


async def test_users_with_nothing_but_tombstones_are_users(replica: Replica, user: str, stranger: str) -> None:
    """Who deleted everything is told of, too; but not who deleted what was never there."""
    await replica.delete(user, await replica.remember(user, "tea"))
    await replica.delete(stranger, str(uuid4()))

    assert {user, stranger} & set(await all_users(replica)) == {user}


async def test_a_page_of_users_starts_behind_a_name(replica: Replica, user: str) -> None:
    """The name to start behind need not be a user's, and is left out if it is."""
    names = [f"{user}{letter}" for letter in "ace"]
    await replica.put_many([live(name) for name in names])

    assert await replica.owners(2, after=Owner(names[0])) == [Owner(name) for name in names[1:]]
    assert await replica.owners(1, after=Owner(f"{user}b")) == [Owner(names[1])]


async def test_the_identity_stays(replica: Replica) -> None:
    """A store has one name as long as it lasts."""
    names = {await replica.identity() for _ in range(3)}

    assert len(names) == 1
    assert names.pop()


BAD_STATES: dict[str, tuple[dict[str, Any], str]] = {
    "user": ({"user_id": "*"}, "user_id"),
    "id": ({"id": "1"}, "memory_id"),
    "negative version": ({"version": -1}, "version"),
    "version too high": ({"version": 2**62}, "version"),
    "blank content": ({"content": " "}, "content"),
    "long content": ({"content": "x" * 32_001}, "content"),
    "NUL in metadata": ({"metadata": {"a": "\0"}}, "metadata"),
    "no creation time": ({"created_at": None}, "created_at"),
    "naive creation time": ({"created_at": NAIVE}, "created_at"),
    "naive update time": ({"updated_at": NAIVE}, "updated_at"),
    "no digest": ({"digest": b""}, "digest"),
    "short digest": ({"digest": b"x"}, "digest"),
    "edit": ({"edits": ("1",)}, "edit_id"),
    "17 edits": ({"edits": (NIL,) * 17}, "edits"),
    "edit of a tombstone": ({"content": None, "edits": ("1",)}, "edit_id"),
}


@pytest.mark.parametrize("bad", [pytest.param(case, id=name) for name, case in BAD_STATES.items()])
async def test_a_bad_state_fails_alone(replica: Replica, user: str, bad: tuple[dict[str, Any], str]) -> None:
    """A state that breaks a rule is named in its place, and the others are put."""
    fields, field = bad
    states = [live(user) for _ in range(2)]

    first, refusal, last = await replica.put_many([states[0], replace(live(user), **fields), states[1]])

    assert (first, last) == (None, None)
    assert isinstance(refusal, InvalidInput)
    assert refusal.field == field
    assert await replica.snapshots(Owner(user)) == sorted(states, key=lambda state: state.id)


async def test_a_batch_of_bad_states_puts_nothing(replica: Replica, user: str) -> None:
    """Where no state is fit to be put, each is refused."""
    answers = await replica.put_many([live(user, " "), live(user, "", id="1")])

    assert [type(answer) for answer in answers] == [InvalidInput, InvalidInput]
    assert user not in await all_users(replica)


ASK_BADLY: dict[str, tuple[Callable[[Replica, str], Awaitable[object]], str]] = {
    "no states": (lambda replica, _: replica.put_many([]), "snapshots"),
    "too many states": (lambda replica, user: replica.put_many([live(user)] * (MAX_SNAPSHOTS + 1)), "snapshots"),
    "state of nobody": (lambda replica, _: replica.snapshot(Owner(""), NIL), "user_id"),
    "state of no id": (lambda replica, user: replica.snapshot(Owner(user), "1"), "memory_id"),
    "states of nobody": (lambda replica, _: replica.snapshots(Owner("*")), "user_id"),
    "page of no states": (lambda replica, user: replica.snapshots(Owner(user), 0), "limit"),
    "page of too many states": (lambda replica, user: replica.snapshots(Owner(user), MAX_SNAPSHOTS + 1), "limit"),
    "states behind no id": (lambda replica, user: replica.snapshots(Owner(user), after="1"), "after"),
    "page of no users": (lambda replica, _: replica.owners(0), "limit"),
    "page of too many users": (lambda replica, _: replica.owners(MAX_OWNERS + 1), "limit"),
    "users behind NUL": (lambda replica, _: replica.owners(after=Owner("a\0")), "after"),
    "users behind a surrogate": (lambda replica, _: replica.owners(after=Owner("\ud800")), "after"),
    "users behind nobody": (lambda replica, _: replica.owners(after=Owner("")), "after"),
}


@pytest.mark.parametrize("call", [pytest.param(case, id=name) for name, case in ASK_BADLY.items()])
async def test_a_bad_question_is_refused(
    replica: Replica, user: str, call: tuple[Callable[[Replica, str], Awaitable[object]], str]
) -> None:
    """Whatever breaks a rule is named, and nothing is stored."""
    ask, field = call

    with pytest.raises(InvalidInput) as refusal:
        await ask(replica, user)
    assert refusal.value.field == field
    assert await replica.snapshots(Owner(user)) == []
