"""mem0's API over the store of this service: memories are added, found, listed, changed and deleted."""

import httpx
import pytest

from app.compat.mem0.adding import VERBATIM
from app.compat.mem0.ids import opened
from app.compat.mem0.operations import MAX_LOOKED_AT
from providers.limits import MAX_BATCH
from tests.support.api import Api, fresh_user
from tests.support.mem0_api import Mem0Api, error_in

METHODS = ["GET", "PUT", "DELETE"]


@pytest.fixture
def mem0(mock_http: httpx.AsyncClient) -> Mem0Api:
    """A client over memory alone."""
    return Mem0Api(mock_http, fresh_user())


@pytest.fixture(params=["native", "mock"])
def either_mem0(
    request: pytest.FixtureRequest, native_http: httpx.AsyncClient, mock_http: httpx.AsyncClient
) -> Mem0Api:
    """A client of each flavour in turn."""
    return Mem0Api({"native": native_http, "mock": mock_http}[request.param], fresh_user())


async def test_each_message_is_a_memory_word_for_word(either_mem0: Mem0Api) -> None:
    """With its role; instructions to a model are no memories. The answer says that nothing was inferred."""
    messages = [
        {"role": "system", "content": "You are a helpful assistant"},
        {"role": "user", "content": "I moved to Paris"},
        {"role": "assistant", "content": [{"type": "text", "text": "How nice"}]},
    ]
    body = {"messages": messages, "user_id": either_mem0.user, "infer": True, "output_format": "v1.1", "new_field": 1}

    response = await either_mem0.send("POST", "/v3/memories/add/", json=body)

    answer = response.json()
    assert (answer["message"], answer["status"]) == (VERBATIM, "SUCCEEDED")
    assert [(one["event"], one["memory"], one["data"]["memory"]) for one in answer["results"]] == [
        ("ADD", "I moved to Paris", "I moved to Paris"),
        ("ADD", "How nice", "How nice"),
    ]
    listed = (await either_mem0.page())["results"]
    assert {one["id"] for one in listed} == {one["id"] for one in answer["results"]}
    assert {one.get("role") for one in listed} == {"user", "assistant"}
    assert [one["memory"] for one in listed] == ["How nice", "I moved to Paris"]


async def test_a_memory_is_found_until_the_end_of_its_last_day(either_mem0: Mem0Api) -> None:
    """The last day is told as it was given, or that of a moment; a change sets another one, or takes it away."""
    memory_id = await either_mem0.added("tea", expiration_date="2999-01-31")
    place = f"/v1/memories/{memory_id}/"

    def told(response: httpx.Response) -> object:
        return response.json().get("expiration_date")

    changes = [{"expiration_date": "2999-02-28T23:30:00-02:00"}, {"text": "hot tea"}, {"expiration_date": None}]
    shown = [told(await either_mem0.send("GET", place))]
    shown += [told(await either_mem0.send("PUT", place, json=change)) for change in changes]

    ours = Api(either_mem0.http, either_mem0.user)
    sent = {"content": "milk", "expires_at": "2999-02-01T00:00:00Z"}
    await ours.request("POST", "/memory/remember", json=sent)
    assert shown == ["2999-01-31", "2999-03-01", "2999-03-01", None]
    assert {one.get("expiration_date") for one in (await either_mem0.page())["results"]} == {None, "2999-01-31"}


@pytest.mark.parametrize("messages", ["I moved to Paris", {"role": "user", "content": "I moved to Paris"}])
async def test_one_message_needs_no_list(mem0: Mem0Api, messages: object) -> None:
    """A text or an object is enough."""
    await mem0.send("POST", "/v3/memories/add/", json={"messages": messages, "user_id": mem0.user})

    assert await mem0.texts() == ["I moved to Paris"]


