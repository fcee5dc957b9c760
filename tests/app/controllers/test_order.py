"""The order of the providers as it is seen and set over the admin API."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.auth.keys import hash_key, new_key
from app.http.operator_schemas import MAX_NAME_CHARS, MAX_ORDER
from providers.native.embedded import EmbeddedServer
from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app
from tests.support.chains import status_of, two_providers, wait_until_complete
from tests.support.following import eventually, following_app, listened
from tests.support.postgres import create_database, drop_database

SWITCHES = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of the services of a test."""
    return tmp_path / "data"


@pytest_asyncio.fixture
async def mocks(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a chain in memory, `a` before `b`, of which `b` has not received everything yet."""
    async with running_app(two_providers(folder)) as app, asgi_client(app) as http:
        yield http


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the service that tests share."""
    return tmp_path_factory.mktemp("shared") / "data"


@pytest_asyncio.fixture(scope="module")
async def shared_mocks(shared_folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one such chain for all tests in which every order is refused."""
    async with running_app(two_providers(shared_folder)) as app, asgi_client(app) as http:
        yield http


@pytest_asyncio.fixture
async def stores(postgres_server: EmbeddedServer, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of a chain over two databases, which outlive the services on them."""
    environ = {"NINAI__ORDER": "a,b", "NINAI__DATA_DIR": str(folder)}
    # Copies of one database would be taken for one and the same store.
    dsns = [await create_database(postgres_server, "template1") for _ in "ab"]
    for name, dsn in zip("AB", dsns, strict=True):
        environ |= {
            f"NINAI__PROVIDERS__{name}__KIND": "native",
            f"NINAI__PROVIDERS__{name}__DSN": dsn,
            f"NINAI__PROVIDERS__{name}__EMBEDDER__KIND": "none",
        }
    yield environ
    for dsn in dsns:
        await drop_database(postgres_server, dsn)


async def put(http: httpx.AsyncClient, *order: str) -> httpx.Response:
    """Set an order."""
    return await http.put("/admin/providers/order", json={"order": order})


async def told(http: httpx.AsyncClient) -> dict[str, Any]:
    """What is told of the order."""
    response = await http.get("/admin/providers/order")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def use(api: Api, done: asyncio.Event) -> list[int]:
    """Store and find memories until told to stop, and give the statuses."""
    statuses: list[int] = []
    while not done.is_set():
        written = await api.remember(f"memory number {len(statuses)}")
        read = await api.get(written.json()["memory_id"])
        found = await api.recall("memory")
        statuses += [written.status_code, read.status_code, found.status_code]
        await asyncio.sleep(0)
    return statuses


async def test_the_configured_order_is_told(mocks: httpx.AsyncClient) -> None:
    """Until another order is set, the configured one is in force."""
    answer = await told(mocks)

    assert {**answer, "since": ""} == {
        "order": ["a", "b"],
        "configured": ["a", "b"],
        "since": "",
        "set_by": "configuration",
        "refused": None,
    }


@pytest.mark.thorough
async def test_the_order_is_switched_under_load(mocks: httpx.AsyncClient) -> None:
    """While the order changes to and fro, no request fails, and the first of the order is home at once."""
    await wait_until_complete(mocks)
    done = asyncio.Event()
    users = [asyncio.create_task(use(Api(mocks, fresh_user()), done)) for _ in range(4)]

    homes = []
    for number in range(SWITCHES):
        order = ["b", "a"] if number % 2 == 0 else ["a", "b"]
        assert (await put(mocks, *order)).json()["order"] == order
        homes.append((await status_of(mocks))["home"])
        await asyncio.sleep(0.05)
    done.set()
    statuses = [status for statuses in await asyncio.gather(*users) for status in statuses]

    assert homes == ["b", "a"] * (SWITCHES // 2)
    assert set(statuses) == {200}
    assert len(statuses) > 100


@pytest.mark.parametrize("order", [["a", "c"], ["a", "a"], []])
async def test_what_is_no_order_is_refused(
    shared_mocks: httpx.AsyncClient, shared_folder: Path, order: list[str]
) -> None:
    """Who is not configured, who is named twice, and nobody at all: 422, and all stays as it is."""
    response = await put(shared_mocks, *order)

    assert (response.status_code, field_in(response)) == (422, "order")
    assert (await told(shared_mocks))["order"] == ["a", "b"]
    assert not (shared_folder / "order.json").exists()


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (["a"] * MAX_ORDER, "named twice"),
        (["a"] * (MAX_ORDER + 1), "length <= 100"),
        (["c" * MAX_NAME_CHARS], "is not configured"),
        (["c" * (MAX_NAME_CHARS + 1)], "length <= 100"),
    ],
)
async def test_an_order_is_no_longer_than_any_could_be(
    shared_mocks: httpx.AsyncClient, order: list[str], reason: str
) -> None:
    """Names beyond all limits are compared with nothing."""
    response = await put(shared_mocks, *order)

    assert response.status_code == 422
    assert reason in response.json()["detail"]


async def test_an_order_of_empty_stores_is_refused(mocks: httpx.AsyncClient, folder: Path) -> None:
    """Who has not received everything cannot be all that is left: 409 with the reason, and all stays as it is."""
    problem = problem_in(await put(mocks, "b"))

    assert (problem["status"], problem["type"]) == (409, "urn:ninai:problem:order-refused")
    assert problem["detail"] == (
        "none of b has received everything: keep a in the order; if that is gone for good, have this journal take over"
        " what there is: `ninai journal adopt`"
    )
    assert (await told(mocks))["order"] == ["a", "b"]
    assert not (folder / "order.json").exists()


async def test_an_order_that_cannot_be_kept_is_refused(mocks: httpx.AsyncClient, folder: Path) -> None:
    """An order that the next start would not know of is not put in force."""
    (folder / "order.json").mkdir()

    problem = problem_in(await put(mocks, "b", "a"))

    assert (problem["status"], "order.json: Is a directory" in problem["detail"]) == (409, True)
    assert (await told(mocks))["order"] == ["a", "b"]


async def test_the_order_asks_for_the_scope(folder: Path) -> None:
    """Only a key for operators sees and sets the order, and is named as who has set it."""
    plain, ops = new_key("one"), new_key("two")
    keys = {
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__PLAIN__HASH": hash_key(plain),
        "NINAI__AUTH__KEYS__OPS__HASH": hash_key(ops),
        "NINAI__AUTH__KEYS__OPS__SCOPES": "admin",
    }
    async with running_app(two_providers(folder) | keys) as app, asgi_client(app) as http:
        refused = [
            (await http.request(method, "/admin/providers/order", headers=headers)).status_code
            for method in ("GET", "PUT")
            for headers in ({}, {"X-API-Key": plain})
        ]
        http.headers["X-API-Key"] = ops
        answer = (await put(http, "b", "a")).json()

    assert refused == [401, 403, 401, 403]
    assert (answer["order"], answer["set_by"]) == (["b", "a"], "ops")


@pytest.mark.thorough
async def test_an_order_outlives_restarts(stores: dict[str, str], folder: Path) -> None:
    """What the API set is in force after a restart, and is kept whole, with who set it and instead of what."""
    async with running_app(stores) as app, asgi_client(app) as http:
        await wait_until_complete(http)
        before = (await put(http, "b", "a")).json()
    async with running_app(stores) as app, asgi_client(app) as http:
        after = await told(http)
        home = (await status_of(http))["home"]

    kept = json.loads((folder / "order.json").read_text())
    assert (after, home) == (before, "b")
    assert {**kept, "at": ""} == {"order": ["b", "a"], "instead_of": ["a", "b"], "set_by": "anonymous", "at": ""}


@pytest.mark.thorough
async def test_other_processes_follow_within_a_second(stores: dict[str, str]) -> None:
    """An order that one worker was given is soon in force in the others."""
    async with (
        running_app(stores) as one,
        running_app(stores) as other,
        asgi_client(one) as first,
        asgi_client(other) as second,
    ):
        await wait_until_complete(first)
        await wait_until_complete(second)
        await put(first, "b", "a")

        async def followed() -> bool:
            return bool((await told(second))["order"] == ["b", "a"])

        seconds = await eventually(followed)
        answers = [await told(first), await told(second)]

    assert seconds < 1
    assert answers[0] == answers[1]


@pytest.mark.thorough
async def test_an_order_ends_with_the_one_it_replaced(stores: dict[str, str], folder: Path) -> None:
    """When another order is configured that one holds, and what the API had set is forgotten for good."""
    async with running_app(stores) as app, asgi_client(app) as http:
        await wait_until_complete(http)
        await put(http, "a")
    with listened() as events:
        async with running_app(stores | {"NINAI__ORDER": "b,a"}) as app, asgi_client(app) as http:
            answer = await told(http)

    assert (answer["order"], answer["set_by"]) == (["b", "a"], "configuration")
    assert not (folder / "order.json").exists()
    assert [event["order"] for event in events() if event["event"] == "order_override_ended"] == [["a"]]


async def test_the_configured_order_is_set_like_any_other(mocks: httpx.AsyncClient, folder: Path) -> None:
    """Setting what is configured takes the override away."""
    await put(mocks, "b", "a")
    assert (folder / "order.json").exists()

    answer = (await put(mocks, "a", "b")).json()

    assert (answer["order"], answer["set_by"]) == (["a", "b"], "configuration")
    assert not (folder / "order.json").exists()


async def test_an_override_made_unreadable_changes_nothing(folder: Path) -> None:
    """What somebody else wrote into the override's file is refused by name, and setting an order mends it."""
    async with following_app(two_providers(folder)) as app, asgi_client(app) as http:
        (folder / "order.json").write_text("{")

        async def refused() -> bool:
            return "order.json" in str((await told(http))["refused"])

        await eventually(refused)
        order = (await told(http))["order"]
        mended = await put(http, "b", "a")

    assert order == ["a", "b"]
    assert mended.json()["order"] == ["b", "a"]


async def test_a_refused_order_is_logged_with_its_reason(mocks: httpx.AsyncClient) -> None:
    """What an operator wanted, and why it is not in force, whether it names nobody or cannot be put in force."""
    with capture_logs() as lines:
        unknown = await put(mocks, "a", "nobody")

    [line] = [line for line in lines if line["event"] == "order_refused"]
    assert unknown.status_code == 422
    assert (line["log_level"], line["order"], line["operator"]) == ("warning", ["a", "nobody"], "anonymous")
    assert line["reason"] in problem_in(unknown)["detail"]
