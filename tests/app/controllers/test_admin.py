"""The admin API: what it tells of the chain, and what an operator does to a circuit breaker."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app
from tests.support.chains import status_of, two_providers, wait_until_complete

# Nobody listens on port 1.
NO_DATABASE = "postgresql://u:p@127.0.0.1:1/d"


@pytest_asyncio.fixture(scope="module")
async def chain_http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of an application over `a` and `b`, which have both received everything."""
    folder: Path = tmp_path_factory.mktemp("chain")
    async with running_app(two_providers(folder)) as app, asgi_client(app) as http:
        await wait_until_complete(http)
        yield http


@pytest_asyncio.fixture
async def http(chain_http: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """The same, with both circuit breakers left to themselves at the end."""
    yield chain_http
    for name in ("a", "b"):
        assert (await set_breaker(chain_http, name, state="auto")).status_code == 200


async def set_breaker(http: httpx.AsyncClient, name: str, **body: Any) -> httpx.Response:  # noqa: ANN401 - what JSON takes
    """Do something to a circuit breaker."""
    return await http.put(f"/admin/providers/{name}/breaker", json=body)


async def test_the_chain_tells_its_order_and_roles(http: httpx.AsyncClient) -> None:
    """The first is home, the other one a standby; each tells how it is, and the journal its numbers."""
    status = await status_of(http)

    assert (status["order"], status["home"], status["journal_error"]) == (["a", "b"], "a", None)
    assert [(one["name"], one["role"]) for one in status["providers"]] == [("a", "home"), ("b", "standby")]
    assert [backlog["provider"] for backlog in status["journal"]["backlogs"]] == ["a", "b"]
    for provider in status["providers"]:
        told = {name: provider[name] for name in ("pending", "dead", "in_flight", "progress", "reason")}
        assert told == {"pending": 0, "dead": 0, "in_flight": 0, "progress": None, "reason": None}
        assert (provider["places"], provider["retries_left"]) == (128, 3)
        assert provider["breaker"]["state"] == "closed"


async def test_a_newcomer_is_shown_as_filling(tmp_path: Path) -> None:
    """Who has not received everything says so, and is not asked."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as fresh:
        status = await status_of(fresh)
        explained = (await fresh.get("/admin/explain", params={"operation": "recall"})).json()

    assert [one["role"] for one in status["providers"]] == ["home", "filling"]
    assert [(choice["provider"], choice["asked"]) for choice in explained["choices"]] == [("a", True), ("b", False)]


async def test_one_provider_is_described_as_in_the_chain(http: httpx.AsyncClient) -> None:
    """A provider by its name is what the status of the chain holds under that name."""
    [_, expected] = (await status_of(http))["providers"]

    response = await http.get("/admin/providers/b")

    told = response.json()
    assert response.status_code == 200
    assert told["breaker"].pop("seconds_in_state") >= expected["breaker"].pop("seconds_in_state")
    assert told == expected


@pytest.mark.parametrize(("method", "path"), [("GET", "/admin/providers/c"), ("PUT", "/admin/providers/c/breaker")])
async def test_an_unknown_provider_is_answered_with_the_known(http: httpx.AsyncClient, method: str, path: str) -> None:
    """Whoever mistypes a name is told which there are."""
    body = {"state": "open"} if method == "PUT" else None
    problem = problem_in(await http.request(method, path, json=body))

    assert (problem["status"], problem["type"]) == (404, "urn:ninai:problem:unknown-provider")
    assert problem["detail"] == "'c' is not in the order, which is: a, b"


async def test_a_breaker_forced_open_keeps_everybody_out(http: httpx.AsyncClient) -> None:
    """The provider is not asked until it is released; meanwhile the standby answers."""
    api = Api(http, fresh_user())
    await api.stored("tea")

    forced = (await set_breaker(http, "a", state="open", reason="disk swap")).json()
    meanwhile = await api.recall("tea")
    released = (await set_breaker(http, "a", state="auto")).json()
    afterwards = await api.recall("tea")

    assert (forced["state"], forced["why"]) == ("forced_open", "forced by anonymous: disk swap")
    assert [one["content"] for one in meanwhile.json()["memories"]] == ["tea"]
    assert [response.headers["memory-provider"] for response in (meanwhile, afterwards)] == ["b", "a"]
    assert (released["state"], released["why"]) == ("closed", "released by an operator")


async def test_a_breaker_forced_closed_says_so(http: httpx.AsyncClient) -> None:
    """A reason is not asked for; the status of the provider tells who it was."""
    assert (await set_breaker(http, "b", state="closed")).json()["state"] == "forced_closed"

    breaker = (await http.get("/admin/providers/b")).json()["breaker"]
    assert (breaker["state"], breaker["why"]) == ("forced_closed", "forced by anonymous")


async def test_to_release_what_is_not_forced_changes_nothing(http: httpx.AsyncClient) -> None:
    """`auto` may be said at any time."""
    before = (await http.get("/admin/providers/a")).json()["breaker"]["why"]

    assert (await set_breaker(http, "a", state="auto", reason="to be sure")).json()["why"] == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "state"),
        ({"state": "half_open"}, "state"),
        ({"state": True}, "state"),
        ({"state": "open", "reason": 1}, "reason"),
        ({"state": "open", "reason": "x" * 501}, "reason"),
        ({"state": "open", "until": "noon"}, "until"),
        ([], "body"),
    ],
)
async def test_a_change_that_is_none_is_refused(http: httpx.AsyncClient, body: object, field: str) -> None:
    """The body is read as strictly as every other, and nothing happens."""
    response = await http.put("/admin/providers/a/breaker", json=body)

    assert (response.status_code, field_in(response)) == (422, field)
    assert (await http.get("/admin/providers/a")).json()["breaker"]["state"] == "closed"


@pytest.mark.parametrize(
    ("operation", "providers"),
    [
        (None, [("a", True), ("b", False)]),
        ("recall", [("a", True), ("b", False)]),
        ("read", [("a", True), ("b", False)]),
        ("remember", [("journal", True), ("a", True), ("b", False)]),
        ("delete", [("journal", True), ("a", True), ("b", False)]),
    ],
)
async def test_an_operation_is_explained(
    http: httpx.AsyncClient, operation: str | None, providers: list[tuple[str, bool]]
) -> None:
    """The way is told in the order in which it would be gone, with a reason for each step; that of a recall first."""
    response = await http.get("/admin/explain", params={} if operation is None else {"operation": operation})

    explained = response.json()
    assert explained["operation"] == (operation or "recall")
    assert [(choice["provider"], choice["asked"]) for choice in explained["choices"]] == providers
    assert all(choice["why"] for choice in explained["choices"])


async def test_the_explanation_knows_of_a_forced_breaker(http: httpx.AsyncClient) -> None:
    """Whoever is kept out is not asked, and the reason is the operator's."""
    await set_breaker(http, "a", state="open", reason="disk swap")

    [home, standby] = (await http.get("/admin/explain", params={"operation": "recall"})).json()["choices"]

    assert (home["asked"], standby["asked"]) == (False, True)
    assert home["why"] == "its circuit breaker is forced_open: forced by anonymous: disk swap"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/admin/explain?operation=replay", "operation"),
        ("/admin/explain?operation=recall&operation=read", "operation"),
        ("/admin/explain?operation=recall&user=x", "user"),
        ("/admin/providers?full=1", "full"),
    ],
)
async def test_a_question_that_is_none_is_refused(http: httpx.AsyncClient, path: str, field: str) -> None:
    """Parameters are those that are known, once each, with values that are known."""
    response = await http.get(path)

    assert (response.status_code, field_in(response)) == (422, field)