async def test_names_are_conditions(either_mem0: Mem0Api) -> None:
    """Agent, application and run are kept beside the metadata, and are searched and listed by."""
    await either_mem0.added("tea in the morning", run_id="r1", agent_id="a", metadata={"topic": "tea", "year": 2026})
    await either_mem0.added("tea in the evening", run_id="r2", app_id="x", metadata={"topic": "tea", "year": 2020})
    await either_mem0.added("tea at noon")

    assert await either_mem0.found("tea", {"run_id": "r1"}) == ["tea in the morning"]
    assert await either_mem0.found("tea", {"agent_id": "*"}) == ["tea in the morning"]
    assert await either_mem0.found("tea", {"NOT": [{"run_id": "*"}]}) == ["tea at noon"]
    assert await either_mem0.texts({"metadata": {"year": {"lt": 2026}}}) == ["tea in the evening"]
    assert await either_mem0.texts({"OR": [{"run_id": "r1"}, {"app_id": "x"}]}) == [
        "tea in the evening",
        "tea in the morning",
    ]
    [one] = (await either_mem0.page({"run_id": "r1"}))["results"]
    assert (one["user_id"], one["agent_id"], one["app_id"], one["run_id"]) == (either_mem0.user, "a", None, "r1")
    assert one["metadata"] == {"topic": "tea", "year": 2026}


async def test_names_are_labels(mem0: Mem0Api) -> None:
    """The own API has agent, application, run and role as it stores them itself."""
    api = Api(mem0.http, mem0.user)
    await mem0.added("tea", agent_id="a", app_id="x", run_id="r", metadata={"topic": "tea"})

    [one] = (await mem0.http.get("/memory/memories?session=r", headers={"X-User-ID": api.user})).json()["memories"]

    assert [one[name] for name in ("agent", "app", "session", "speaker")] == ["a", "x", "r", "user"]
    assert one["metadata"] == {"topic": "tea"}


async def test_elements_of_lists_are_conditions(either_mem0: Mem0Api) -> None:
    """`contains` is about lists alone."""
    await either_mem0.added("green tea", metadata={"topics": ["tea", "health"]})
    await either_mem0.added("black tea", metadata={"topics": "tea"})

    assert await either_mem0.texts({"metadata": {"topics": {"contains": "tea"}}}) == ["green tea"]
    assert await either_mem0.found("tea", {"topics": {"contains": "tea"}}) == ["green tea"]


@pytest.mark.thorough
async def test_what_no_store_answers_is_looked_for_to_a_bound(mem0: Mem0Api) -> None:
    """A memory behind many others is found, and where too many would be looked at, the search is refused."""
    api = Api(mem0.http, mem0.user)
    await mem0.added("a fact of the run", run_id="r")
    others = [f"a fact of the run {number}" for number in range(MAX_LOOKED_AT - 2)]
    for begin in range(0, len(others), MAX_BATCH):
        await api.remember_batch(*others[begin : begin + MAX_BATCH])

    found = await mem0.found("fact", {"run_id": "*"})
    await mem0.added("one more fact of the run")
    refused = await mem0.search("fact", {"run_id": "*"})
    narrowed = await mem0.found("fact", {"run_id": "r"})

    assert (found, narrowed) == (["a fact of the run"], ["a fact of the run"])
    assert "memories and more to be looked at" in error_in(refused)


async def test_pages_have_numbers_and_a_total(mem0: Mem0Api) -> None:
    """The links lead to the neighbours."""
    await mem0.add(*(f"fact {number}" for number in range(5)))

    first, last = await mem0.page(page=1, page_size=2), await mem0.page(page=3, page_size=2)
    beyond = await mem0.page(page=4, page_size=2)

    assert [page["count"] for page in (first, last, beyond)] == [5, 5, 5]
    assert (first["previous"], last["next"]) == (None, None)
    assert first["next"].startswith("http://")
    assert [len(page["results"]) for page in (first, last, beyond)] == [2, 1, 0]
    body = {"filters": {"user_id": mem0.user}}
    told = {"X-Forwarded-Proto": "https"}
    over_tls = await mem0.http.post("/v3/memories/?page=1&page_size=2", json=body, headers=told)
    assert over_tls.json()["next"].startswith("https://")
    following = await mem0.http.post(first["next"], json=body)
    assert [one["memory"] for one in following.json()["results"]] == ["fact 2", "fact 1"]


