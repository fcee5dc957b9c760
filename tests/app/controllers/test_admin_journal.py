"""The admin API of the journal: its numbers, and its dead letters, which are tried again or discarded."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from providers.journal.base import Journal
from providers.journal.operations import Dead, Operation
from tests.providers.journal.rig import LONG, delete, remember, settle, update
from tests.support.api import ABSENT_ID, asgi_client, field_in, problem_in, running_app
from tests.support.chains import two_providers

JOURNAL_ROUTES = [
    ("GET", "/admin/journal"),
    ("GET", "/admin/journal/dead"),
    ("POST", "/admin/journal/dead/1/b/retry"),
    ("DELETE", "/admin/journal/dead/1/b?confirm=true"),
]


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application over `a` and `b`."""
    async with running_app(two_providers(tmp_path)) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of it."""
    async with asgi_client(app) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def shared_http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of one application for all tests that append nothing."""
    environ = two_providers(tmp_path_factory.mktemp("shared"))
    async with running_app(environ) as app, asgi_client(app) as client:
        yield client


async def killed(app: Litestar, operation: Operation) -> int:
    """Have an operation given up at `b`; its number."""
    journal: Journal = app.state.chain.journal
    [answer] = await journal.append([operation], held="b", seconds=LONG)
    seq: int = answer.entry.seq  # type: ignore[union-attr] # none of these is refused
    await settle(journal, Dead(seq=seq, provider="b", error="refused: too long"))
    return seq


async def dead(http: httpx.AsyncClient, **params: int) -> list[int]:
    """The numbers of the dead letters."""
    response = await http.get("/admin/journal/dead", params=params)
    assert response.status_code == 200, response.text
    return [letter["seq"] for letter in response.json()["dead"]]


async def test_the_journal_tells_its_numbers(app: Litestar, http: httpx.AsyncClient) -> None:
    """It has a name of its own, and counts what each provider has not confirmed."""
    await killed(app, delete())

    told = (await http.get("/admin/journal")).json()

    assert told["id"] == app.state.chain.journal.id
    assert (told["operations"], told["tombstones"], told["last_seq"]) == (1, 1, 1)
    assert [(one["provider"], one["dead"]) for one in told["backlogs"]] == [("a", 0), ("b", 1)]


async def test_dead_letters_are_shown_without_their_texts(app: Litestar, http: httpx.AsyncClient) -> None:
    """A letter tells which operation was given up where and why, and the status of its provider counts it."""
    seq = await killed(app, remember(ABSENT_ID, "private"))

    response = await http.get("/admin/journal/dead")

    told = response.json()
    [letter] = told["dead"]
    assert (told["count"], told["next_after"]) == (1, None)
    assert letter.pop("appended_at") <= letter.pop("failed_at")
    assert letter == {
        "seq": seq,
        "provider": "b",
        "kind": "remember",
        "user_id": "kannan",
        "memory_id": ABSENT_ID,
        "error": "refused: too long",
        "failures": 1,
        "discarded": False,
    }
    assert "private" not in response.text
    assert (await http.get("/admin/providers/b")).json()["dead"] == 1


async def test_dead_letters_come_in_pages(app: Litestar, http: httpx.AsyncClient) -> None:
    """`next_after` leads from one page to the next, and is null on the last."""
    seqs = [await killed(app, remember()) for _ in range(3)]

    first = (await http.get("/admin/journal/dead", params={"limit": 2})).json()
    second = (await http.get("/admin/journal/dead", params={"limit": 2, "after": first["next_after"]})).json()

    assert [letter["seq"] for letter in first["dead"] + second["dead"]] == seqs
    assert (first["next_after"], second["next_after"]) == (seqs[1], None)


async def test_a_dead_letter_is_tried_again(app: Litestar, http: httpx.AsyncClient) -> None:
    """It is due at once, and a dead letter no more."""
    seq = await killed(app, remember(ABSENT_ID))

    response = await http.post(f"/admin/journal/dead/{seq}/b/retry")

    assert (response.status_code, response.json()) == (200, {"seq": seq, "provider": "b", "status": "due"})
    assert await dead(http) == []


