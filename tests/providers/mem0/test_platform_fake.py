"""The server that speaks mem0's managed API does what mem0's own client expects, in both of its forms."""

import asyncio
import importlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.support.clock import FakeClock
from tests.support.mem0_memories import Answer
from tests.support.mem0_platform import MAX_PAGE_SIZE, PlatformServer

API_KEY = "m0-key"
ANNA = {"user_id": "anna"}

Call = Callable[..., Awaitable[Any]]  # a method's name, then what it is called with
Connect = Callable[[PlatformServer], AbstractAsyncContextManager[Call]]


@pytest.fixture(scope="session")
def mem0(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The official package, which looks once, when it is imported, whether it may report home and where home is."""
    with pytest.MonkeyPatch.context() as environment, warnings.catch_warnings():  # it loosens the filters for all
        environment.setenv("MEM0_TELEMETRY", "false")
        environment.setenv("MEM0_DIR", str(tmp_path_factory.mktemp("mem0")))
        package = importlib.import_module("mem0")
        telemetry = importlib.import_module("mem0.memory.telemetry")
    assert telemetry.MEM0_TELEMETRY is False, "somebody has imported mem0 before"
    return package


@pytest.fixture(params=["MemoryClient", "AsyncMemoryClient"])
def connect(request: pytest.FixtureRequest, mem0: ModuleType) -> Connect:
    """Opens one form of the client; either is made in a thread, for it tries its key with a call that blocks."""

    @asynccontextmanager
    async def blocking(server: PlatformServer) -> AsyncIterator[Call]:
        with httpx.Client() as http:
            client = await asyncio.to_thread(mem0.MemoryClient, api_key=API_KEY, host=server.base_url, client=http)
            yield lambda name, *args, **kwargs: asyncio.to_thread(getattr(client, name), *args, **kwargs)

    @asynccontextmanager
    async def awaiting(server: PlatformServer) -> AsyncIterator[Call]:
        async with await asyncio.to_thread(mem0.AsyncMemoryClient, api_key=API_KEY, host=server.base_url) as client:
            yield lambda name, *args, **kwargs: getattr(client, name)(*args, **kwargs)

    return blocking if request.param == "MemoryClient" else awaiting


@pytest.fixture
async def server() -> AsyncIterator[PlatformServer]:
    """A server with the habits that the documentation describes, and no delay."""
    async with PlatformServer(api_key=API_KEY) as server:
        yield server


@pytest.fixture
async def call(server: PlatformServer, connect: Connect) -> AsyncIterator[Call]:
    """Calls a method of the client."""
    async with connect(server) as call:
        yield call


async def added(call: Call, text: str, **scope: Any) -> str:  # noqa: ANN401 - ids, metadata and a timestamp
    """Store a text as it is, and give its id."""
    answer = await call("add", text, infer=False, **scope)
    return str(answer["results"][0]["id"])


async def texts(call: Call, filters: dict[str, Any], **page: int) -> list[str]:
    """What a list with this filter returns, in order."""
    answer = await call("get_all", filters=filters, **page)
    return [record["memory"] for record in answer["results"]]


async def test_what_was_added_is_read_back_by_its_id(call: Call) -> None:
    """A text that is stored as it is has an id at once, and under it the content, the metadata and the owner."""
    memory_id = await added(call, "Tea at seven. Always.", metadata={"tags": ["tea"], "at": {"hour": 7}}, **ANNA)

    record = await call("get", memory_id)
    assert (record["memory"], record["user_id"], record["run_id"]) == ("Tea at seven. Always.", "anna", None)
    assert record["metadata"] == {"tags": ["tea"], "at": {"hour": 7}}


async def test_every_message_is_a_memory(call: Call) -> None:
    """Several messages in one call become as many memories, in their order."""
    messages = [{"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "At seven."}]

    answer = await call("add", messages, infer=False, **ANNA)
    assert [result["memory"] for result in answer["results"]] == ["Tea?", "At seven."]


async def test_an_inferring_add_is_done_later(connect: Connect) -> None:
    """It answers with an event, which is pending, then running, then has a memory of every sentence that is new."""
    clock = FakeClock()
    async with PlatformServer(extraction_delay=10, clock=clock) as server, connect(server) as call:
        await added(call, "I live in Chennai.", **ANNA)
        answer = await call("add", "I live in Chennai. I drink tea!", **ANNA)
        events = []
        async with httpx.AsyncClient(headers={"Authorization": f"Token {API_KEY}"}) as http:
            for seconds in (0, 6, 6):
                clock.now += seconds
                events.append((await http.get(f"{server.base_url}/v1/event/{answer['event_id']}/")).json())

        assert answer["status"] == "PENDING"
        assert [event["status"] for event in events] == ["PENDING", "RUNNING", "SUCCEEDED"]
        assert [result["data"] for result in events[-1]["results"]] == [{"memory": "I drink tea!"}]
        assert await texts(call, ANNA) == ["I drink tea!", "I live in Chennai."]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (ANNA, {"plain", "tagged"}),
        ({"AND": [ANNA, {"run_id": "*"}]}, {"in a run"}),
        ({"AND": [ANNA, {"run_id": "r1"}]}, {"in a run"}),
        ({"AND": [ANNA, {"run_id": {"ne": "r1"}}]}, {"plain", "tagged"}),
        ({"OR": [ANNA]}, {"plain", "tagged", "in a run"}),
        ({"user_id": "*"}, {"plain", "tagged", "another's"}),
        ({"user_id": {"in": ["ravi", "nobody"]}}, {"another's"}),
        ({"AND": [ANNA, {"metadata": {"kind": "note"}}]}, {"tagged"}),
        ({"AND": [ANNA, {"NOT": [{"metadata": {"kind": "note"}}]}]}, {"plain"}),
        ({"AND": [ANNA, {"keywords": {"icontains": "TAG"}}]}, {"tagged"}),
        ({"AND": [ANNA, {"created_at": {"lt": "2020-01-01"}}]}, {"plain"}),
    ],
)
async def test_a_filter_says_which(call: Call, filters: dict[str, Any], expected: set[str]) -> None:
    """Ids that a filter does not speak of must be null, "*" is any but null, and conditions are joined as written."""
    await added(call, "plain", timestamp=1_500_000_000, **ANNA)
    await added(call, "tagged", metadata={"kind": "note", "n": 1}, **ANNA)
    await added(call, "in a run", run_id="r1", **ANNA)
    await added(call, "another's", user_id="ravi")

    assert set(await texts(call, filters)) == expected


async def test_implicit_null_can_be_left_off(connect: Connect) -> None:
    """Where it is left off, a filter on the user alone returns the memories of runs too."""
    async with PlatformServer(implicit_null=False) as server, connect(server) as call:
        await added(call, "in a run", run_id="r1", **ANNA)

        assert await texts(call, ANNA) == ["in a run"]


async def test_pages_follow_one_another(server: PlatformServer, call: Call) -> None:
    """Pages give the newest first, say how many there are, and where the next and the previous one is."""
    for number in range(5):
        await added(call, str(number), **ANNA)

    pages = [await call("get_all", filters=ANNA, page=number, page_size=2) for number in (1, 2, 3)]
    assert [[record["memory"] for record in page["results"]] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    assert [page["count"] for page in pages] == [5, 5, 5]
    assert pages[0]["next"] == f"{server.base_url}/v3/memories/?page_size=2&page=2"
    assert (pages[0]["previous"], pages[2]["next"]) == (None, None)


async def test_a_page_has_a_greatest_size(call: Call) -> None:
    """A request for more than the greatest page gets the greatest page."""
    messages = [{"role": "user", "content": str(number)} for number in range(MAX_PAGE_SIZE + 1)]
    await call("add", messages, infer=False, **ANNA)

    assert len(await texts(call, ANNA, page=1, page_size=1_000)) == MAX_PAGE_SIZE


async def test_shuffled_pages_leave_nothing_out(connect: Connect) -> None:
    """Pages in an order that means nothing still give everything once."""
    async with PlatformServer(page_order="shuffled") as server, connect(server) as call:
        for number in range(9):
            await added(call, str(number), **ANNA)

        pages = [await texts(call, ANNA, page=page, page_size=2) for page in range(1, 6)]
        assert sorted(text for page in pages for text in page) == [str(number) for number in range(9)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("Masala tea", 1.0), ("Green tea", 0.5)]),
        ({"threshold": 0.0}, [("Masala tea", 1.0), ("Green tea", 0.5), ("Trains", 0.0)]),
        ({"threshold": 0.6}, [("Masala tea", 1.0)]),
        ({"top_k": 1}, [("Masala tea", 1.0)]),
    ],
)
async def test_a_search_returns_the_best_first(
    call: Call, options: dict[str, Any], expected: list[tuple[str, float]]
) -> None:
    """The best has 1, whatever shares less than the threshold is left out, and `top_k` bounds how many there are."""
    for text in ["Trains", "Green tea", "Masala tea"]:
        await added(call, text, **ANNA)

    answer = await call("search", "who likes masala TEA", filters=ANNA, **options)
    assert [(hit["memory"], hit["score"]) for hit in answer["results"]] == expected


async def test_an_update_changes_what_it_names(call: Call) -> None:
    """A new text leaves the metadata as they were, and the moment of the update is later than the creation."""
    memory_id = await added(call, "Tea at seven", metadata={"n": 1}, **ANNA)

    await call("update", memory_id, text="Tea at eight")
    record = await call("get", memory_id)
    assert (record["memory"], record["metadata"]) == ("Tea at eight", {"n": 1})
    assert record["updated_at"] > record["created_at"]


async def test_what_is_deleted_is_gone(mem0: ModuleType, call: Call) -> None:
    """A deleted memory can be neither read nor deleted again."""
    memory_id = await added(call, "Tea at seven", **ANNA)

    await call("delete", memory_id)
    for name in ("get", "delete"):
        with pytest.raises(mem0.exceptions.MemoryNotFoundError):
            await call(name, memory_id)


async def test_a_delete_of_many_takes_effect_later(connect: Connect) -> None:
    """Until its time has come everything is there; then all is gone that matches, the newest too."""
    clock = FakeClock()
    async with PlatformServer(delete_delay=10, clock=clock) as server, connect(server) as call:
        await added(call, "before", **ANNA)
        await added(call, "another's", user_id="ravi")
        await call("delete_all", **ANNA)
        await added(call, "after", **ANNA)

        assert await texts(call, ANNA) == ["after", "before"]
        clock.now += 10
        assert await texts(call, {"user_id": "*"}) == ["another's"]


async def test_a_star_deletes_everyones(call: Call) -> None:
    """`user_id="*"` is no user's name but all users."""
    await added(call, "Anna's", **ANNA)
    await added(call, "Ravi's", user_id="ravi")

    await call("delete_all", user_id="*")
    assert await texts(call, {"user_id": "*"}) == []


async def test_the_owners_are_listed(call: Call) -> None:
    """`users` lists each user and run that has memories, with their number."""
    await added(call, "plain", **ANNA)
    await added(call, "in a run", run_id="r1", **ANNA)

    owners = (await call("users"))["results"]
    assert {(owner["type"], owner["name"], owner["total_memories"]) for owner in owners} == {
        ("user", "anna", 2),
        ("run", "r1", 1),
    }


async def test_a_wrong_key_is_found_out_at_once(mem0: ModuleType, server: PlatformServer) -> None:
    """A client with a wrong key cannot be made, and says so by a ValueError."""
    with pytest.raises(ValueError, match=r"^Error: Invalid token\.$"), httpx.Client() as http:
        await asyncio.to_thread(mem0.MemoryClient, api_key="wrong", host=server.base_url, client=http)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Answer(401, {"detail": "Invalid token."}), "AuthenticationError", "Invalid token."),
        (Answer(403, {"detail": "No permission."}), "AuthenticationError", "No permission."),
        (Answer(404, {"error": "Memory not found!"}), "MemoryNotFoundError", '{"error":"Memory not found!"}'),
        (Answer(400, {"message": "Nothing."}), "ValidationError", '{"message":"Nothing."}'),
        (Answer(400, ["One filter is required."]), "ValidationError", '["One filter is required."]'),
        (Answer(413, {"detail": "Too much."}), "MemoryQuotaExceededError", "Too much."),
        (Answer(500, b"<h1>Server Error</h1>"), "MemoryError", "<h1>Server Error</h1>"),
        (Answer(503, {"detail": "Busy."}), "NetworkError", "Busy."),
    ],
)
async def test_every_shape_of_error_is_understood(
    mem0: ModuleType, server: PlatformServer, call: Call, answer: Answer, kind: str, message: str
) -> None:
    """The client finds the kind of an error by its status; of the body only `detail` becomes the message."""
    server.say_next(answer)

    with pytest.raises(mem0.exceptions.MemoryError) as caught:
        await call("users")
    assert (type(caught.value).__name__, caught.value.message) == (kind, message)