async def test_a_list_is_as_long_as_it_is(mem0: Mem0Api) -> None:
    """The store's own pages do not show."""
    for _ in range(3):
        await mem0.add(*(f"fact {number}" for number in range(70)), metadata={"even": True})
    await mem0.added("odd")

    assert (await mem0.page(page=2, page_size=150))["count"] == 211
    assert len((await mem0.page(page=2, page_size=150))["results"]) == 61
    assert (await mem0.page({"even": True}))["count"] == 210


async def test_a_search_may_want_more_than_one_question_brings(mem0: Mem0Api) -> None:
    """Up to a thousand memories come, each once."""
    for begin in (0, 90):
        await mem0.add(*(f"fact number {number}" for number in range(begin, begin + 90)))

    found = await mem0.found("fact", top_k=150)

    assert (len(found), len(set(found))) == (150, 150)
    assert len(await mem0.found("fact", top_k=1_000)) == 180


async def test_a_memory_is_changed_by_its_id_alone(either_mem0: Mem0Api) -> None:
    """Text and metadata are replaced each for itself, and its names stay."""
    memory_id = await either_mem0.added("I live in Paris", run_id="r", metadata={"topic": "home"})

    renamed = (await either_mem0.send("PUT", f"/v1/memories/{memory_id}/", json={"text": "I live in Rome"})).json()
    moved = (await either_mem0.send("PUT", f"/v1/memories/{memory_id}/", json={"metadata": {"x": 1}})).json()
    cleared = (await either_mem0.send("PUT", f"/v1/memories/{memory_id}/", json={"metadata": {}})).json()
    got = (await either_mem0.send("GET", f"/v1/memories/{memory_id}/")).json()

    assert (renamed["memory"], renamed["metadata"]) == ("I live in Rome", {"topic": "home"})
    assert (moved["memory"], moved["metadata"]) == ("I live in Rome", {"x": 1})
    assert (cleared["metadata"], got["metadata"]) == (None, None)
    assert {one["run_id"] for one in (renamed, moved, cleared, got)} == {"r"}


async def test_history_is_what_is_known(mem0: Mem0Api) -> None:
    """Each change with the text before and after it."""
    memory_id = await mem0.added("I live in Paris")
    before = (await mem0.send("GET", f"/v1/memories/{memory_id}/history/")).json()
    await mem0.send("PUT", f"/v1/memories/{memory_id}/", json={"text": "I live in Rome"})
    await mem0.send("PUT", f"/v1/memories/{memory_id}/", json={"text": "I live in Oslo"})
    after = (await mem0.send("GET", f"/v1/memories/{memory_id}/history/")).json()

    assert [(one["event"], one["old_memory"], one["new_memory"]) for one in before] == [
        ("ADD", None, "I live in Paris")
    ]
    assert [(one["event"], one["old_memory"], one["new_memory"]) for one in after] == [
        ("ADD", None, "I live in Paris"),
        ("UPDATE", "I live in Paris", "I live in Rome"),
        ("UPDATE", "I live in Rome", "I live in Oslo"),
    ]
    assert len({one["id"] for one in after}) == 3


async def test_a_memory_is_deleted_for_good(mem0: Mem0Api) -> None:
    """It is not found any more by any call."""
    memory_id = await mem0.added("I live in Paris")

    deleted = await mem0.send("DELETE", f"/v1/memories/{memory_id}/")
    gone = [
        await mem0.send(method, f"/v1/memories/{memory_id}/", json={"text": "x"}) for method in ("GET", "PUT", "DELETE")
    ]

    assert deleted.json() == {"message": "Memory deleted"}
    assert [one.status_code for one in gone] == [404, 404, 404]
    assert all(error_in(one).startswith("no memory") for one in gone)


async def test_many_are_changed_and_deleted_in_one_request(mem0: Mem0Api) -> None:
    """What is gone already is no error of a deletion."""
    ids = [await mem0.added(f"fact {number}") for number in range(3)]
    changes = [{"memory_id": one, "text": f"new {place}"} for place, one in enumerate(ids)]

    changed = await mem0.send("PUT", "/v1/batch/", json={"memories": changes})
    texts = await mem0.texts()
    deleted = await mem0.send("DELETE", "/v1/batch/", json={"memories": [{"memory_id": one} for one in ids[:2] * 2]})

    assert changed.json()["message"] == "3 memories updated"
    assert texts == ["new 2", "new 1", "new 0"]
    assert deleted.json()["message"] == "2 memories deleted"
    assert await mem0.texts() == ["new 2"]


