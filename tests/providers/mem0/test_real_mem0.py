"""What mem0 really does: the facts the provider leans on, and those it must get round, over the real library."""

import math
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from providers.native.embedded import EmbeddedServer
from tests.support.mem0_oss import NIL, Asking, Mem0Process
from tests.support.postgres import create_database, drop_database

EMPTY = "template1"
BAD = 502


@pytest_asyncio.fixture(scope="module")
async def mem0(postgres_server: EmbeddedServer) -> AsyncIterator[Mem0Process]:
    """One mem0 for all of these tests; each has a user of its own."""
    dsn = await create_database(postgres_server, EMPTY)
    async with Mem0Process(dsn, api_key="key") as process:
        yield process
    await drop_database(postgres_server, dsn)


@pytest_asyncio.fixture
async def asking(mem0: Mem0Process) -> AsyncIterator[Asking]:
    """A user nobody has heard of."""
    async with mem0.client() as client:
        yield Asking(client)


async def test_what_is_stored_as_it_is_gets_one_id(asking: Asking) -> None:
    """With `infer` false, one message is one memory, and the answer has its id."""
    results = (await asking.add("  two\nlines, é 😀 ")).json()["results"]

    assert [result["event"] for result in results] == ["ADD"]
    assert (await asking.get(results[0]["id"]))["memory"] == "  two\nlines, é 😀 "


async def test_every_message_is_a_memory_but_the_systems(asking: Asking) -> None:
    """A message of the system is left out without a word."""
    messages = [{"role": role, "content": role} for role in ("user", "assistant", "system")]
    answer = await asking.add(messages=messages)

    assert [result["memory"] for result in answer.json()["results"]] == ["user", "assistant"]


async def test_nothing_is_idempotent(asking: Asking) -> None:
    """What is added twice is there twice."""
    await asking.add()
    await asking.add()

    assert await asking.listed() == ["tea", "tea"]


async def test_a_run_is_found_with_its_user_and_without(asking: Asking) -> None:
    """A list by user and run has exactly those copies, by run alone those of every user."""
    run, other = uuid4().hex, uuid4().hex
    await asking.add("mine", run_id=run)
    await asking.add("another run", run_id=uuid4().hex)
    await asking.add("another user", run_id=run, user_id=other)

    assert await asking.listed(user_id=asking.user, run_id=run) == ["mine"]
    assert sorted(await asking.listed(run_id=run)) == ["another user", "mine"]


async def test_a_search_of_a_user_is_over_all_runs(asking: Asking) -> None:
    """With the user alone in the filters, the run of a memory does not matter."""
    for number in range(3):
        await asking.add(f"tea {number}", run_id=f"run-{number}")

    assert sorted(await asking.found()) == ["tea 0", "tea 1", "tea 2"]
    assert await asking.found(filters={"user_id": asking.user, "run_id": "run-1"}) == ["tea 1"]


async def test_top_k_is_heeded_and_limit_is_not(asking: Asking) -> None:
    """`top_k` says how many come, 20 unless it is said; `limit` says nothing."""
    for number in range(21):
        await asking.add(f"tea {number}")

    bodies: list[dict[str, Any]] = [{}, {"limit": 2}, {"top_k": 2}]
    assert [len(await asking.found(**body)) for body in bodies] == [20, 20, 2]
    assert [len(await asking.listed(user_id=asking.user, **more)) for more in [*bodies, {"top_k": 21}]] == [
        20,
        20,
        2,
        21,
    ]


async def test_a_list_is_of_a_thousand_at_most(asking: Asking) -> None:
    """More than 1,000 is refused, and there is no second page; a search has no such end."""
    too_many = await asking.http.get("/memories", params={"user_id": asking.user, "top_k": 1_001})

    assert (too_many.status_code, (await asking.search(top_k=1_001)).status_code) == (422, 200)


async def test_a_list_is_in_the_order_of_the_heap(asking: Asking) -> None:
    """The order is that of the rows in the table: as they came, and an edited one last; nothing promises it."""
    first = await asking.added("first")
    await asking.add("second")
    await asking.http.put(f"/memories/{first}", json={"text": "first, edited"})

    assert await asking.listed() == ["second", "first, edited"]