async def test_too_many_requests_must_wait(mem0: ModuleType, connect: Connect) -> None:
    """After as many requests as are allowed, 429 says in whole seconds when it goes on."""
    clock = FakeClock()
    async with PlatformServer(rate_limit=2, retry_after=7, clock=clock) as server, connect(server) as call:
        await call("users")
        clock.now += 0.5
        for passed, left in ((0.0, 7), (2.5, 5)):
            clock.now += passed
            with pytest.raises(mem0.exceptions.RateLimitError) as caught:
                await call("users")
            assert caught.value.debug_info["retry_after"] == left
        clock.now += 4.5
        assert (await call("users"))["results"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "answer"),
    [
        ("POST", "/v3/memories/search/", {"query": "tea", **ANNA}, 400, ["Entity ids must be passed in filters."]),
        ("POST", "/v3/memories/", {**ANNA}, 400, ["Entity ids must be passed in filters."]),
        ("POST", "/v3/memories/", {"filters": {}}, 400, ["At least one entity id is required in filters."]),
        ("POST", "/v3/memories/", {"filters": {**ANNA, "x": 1}}, 400, ["unsupported filter: x"]),
        ("DELETE", "/v1/memories/", {}, 400, ["At least one filter is required."]),
        ("POST", "/v3/memories/?page=2", {"filters": ANNA}, 404, {"detail": "Invalid page."}),
        ("GET", "/v1/memories/1/", {}, 404, {"detail": "Not found."}),
    ],
)
async def test_what_the_client_would_not_send_is_refused(
    server: PlatformServer, method: str, path: str, body: dict[str, Any], status: int, answer: object
) -> None:
    """Ids beside `filters`, filters without an id, unknown keys and pages beyond the last are refused."""
    async with httpx.AsyncClient(base_url=server.base_url, headers={"Authorization": f"Token {API_KEY}"}) as http:
        response = await http.request(method, path, json=body)

    assert (response.status_code, response.json()) == (status, answer)


async def test_an_add_without_an_owner_is_refused(mem0: ModuleType, call: Call) -> None:
    """An add must say whose it is at its top level; in `filters` it does not count."""
    with pytest.raises(mem0.exceptions.ValidationError) as caught:
        await call("add", "Tea at seven", infer=False, filters=ANNA)

    assert caught.value.details["error"] == "400 Bad Request"