@pytest.mark.parametrize("way", ["delete_all", "entity", "oss"])
async def test_all_memories_of_a_user_are_deleted(mem0: Mem0Api, way: str) -> None:
    """Another user's stay."""
    other = Mem0Api(mem0.http, fresh_user())
    await other.added("mine")
    await mem0.add(*(f"fact {number}" for number in range(5)))
    paths = {
        "delete_all": f"/v1/memories/?user_id={mem0.user}",
        "entity": f"/v2/entities/user/{mem0.user}/",
        "oss": f"/memories?user_id={mem0.user}",
    }

    response = await mem0.send("DELETE", paths[way])

    assert response.json() == {"message": "5 memories deleted"}
    assert (await mem0.texts(), await other.texts()) == ([], ["mine"])


async def test_those_of_an_agent_are_deleted_alone(mem0: Mem0Api) -> None:
    """A name beside the user narrows what is deleted."""
    await mem0.added("of the agent", agent_id="a")
    await mem0.added("of nobody")

    await mem0.send("DELETE", f"/v1/memories/?user_id={mem0.user}&agent_id=a")

    assert await mem0.texts() == ["of nobody"]


async def test_an_agent_alone_stands_for_a_user(mem0: Mem0Api) -> None:
    """It has memories of its own, and no user is shown."""
    agent = fresh_user()
    add = {"messages": "I answer in French", "agent_id": agent}
    await mem0.send("POST", "/v3/memories/add/", json=add)
    await mem0.added("of a user", agent_id=agent)

    answer = await mem0.send("POST", "/v3/memories/", json={"filters": {"agent_id": agent}})
    deleted = await mem0.send("DELETE", f"/v2/entities/agent/{agent}/")

    [one] = answer.json()["results"]
    assert (one["memory"], one["user_id"], one["agent_id"]) == ("I answer in French", None, agent)
    assert deleted.json() == {"message": "1 memory deleted"}
    assert await mem0.texts() == ["of a user"]


async def test_several_users_are_searched_at_once(mem0: Mem0Api) -> None:
    """Their answers are ordered by score together."""
    other = Mem0Api(mem0.http, fresh_user())
    await mem0.added("Priya likes tea")
    await other.added("tea")
    body = {"query": "tea", "filters": {"user_id": {"in": [mem0.user, other.user]}}}

    found = (await mem0.send("POST", "/v3/memories/search/", json=body)).json()["results"]

    assert {one["memory"] for one in found} == {"tea", "Priya likes tea"}
    assert found[0]["score"] >= found[1]["score"]


async def test_the_own_api_sees_the_same_memories(mem0: Mem0Api, mock_http: httpx.AsyncClient) -> None:
    """Its ids are taken here as well, for the user of its header."""
    api = Api(mock_http, mem0.user)
    sealed_id = await mem0.added("Priya likes tea")
    plain_id = opened(sealed_id).memory_id

    listed = await api.contents()
    got = await mem0.send("GET", f"/v1/memories/{plain_id}/", headers={"X-User-ID": mem0.user})

    assert listed == ["Priya likes tea"]
    assert got.json()["id"] == sealed_id


async def test_a_repeated_request_with_a_key_stores_once(mem0: Mem0Api) -> None:
    """Each message has an id of its own by it."""
    for _ in range(2):
        await mem0.add("one", "two")
    first, again = [
        await mem0.send(
            "POST",
            "/v3/memories/add/",
            json={"messages": [{"role": "user", "content": "three"}], "user_id": mem0.user},
            headers={"Idempotency-Key": "k"},
        )
        for _ in range(2)
    ]

    assert first.json() == again.json()
    assert sorted(await mem0.texts()) == ["one", "one", "three", "two", "two"]


async def test_a_moment_is_kept(mem0: Mem0Api) -> None:
    """`timestamp` is when the memory was made."""
    await mem0.added("an old fact", timestamp=1_700_000_000)

    [one] = (await mem0.page({"created_at": {"lt": "2024-01-01"}}))["results"]

    assert one["created_at"] == "2023-11-14T22:13:20Z"