async def test_without_a_threshold_what_is_least_alike_is_left_out(asking: Asking) -> None:
    """The threshold is 0.1 unless it is said; 0 lets everything through."""
    for content in ("green tea is nice", "the capital of France is Paris"):
        await asking.add(content)

    assert await asking.found("green tea") == ["green tea is nice"]
    assert await asking.found("green tea", threshold=0) == ["green tea is nice", "the capital of France is Paris"]


async def test_an_unknown_id_is_null(asking: Asking) -> None:
    """A memory that is not there is 200 and `null`, an id that is no UUID is 502."""
    unknown = await asking.http.get(f"/memories/{NIL}")

    assert (unknown.status_code, unknown.json()) == (200, None)
    assert (await asking.http.get("/memories/nobody")).status_code == BAD


async def test_what_is_gone_is_not_found(asking: Asking) -> None:
    """A second delete is 404 with a detail, and so is an edit."""
    path = f"/memories/{await asking.added()}"
    answers = [await asking.http.delete(path), await asking.http.delete(path)]
    answers.append(await asking.http.put(path, json={"text": "coffee"}))

    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert "not found" in answers[1].json()["detail"]


async def test_an_edit_keeps_what_it_does_not_name(asking: Asking) -> None:
    """Text, metadata by key and the time of the edit are new; user, run and the time of creation stay."""
    memory_id = await asking.added(run_id="run", metadata={"ninai": {"old": 1}, "kept": 1})
    before = await asking.get(memory_id)
    metadata = {"ninai": {"new": 2}, "user_id": "somebody"}
    await asking.http.put(f"/memories/{memory_id}", json={"text": "coffee", "metadata": metadata})
    after = await asking.get(memory_id)

    assert (after["memory"], after["metadata"]) == ("coffee", {"ninai": {"new": 2}, "kept": 1})
    assert {name for name in before if before[name] != after[name]} == {"memory", "hash", "metadata", "updated_at"}


async def test_a_star_is_everybody(asking: Asking) -> None:
    """`*` as a user is anybody, to list, to search and to delete; and it can be a user's name."""
    await asking.add("mine")
    await asking.add("the star's", user_id="*")
    everybody: dict[str, Any] = {"user_id": "*", "top_k": 1_000}

    assert {"mine", "the star's"} <= set(await asking.listed(**everybody))
    assert {"mine", "the star's"} <= set(await asking.found(filters={"user_id": "*"}, threshold=0, top_k=1_000))
    await asking.http.delete("/memories", params={"user_id": "*"})
    assert (await asking.listed(**everybody), await asking.listed()) == ([], [])


async def test_white_space_around_an_id_is_trimmed(asking: Asking) -> None:
    """Two users whose names differ in the space around them are one."""
    await asking.add(user_id=f"\t{asking.user} ")

    assert await asking.listed() == await asking.listed(user_id=f"{asking.user}\n") == ["tea"]


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2028"])
async def test_white_space_within_an_id_is_refused(space: str, asking: Asking) -> None:
    """It is 400 to add and to search, and 502 to list and to delete, where the server does not look."""
    user = f"a{space}b"
    answers = [await asking.add(user_id=user), await asking.search(filters={"user_id": user})]
    answers += [
        await asking.http.request(method, "/memories", params={"user_id": user}) for method in ("GET", "DELETE")
    ]

    assert [answer.status_code for answer in answers] == [400, 400, BAD, BAD]


async def test_keys_of_metadata_that_vanish(asking: Asking) -> None:
    """These keys are mem0's own, and ours under their names are lost without a word."""
    lost = ["data", "hash", "role", "actor_id", "user_id", "agent_id", "run_id", "id", "text_lemmatized", "updated_at"]
    memory_id = await asking.added(metadata=dict.fromkeys([*lost, "ours"], "said"))

    memory = await asking.get(memory_id)
    assert (memory["metadata"], "said" in {memory.get(name) for name in lost}) == ({"ours": "said"}, False)


