"""Expiries that slide, as clients write and read them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from providers.sliding import MIN_SLIDING_SECONDS
from providers.touching import COLLECT_SECONDS, TOUCHES_IN_A_LIFE
from tests.support.api import Api, asgi_client, field_in, fresh_user, running_app

HOUR, DAY = 3_600, 86_400
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
SLIDING: dict[str, Any] = {"ttl_seconds": HOUR, "sliding": True}


@pytest_asyncio.fixture(scope="module")
async def bounded() -> AsyncIterator[Api]:
    """A client of an installation in which nothing lives longer than a day."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__EXPIRY__MAXIMUM": str(DAY)}
    async with running_app(environ) as app, asgi_client(app) as http:
        yield Api(http, fresh_user())


async def stored(api: Api) -> str:
    """Store a memory whose expiry slides, and return its id."""
    answer = await api.request("POST", "/memory/remember", json={"content": "tea"} | SLIDING)
    return str(answer.json()["memory_id"])


async def seconds_of(api: Api, memory_id: str) -> Any:  # noqa: ANN401 - whatever the answers say
    """Return by how many seconds the expiry of a memory slides, as every read shows it."""
    got = (await api.get(memory_id)).json()
    listed = [one for one in (await api.page()).json()["memories"] if one["id"] == memory_id]
    recalled = [one for one in (await api.recall("tea", limit=100)).json()["memories"] if one["id"] == memory_id]
    [shown] = {one.get("sliding_seconds") for one in (got, *listed, *recalled)}
    assert (len(listed), len(recalled)) == (1, 1)
    return shown


async def test_every_way_to_write_makes_an_expiry_slide(either: Api) -> None:
    """Remember, alone, in a conversation or in a batch, a put under a key, and a change."""
    one = await stored(either)
    messages = {"messages": [{"role": "user", "content": "tea"}]} | SLIDING
    told = (await either.request("POST", "/memory/remember", json=messages)).json()["results"]
    batch = {"memories": [{"content": "tea"} | SLIDING]}
    many = (await either.request("POST", "/memory/remember/batch", json=batch)).json()["results"]
    put = (await either.request("PUT", "/memory/keys/tea", json={"content": "tea"} | SLIDING)).json()
    plain = await either.stored("tea")
    changed = (await either.update(plain, **SLIDING)).json()

    ids = [one, told[0]["memory_id"], many[0]["memory_id"], put["memory_id"], plain]
    assert [await seconds_of(either, memory_id) for memory_id in ids] == 5 * [HOUR]
    assert changed["sliding_seconds"] == HOUR


@pytest.mark.thorough
async def test_a_refused_change_gives_no_more_time(api: Api) -> None:
    """What the service reads to say why it refuses a change, or to write by a key, is given to nobody."""
    body = {"content": "tea", "ttl_seconds": MIN_SLIDING_SECONDS, "sliding": True}
    put = (await api.request("PUT", "/memory/keys/tea", json=body)).json()
    before = (await api.page()).json()["memories"][0]["expires_at"]
    await asyncio.sleep(MIN_SLIDING_SECONDS / TOUCHES_IN_A_LIFE + 0.5)
    wrong = {"If-Match": '"1"'}
    refused = [
        await api.request("PUT", "/memory/keys/tea", json=body, headers=wrong),
        await api.request("DELETE", "/memory/keys/tea", headers=wrong),
        await api.request("DELETE", f"/memory/memories/{put['memory_id']}", headers=wrong),
        await api.request("POST", "/memory/keys/rename", json={"from": "tea", "to": "tea"}),
    ]
    await asyncio.sleep(2 * COLLECT_SECONDS)

    assert [answer.status_code for answer in refused][:3] == [412, 412, 412]
    assert (await api.page()).json()["memories"][0]["expires_at"] == before


async def test_a_new_expiry_says_anew_whether_it_slides(either: Api) -> None:
    """Another change keeps it; one of the expiry that does not say so takes it away."""
    memory_id = (await either.request("POST", "/memory/remember", json={"content": "tea"} | SLIDING)).json()[
        "memory_id"
    ]

    assert (await either.update(memory_id, content="green tea")).json()["sliding_seconds"] == HOUR
    assert "sliding_seconds" not in (await either.update(memory_id, ttl_seconds=HOUR)).json()
    assert (await either.update(memory_id, **SLIDING)).json()["sliding_seconds"] == HOUR
    assert "sliding_seconds" not in (await either.update(memory_id, expires_at=None)).json()
    assert "expires_at" not in (await either.get(memory_id)).json()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"sliding": True}, "sliding"),
        ({"sliding": True, "expires_at": SOON}, "sliding"),
        ({"sliding": True, "ttl_seconds": MIN_SLIDING_SECONDS - 1}, "ttl_seconds"),
        ({"sliding": True, "ttl_seconds": DAY + 1}, "ttl_seconds"),
    ],
    ids=["without a time", "with a moment", "short", "beyond the maximum"],
)
async def test_an_expiry_that_cannot_slide_is_refused(bounded: Api, sent: dict[str, Any], field: str) -> None:
    """By every way to write; nothing is stored."""
    memory_id = await bounded.stored("tea")
    answers = [
        await bounded.request("POST", "/memory/remember", json={"content": "tea"} | sent),
        await bounded.request("PUT", "/memory/keys/k", json={"content": "tea"} | sent),
        await bounded.update(memory_id, **sent),
    ]

    assert [answer.status_code for answer in answers] == 3 * [422]
    assert [field_in(answer) for answer in answers] == 3 * [field]


@pytest.mark.parametrize("seconds", [MIN_SLIDING_SECONDS, DAY])
async def test_an_expiry_slides_within_the_bounds(bounded: Api, seconds: int) -> None:
    """From a minute to what is the maximum here."""
    sent = {"content": "tea", "ttl_seconds": seconds, "sliding": True}

    answer = await bounded.request("POST", "/memory/remember", json=sent)

    assert answer.status_code == 200
    assert (await bounded.get(answer.json()["memory_id"])).json()["sliding_seconds"] == seconds


async def test_a_repeated_write_slides_as_it_did(either: Api) -> None:
    """The same put or change again is no other one; a change that does not slide is."""
    put, key = {"key": "once", "content": "tea"} | SLIDING, {"Idempotency-Key": fresh_user()}
    puts = [await either.request("POST", "/memory/keys/put", json=put, headers=key) for _ in range(2)]
    memory_id = puts[0].json()["memory_id"]
    changes = [await either.update(memory_id, key="change", **SLIDING) for _ in range(2)]
    other = await either.update(memory_id, key="change", ttl_seconds=HOUR)

    assert puts[0].headers["etag"] == puts[1].headers["etag"]
    assert changes[0].json() == changes[1].json()
    assert [one.status_code for one in (*puts, *changes, other)] == [200, 200, 200, 200, 409]


async def test_an_export_that_is_imported_slides_on(either: Api) -> None:
    """It tells the seconds beside the end, and another user's memory has both."""
    memory_id = await stored(either)
    shown = (await either.get(memory_id)).json()
    lines = (await either.request("GET", "/memory/export")).content
    other = Api(either.http, fresh_user())
    taken = await other.request(
        "POST", "/memory/import", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    [copy] = (await other.page()).json()["memories"]

    assert taken.status_code == 200
    assert [copy[name] for name in ("expires_at", "sliding_seconds")] == [shown["expires_at"], HOUR]