async def test_a_single_provider_is_a_chain_without_a_journal(mock_http: httpx.AsyncClient) -> None:
    """What is told of one provider has the same shape; it is home, and writes go straight to it."""
    status = await status_of(mock_http)
    explained = (await mock_http.get("/admin/explain", params={"operation": "remember"})).json()

    assert (status["order"], status["home"], status["journal"], status["journal_error"]) == (
        ["mock"],
        "mock",
        None,
        None,
    )
    assert [one["role"] for one in status["providers"]] == ["home"]
    assert explained == {
        "operation": "remember",
        "choices": [{"provider": "mock", "asked": True, "why": "home"}],
    }


async def test_the_chain_is_described_without_its_journal(tmp_path: Path) -> None:
    """A journal out of reach is told as such, and hides nothing else."""
    journal = {"NINAI__JOURNAL__KIND": "postgres", "NINAI__JOURNAL__DSN": NO_DATABASE}
    async with running_app(two_providers(tmp_path) | journal) as app, asgi_client(app) as http:
        status = await status_of(http)
        counted = await http.get("/admin/journal")

    assert (status["journal"], [one["role"] for one in status["providers"]]) == (None, ["home", "filling"])
    assert "journal" in status["journal_error"]
    assert (counted.status_code, problem_in(counted)["type"]) == (503, "urn:ninai:problem:unavailable")


async def test_degraded_answers_are_counted(http: httpx.AsyncClient) -> None:
    """Each answer under its operation and the reason that the caller is told."""
    api = Api(http, fresh_user())
    await api.stored("tea")
    assert (await set_breaker(http, "a", state="open")).status_code == 200
    before = await _degraded(http)
    response = await api.recall("tea")

    reason = response.headers["Memory-Degraded"]
    assert await _degraded(http) - before == Counter({("recall", reason): 1})


async def _degraded(http: httpx.AsyncClient) -> Counter[tuple[str, str]]:
    families = text_string_to_metric_families((await http.get("/metrics")).text)
    return Counter(
        {
            (sample.labels["operation"], sample.labels["reason"]): int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "ninai_degraded_answers_total"
        }
    )