@pytest.mark.parametrize(
    ("operation", "loss"),
    [
        (remember(ABSENT_ID), "the remember of memory {} of user kannan: b never gets this memory"),
        (update(ABSENT_ID, "coffee"), "the update of memory {} of user kannan: b keeps the memory as it was before"),
        (delete(ABSENT_ID), "the delete of memory {} of user kannan: b keeps the memory, which only"),
    ],
    ids=["remember", "update", "delete"],
)
@pytest.mark.parametrize("query", ["", "?confirm=false"])
async def test_what_is_not_confirmed_is_not_discarded(
    app: Litestar, http: httpx.AsyncClient, operation: Operation, loss: str, query: str
) -> None:
    """Without a confirmation the answer says what would be lost, and the letter stays."""
    seq = await killed(app, operation)

    response = await http.delete(f"/admin/journal/dead/{seq}/b{query}")

    assert (response.status_code, field_in(response)) == (422, "confirm")
    assert f"this discards {loss.format(ABSENT_ID)}" in problem_in(response)["detail"]
    assert await dead(http) == [seq]


async def test_a_dead_letter_is_discarded(app: Litestar, http: httpx.AsyncClient) -> None:
    """Confirmed, its provider never gets it; that it lacks it is counted apart, and stays known."""
    seq = await killed(app, remember(ABSENT_ID))

    response = await http.delete(f"/admin/journal/dead/{seq}/b", params={"confirm": "true"})

    assert (response.status_code, response.json()) == (200, {"seq": seq, "provider": "b", "status": "discarded"})
    assert await dead(http) == [seq]
    assert (await http.delete(f"/admin/journal/dead/{seq}/b", params={"confirm": "true"})).status_code == 404
    backlogs = (await http.get("/admin/journal")).json()["backlogs"]
    assert [(one["dead"], one["discarded"]) for one in backlogs] == [(0, 0), (0, 1)]


@pytest.mark.parametrize("where", ["1/a", "2/b", "9007199254740991/b", "1/nobody", "1/%00"])
async def test_what_is_no_dead_letter_is_not_found(app: Litestar, http: httpx.AsyncClient, where: str) -> None:
    """Another number or another provider is no dead letter, confirmed or not."""
    seq = await killed(app, remember(ABSENT_ID))
    requests = [("POST", f"{where}/retry"), ("DELETE", where), ("DELETE", f"{where}?confirm=true")]

    for method, path in requests:
        response = await http.request(method, f"/admin/journal/dead/{path}")
        assert (response.status_code, problem_in(response)["type"]) == (404, "urn:ninai:problem:dead-letter-not-found")
    assert await dead(http) == [seq]


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("GET", "/admin/journal/dead?limit=0", "limit"),
        ("GET", "/admin/journal/dead?limit=101", "limit"),
        ("GET", "/admin/journal/dead?limit=x", "limit"),
        ("GET", "/admin/journal/dead?after=-1", "after"),
        ("GET", "/admin/journal/dead?after=9223372036854775808", "after"),
        ("GET", "/admin/journal?full=1", "full"),
        ("POST", "/admin/journal/dead/0/b/retry", "seq"),
        ("POST", "/admin/journal/dead/9223372036854775808/b/retry", "seq"),
        ("POST", "/admin/journal/dead/1/b/retry?confirm=true", "confirm"),
        ("DELETE", "/admin/journal/dead/1/b?confirm=maybe", "confirm"),
        ("DELETE", "/admin/journal/dead/1/b?confirm=true&confirm=true", "confirm"),
        ("DELETE", "/admin/journal/dead/1/b?force=true", "force"),
    ],
)
async def test_a_question_that_is_none_is_refused(
    shared_http: httpx.AsyncClient, method: str, path: str, field: str
) -> None:
    """Parameters are read as strictly as everywhere."""
    response = await shared_http.request(method, path)

    assert (response.status_code, field_in(response)) == (422, field)


@pytest.mark.parametrize(("method", "path"), JOURNAL_ROUTES)
async def test_where_there_is_no_journal_that_is_said(mock_http: httpx.AsyncClient, method: str, path: str) -> None:
    """A single provider has none unless it is asked for."""
    problem = problem_in(await mock_http.request(method, path))

    assert (problem["status"], problem["type"]) == (404, "urn:ninai:problem:no-journal")
    assert "single provider" in problem["detail"]
