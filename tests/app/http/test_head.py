"""HEAD: what GET would answer, without the body."""

import httpx
import pytest

from tests.support.api import ABSENT_ID

# By chance or by the clock, or about the way of this one answer.
OWN = {"x-request-id", "server-timing"}
STATUSES = {
    "/": 302,
    "/docs": 200,
    "/docs/scalar.js": 200,
    "/openapi.json": 200,
    "/livez": 200,
    "/readyz": 200,
    "/memory/health": 200,
    "/memory/memories": 200,
    "/memory/memories?unknown=1": 422,
    f"/memory/memories/{ABSENT_ID}": 404,
    "/memory/nothing": 404,
    "/admin/providers/order": 200,
    "/admin/mode": 200,
    "/admin/quarantines": 200,
    "/admin/users": 200,
    "/console/files/console.css": 200,
}


@pytest.mark.parametrize(("path", "status"), STATUSES.items())
async def test_head_is_get_without_the_body(mock_http: httpx.AsyncClient, path: str, status: int) -> None:
    """Status and headers are the same, also the length of what is left out."""
    got, head = [await mock_http.request(method, path) for method in ("GET", "HEAD")]

    assert (got.status_code, head.status_code, head.content) == (status, status, b"")
    assert headers_of(head) == headers_of(got)


async def test_who_asks_with_head_shows_a_key_as_well(guarded_http: httpx.AsyncClient) -> None:
    """It tells as much of what there is as GET does."""
    response = await guarded_http.head("/memory/memories")

    assert (response.status_code, response.content) == (401, b"")


async def test_where_there_is_no_get_there_is_no_head(mock_http: httpx.AsyncClient) -> None:
    """What is only sent something to refuses HEAD, with the methods that it takes."""
    response = await mock_http.head("/memory/remember")

    assert (response.status_code, response.content) == (405, b"")
    assert set(response.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


async def test_head_is_counted_as_what_it_is(mock_http: httpx.AsyncClient) -> None:
    """Under its own method, and the template of what was asked for."""
    await mock_http.head(f"/memory/memories/{ABSENT_ID}")

    metrics = (await mock_http.get("/metrics")).text

    assert 'method="HEAD",route="/memory/memories/{memory_id}",status="404"' in metrics


def headers_of(response: httpx.Response) -> dict[str, str]:
    """The headers of an answer, without those that no other answer has."""
    return {name: value for name, value in response.headers.items() if name not in OWN}