async def test_keys_of_metadata_that_move(asking: Asking) -> None:
    """These are taken for mem0's own, and any text will do for a time."""
    moved = {"created_at": "once", "expiration_date": "never", "attributed_to": "me"}
    memory = await asking.get(await asking.added(metadata=moved))

    assert (memory["metadata"], memory["updated_at"]) == (None, "once")
    assert {name: memory[name] for name in moved} == moved


async def test_a_date_of_expiry_hides(asking: Asking) -> None:
    """What has expired is neither listed nor found, but is still there."""
    memory_id = await asking.added(metadata={"expiration_date": "2020-01-01"})

    assert (await asking.listed(), await asking.found(threshold=0)) == ([], [])
    assert (await asking.get(memory_id))["memory"] == "tea"


@pytest.mark.parametrize(
    "value",
    ['é 😀 \u2028 \\ "', 2**53 + 1, -(2**80), 0.1, 5e-324, 1.0, 123456.789e3, None, True, [1, [2, [None, "x"]], {}]],
)
async def test_what_is_under_one_key_comes_back(value: object, asking: Asking) -> None:
    """Below a key of our own, most of JSON comes back as it was, with its types."""
    ours = {"value": value, "user_id": "kept here", "": {}}
    memory = await asking.get(await asking.added(metadata={"ninai": ours}))

    assert memory["metadata"] == {"ninai": ours}
    assert type(memory["metadata"]["ninai"]["value"]) is type(value)


@pytest.mark.parametrize(("value", "back"), [(1e300, 10**300), (-0.0, 0.0)])
async def test_numbers_that_come_back_as_others(value: float, back: float, asking: Asking) -> None:
    """PostgreSQL keeps decimals: a large float comes back as an integer, and zero loses its sign."""
    memory = await asking.get(await asking.added(metadata={"ninai": value}))

    came = memory["metadata"]["ninai"]
    assert (came, math.copysign(1, came), type(came)) == (back, 1, type(back))


async def test_the_order_of_keys_is_lost(asking: Asking) -> None:
    """PostgreSQL sorts the keys of an object: first the short ones."""
    memory = await asking.get(await asking.added(metadata={"ninai": {"long": 1, "b": 2, "a": 3}}))

    assert list(memory["metadata"]["ninai"]) == ["a", "b", "long"]


@pytest.mark.parametrize("body", [{"content": "a\0b"}, {"metadata": {"ninai": "a\0b"}}, {"user_id": "a\0b"}])
async def test_a_zero_character_cannot_be_stored(body: dict[str, Any], asking: Asking) -> None:
    """In the content, the metadata or an id it is 502, as if mem0 were ill; nothing is stored."""
    answer = await asking.add(**{"run_id": asking.user} | body)

    assert (answer.status_code, await asking.listed(run_id=asking.user)) == (BAD, [])


async def test_a_content_can_be_as_long_as_its_embedder_takes(asking: Asking) -> None:
    """Beyond the tokens of the embedder, and without any, it is 502 for ever, and says so in the code alone."""
    answers = [await asking.add(content) for content in ("some word " * 3_000, "some word " * 10_000, "")]

    assert [answer.status_code for answer in answers] == [200, BAD, BAD]
    assert [answer.json()["code"] for answer in answers[1:]] == ["provider_bad_request"] * 2


@pytest.mark.parametrize("headers", [{"X-API-Key": "wrong"}, {"X-API-Key": ""}, {"Authorization": "Bearer key"}])
async def test_a_wrong_key_is_refused(headers: dict[str, str], asking: Asking) -> None:
    """So is the right key beside a bearer token."""
    answer = await asking.http.get("/memories", params={"user_id": asking.user}, headers=headers)

    assert (answer.status_code, list(answer.json())) == (401, ["detail"])


async def test_a_slash_at_the_end_is_another_path(asking: Asking) -> None:
    """The routes have none, and what is not a route looks like a memory that is not there."""
    answer = await asking.http.get("/memories/", params={"user_id": asking.user})

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
