"""Memories that expire, as clients write and read them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.http.lifetimes import MAX_TTL_SECONDS
from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app

FUTURE = "2999-12-31T23:59:59Z"
DEFAULT, MAXIMUM = 3_600, 86_400


def moment_in(memory: dict[str, Any]) -> datetime:
    """Return when a memory in an answer expires."""
    return datetime.fromisoformat(memory["expires_at"])


@pytest_asyncio.fixture(scope="module")
async def bounded() -> AsyncIterator[Api]:
    """A client of an installation in which nothing lives longer than a day, and an hour unless it asks for more."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__EXPIRY__DEFAULT": str(DEFAULT),
        "NINAI__EXPIRY__MAXIMUM": str(MAXIMUM),
    }
    async with running_app(environ) as app, asgi_client(app) as http:
        yield Api(http, fresh_user())


async def test_every_answer_shows_when_a_memory_expires(either: Api) -> None:
    """As it was given, in UTC; what does not expire says nothing."""
    plain = await either.stored("green tea")
    sent = {"content": "black tea", "expires_at": "3000-01-01T04:59:59+05:00"}
    memory_id = (await either.request("POST", "/memory/remember", json=sent)).json()["memory_id"]

    shown = [
        (await either.get(memory_id)).json(),
        *(await either.page()).json()["memories"],
        *(await either.recall("black tea", limit=1)).json()["memories"],
        (await either.update(memory_id, content="white tea")).json(),
    ]
    assert [one.get("expires_at") for one in shown if one["id"] == memory_id] == 4 * [FUTURE]
    assert "expires_at" not in (await either.get(plain)).json()


async def test_a_lifetime_in_seconds_ends_and_nobody_sees_the_memory(either: Api) -> None:
    """All of the messages of a conversation, and nothing of them is counted."""
    lasting = await either.stored("tea")
    messages = [{"role": "user", "content": "green tea"}, {"role": "assistant", "content": "hot"}]
    sent = {"messages": messages, "ttl_seconds": 1}
    ids = [one["memory_id"] for one in (await either.request("POST", "/memory/remember", json=sent)).json()["results"]]

    while (await either.get(ids[0])).status_code == 200:  # noqa: ASYNC110 - a moment that comes sets no event
        await asyncio.sleep(0.05)

    assert [(await either.get(one)).status_code for one in ids] == [404, 404]
    listed = (await either.request("POST", "/memory/list", json={"total": True})).json()
    assert ([one["id"] for one in listed["memories"]], listed["total"]) == ([lasting], 1)
    assert await either.recalled("green tea") == ["tea"]
    assert (await either.update(ids[0], content="cold")).status_code == 404


async def test_what_is_put_under_a_key_expires(bounded: Api) -> None:
    """As what is remembered, within what is configured; a repeated put is one, though it came later."""
    put = {"key": "plans", "content": "tea"}
    first = await bounded.request("POST", "/memory/keys/put", json=put)
    again = {"Idempotency-Key": fresh_user()}
    tags = [
        (await bounded.request("POST", "/memory/keys/put", json=put, headers=again)).headers["etag"] for _ in range(2)
    ]
    expires = moment_in((await bounded.get(first.json()["memory_id"])).json())
    lasting = await bounded.request("POST", "/memory/keys/put", json=put | {"ttl_seconds": MAXIMUM + 60})

    assert tags[0] == tags[1]
    assert 0 < (expires - datetime.now(UTC)).total_seconds() <= DEFAULT
    assert field_in(lasting) == "ttl_seconds"


async def test_an_expiry_is_changed_and_taken_away(either: Api) -> None:
    """Alone or in a batch, by its moment or in seconds; null takes it away."""
    before = datetime.now(UTC)
    memory_id = await either.stored("tea")
    first = (await either.update(memory_id, ttl_seconds=100)).json()
    batch = {"changes": [{"memory_id": memory_id, "expires_at": FUTURE}]}
    second = (await either.request("POST", "/memory/update/batch", json=batch)).json()["results"][0]["memory"]
    third = (await either.update(memory_id, expires_at=None)).json()

    assert timedelta(seconds=100) <= moment_in(first) - before < timedelta(seconds=700)
    assert second["expires_at"] == FUTURE
    assert "expires_at" not in third


async def test_a_repeated_change_is_made_once(either: Api) -> None:
    """The seconds of a repetition count from another moment, and it is the same change; other seconds are not."""
    memory_id = await either.stored("tea")
    first = (await either.update(memory_id, key="k", ttl_seconds=100)).json()
    again = await either.update(memory_id, key="k", ttl_seconds=100)
    other = await either.update(memory_id, key="k", ttl_seconds=101)

    assert (again.status_code, again.json(), other.status_code) == (200, first, 409)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
    ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
    ({"expires_at": "tomorrow"}, "expires_at"),
    ({"ttl_seconds": 0}, "ttl_seconds"),
    ({"ttl_seconds": -1}, "ttl_seconds"),
    ({"ttl_seconds": 1.5}, "ttl_seconds"),
    ({"ttl_seconds": MAX_TTL_SECONDS + 1}, "ttl_seconds"),
    ({"ttl_seconds": 1, "expires_at": FUTURE}, "ttl_seconds"),
]


@pytest.mark.parametrize(("given", "field"), BAD)
async def test_an_impossible_expiry_is_refused(mock_api: Api, given: dict[str, Any], field: str) -> None:
    """422 with the name of the field, of a new memory as of a change; in a batch the item fails alone."""
    memory_id = await mock_api.stored("tea")
    new = await mock_api.request("POST", "/memory/remember", json={"content": "tea", **given})
    change = await mock_api.update(memory_id, **given)
    batch = {"memories": [{"content": "hot"}, {"content": "tea", **given}]}
    several = (await mock_api.request("POST", "/memory/remember/batch", json=batch)).json()

    assert [one.status_code for one in (new, change)] == [422, 422]
    assert [field in field_in(one) for one in (new, change)] == [True, True]
    assert [one["status"] for one in several["results"]] == ["stored", "failed"]


async def test_the_longest_lifetime_is_taken(mock_api: Api) -> None:
    """A century."""
    sent = {"content": "tea", "ttl_seconds": MAX_TTL_SECONDS}

    assert (await mock_api.request("POST", "/memory/remember", json=sent)).status_code == 200


async def test_what_asks_for_no_expiry_lives_as_long_as_is_configured(bounded: Api) -> None:
    """And a change that does not speak of it leaves it."""
    before = datetime.now(UTC)
    memory_id = await bounded.stored("tea")
    memory = (await bounded.get(memory_id)).json()

    assert timedelta(seconds=DEFAULT) <= moment_in(memory) - before < timedelta(seconds=DEFAULT + 600)
    assert (await bounded.update(memory_id, content="hot")).json()["expires_at"] == memory["expires_at"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"ttl_seconds": MAXIMUM}, 200),
        ({"ttl_seconds": MAXIMUM + 1}, 422),
        ({"expires_at": FUTURE}, 422),
        ({"expires_at": None}, 422),
    ],
)
async def test_nothing_lives_longer_than_is_configured(bounded: Api, given: dict[str, Any], status: int) -> None:
    """The refusal names the bound."""
    changed = await bounded.update(await bounded.stored("tea"), **given)

    assert changed.status_code == status
    if status != 200:
        assert f"{MAXIMUM} s" in problem_in(changed)["detail"]
