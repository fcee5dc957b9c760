"""Bodies come as they are: what is packed would be read as something else, or unpack to anything."""

import gzip
import json

import httpx
import pytest

from tests.support.api import JSON, Api, problem_in

BODY = json.dumps({"content": "tea"}).encode()
ROUTES = [("POST", "/memory/remember"), ("POST", "/memory/remember/batch"), ("PUT", "/admin/providers/order")]


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "GZIP", "x" * 5_000])
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_packed_body_is_refused(mock_http: httpx.AsyncClient, method: str, path: str, coding: str) -> None:
    """With the coding that is understood, as RFC 9110 wants it, and before it is looked at."""
    headers = {**JSON, "Content-Encoding": coding}

    response = await mock_http.request(method, path, content=gzip.compress(BODY), headers=headers)

    assert (response.status_code, problem_in(response)["errors"][0]["field"]) == (415, "Content-Encoding")
    assert response.headers["accept-encoding"] == "identity"
    assert len(response.text) < 1_000


@pytest.mark.parametrize("coding", ["identity", "Identity", "", " "])
async def test_a_body_as_it_is_may_say_so(mock_api: Api, coding: str) -> None:
    """Some clients do."""
    headers = {**JSON, "Content-Encoding": coding}

    assert (await mock_api.request("POST", "/memory/remember", content=BODY, headers=headers)).status_code == 200


async def test_who_asks_comes_before_how(guarded_http: httpx.AsyncClient) -> None:
    """Whoever shows no key learns nothing of what else is wrong."""
    headers = {**JSON, "Content-Encoding": "gzip"}

    assert (await guarded_http.post("/memory/remember", content=BODY, headers=headers)).status_code == 401
