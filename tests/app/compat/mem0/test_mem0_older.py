"""The forms of mem0's API that older clients and its own server have."""

import httpx
import pytest

from tests.support.api import fresh_user
from tests.support.mem0_api import Mem0Api


@pytest.fixture
def mem0(mock_http: httpx.AsyncClient) -> Mem0Api:
    """A client over memory alone."""
    return Mem0Api(mock_http, fresh_user())


async def test_version_1_and_2_answer_with_lists(mem0: Mem0Api) -> None:
    """Unless the client asks for the newer form, or for a page."""
    body = {"messages": [{"role": "user", "content": "I like tea"}], "user_id": mem0.user}
    question = {"query": "tea", "user_id": mem0.user}
    filters = {"filters": {"user_id": mem0.user}}

    bare = (await mem0.send("POST", "/v1/memories/", json=body)).json()
    wrapped = (await mem0.send("POST", "/v1/memories/", json={**body, "output_format": "v1.1"})).json()
    found = [
        (await mem0.send("POST", "/v1/memories/search/", json=question)).json(),
        (await mem0.send("POST", "/v2/memories/search/", json={"query": "tea", **filters})).json(),
        (await mem0.send("POST", "/v1/memories/search/", json={**question, "output_format": "v1.1"})).json()["results"],
    ]
    listed = [
        (await mem0.send("GET", f"/v1/memories/?user_id={mem0.user}")).json(),
        (await mem0.send("POST", "/v2/memories/", json=filters)).json(),
    ]
    pages = [
        (await mem0.send("GET", f"/v1/memories/?user_id={mem0.user}&page=1&page_size=1")).json(),
        (await mem0.send("POST", "/v2/memories/?page=1&page_size=1", json=filters)).json(),
        (await mem0.send("POST", "/v2/memories/", json={**filters, "page": 1, "page_size": 1})).json(),
    ]

    assert [bare[0]["event"], wrapped["results"][0]["event"]] == ["ADD", "ADD"]
    assert [len(one) for one in (*found, *listed)] == [2] * 5
    assert [(page["count"], len(page["results"])) for page in pages] == [(2, 1)] * 3


async def test_the_routes_of_the_server(mem0: Mem0Api) -> None:
    """They have no slash at the end, and a key in `X-API-Key`."""
    body = {
        "messages": [{"role": "user", "content": "I like tea"}],
        "user_id": mem0.user,
        "run_id": "r",
        "infer": False,
    }
    question = {"query": "tea", "filters": {"user_id": mem0.user}, "top_k": 5, "threshold": 0.0}

    [added] = (await mem0.send("POST", "/memories", json=body)).json()["results"]
    path = f"/memories/{added['id']}"
    listed = (await mem0.send("GET", f"/memories?user_id={mem0.user}&run_id=r&top_k=10")).json()
    none = (await mem0.send("GET", f"/memories?user_id={mem0.user}&run_id=other")).json()
    found = (await mem0.send("POST", "/search", json=question)).json()
    changed = (await mem0.send("PUT", path, json={"text": "I like coffee"})).json()
    got = (await mem0.send("GET", path)).json()
    history = (await mem0.send("GET", f"{path}/history")).json()
    deleted = (await mem0.send("DELETE", path)).json()

    assert [one["id"] for one in (*listed["results"], *found["results"], changed, got)] == [added["id"]] * 4
    assert none == {"results": []}
    assert found["results"][0]["score"] > 0
    assert (got["memory"], got["run_id"]) == ("I like coffee", "r")
    assert [one["event"] for one in history] == ["ADD", "UPDATE"]
    assert deleted == {"message": "Memory deleted successfully"}
    assert (await mem0.send("GET", path)).status_code == 404
