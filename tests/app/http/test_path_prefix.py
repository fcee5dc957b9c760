"""A service that a proxy shows below a path: requests are found with the path and without, and links have it."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.settings import ConfigError, load
from tests.support.api import asgi_client, running_app

PREFIX = "/memory-service/v7"


@pytest_asyncio.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service below a path, as its own host sees it."""
    async with (
        running_app({"MEMORY_PROVIDER": "mock", "NINAI__SERVER__PREFIX": PREFIX}) as app,
        asgi_client(app) as http,
    ):
        yield http


@pytest.mark.parametrize("prefix", ["", PREFIX])
async def test_requests_are_found_with_the_path_and_without(http: httpx.AsyncClient, prefix: str) -> None:
    """Some proxies take it off, others do not."""
    stored = await http.post(f"{prefix}/memory/remember", json={"content": "tea"}, headers={"X-User-ID": prefix or "-"})
    memory_id = stored.json()["memory_id"]
    one = await http.get(f"{prefix}/memory/memories/{memory_id}", headers={"X-User-ID": prefix or "-"})
    page = await http.get(f"{prefix}/docs")

    assert (stored.status_code, one.json()["content"], page.status_code) == (200, "tea", 200)


@pytest.mark.parametrize("path", [f"{PREFIX}x/livez", f"/other{PREFIX}/livez", f"{PREFIX}{PREFIX}/livez"])
async def test_other_paths_are_not_found(http: httpx.AsyncClient, path: str) -> None:
    """The path counts once, at the beginning, and whole."""
    assert (await http.get(path)).status_code == 404


async def test_links_have_the_path(http: httpx.AsyncClient) -> None:
    """Those of the pages, and the address in the document."""
    root = await http.get(f"{PREFIX}/")
    document = await http.get(f"{PREFIX}/openapi.json")
    links = [
        *re.findall(r'(?:src|href|url)="([^"]+)"', (await http.get(f"{PREFIX}/docs")).text),
        *re.findall(r'(?:src|href|action)="([^"#]+)"', (await http.get(f"{PREFIX}/console")).text),
    ]

    assert root.headers["location"] == f"{PREFIX}/docs"
    assert document.json()["servers"] == [{"url": PREFIX}]
    assert len(links) > 10
    assert [link for link in links if not link.startswith(f"{PREFIX}/")] == []
    for link in set(links):
        assert (await http.get(link)).status_code in {200, 400}, link  # some ask for what a form would hold


async def test_pages_of_a_service_at_the_root_have_none(mock_http: httpx.AsyncClient) -> None:
    """They link as ever."""
    assert 'data-url="/openapi.json"' in (await mock_http.get("/docs")).text
    assert (await mock_http.get("/openapi.json")).json()["servers"] == [{"url": "/"}]
    assert 'href="/console/files/console.css"' in (await mock_http.get("/console")).text


@pytest.mark.parametrize("prefix", ["memory", "/memory/", "/", "//", "/a b", "/é"])
def test_what_is_no_path_is_refused(prefix: str) -> None:
    """At the start."""
    with pytest.raises(ConfigError, match=r"server\.prefix"):
        load(None, environ={"NINAI__SERVER__PREFIX": prefix})
