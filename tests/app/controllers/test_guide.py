"""The guide at `/docs/guide`: its files where it was built, and how to get it where it was not."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.controllers.guide import Guide
from tests.support.api import asgi_client, running_app

SCRIPT = 'document.body.dataset.theme = "auto";'
PAGE = f"<!doctype html><html><body><script>{SCRIPT}</script><p>Start here</p></body></html>"
FILES = {
    "index.html": PAGE,
    "_static/scripts/furo.js": "let one = 1;",
    "_static/guide.css": "p { color: red }",
    "_static/icon.svg": "<svg/>",
    "secret.txt": "nobody asks for this",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small site, beside a file that is none of it."""
    folder = tmp_path_factory.mktemp("guide")
    for name, text in FILES.items():
        file = folder / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    (folder / "outside.html").write_text("not the guide", "utf-8")
    return folder / "site"


@pytest_asyncio.fixture(scope="module", params=["", "/memory-service"])
async def prefix(request: pytest.FixtureRequest) -> str:
    """Where the service stands."""
    return str(request.param)


@pytest_asyncio.fixture(scope="module")
async def http(built: Path, prefix: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key of a service that has keys, and the site."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__ONE__HASH": "sha256:" + "0" * 64,
    } | ({"NINAI__SERVER__PREFIX": prefix} if prefix else {})
    async with running_app(environ) as app, asgi_client(app) as client:
        app.state.guide = Guide(built)
        yield client


@pytest.mark.parametrize("entrance", ["/docs/guide", "/docs/guide/"])
async def test_the_entrance_leads_to_the_first_page(http: httpx.AsyncClient, prefix: str, entrance: str) -> None:
    """Below the prefix that a proxy shows."""
    answer = await http.get(f"{prefix}{entrance}")

    assert answer.status_code == 302
    assert answer.headers["location"] == f"{prefix}/docs/guide/index.html"


async def test_a_page_may_load_from_the_service_alone(http: httpx.AsyncClient, prefix: str) -> None:
    """Of scripts within the page only those run that it has: the policy names the digest of each."""
    answer = await http.get(f"{prefix}/docs/guide/index.html")

    digest = b64encode(sha256(SCRIPT.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert answer.text == PAGE
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize("name", ["index.html", "_static/scripts/furo.js", "_static/guide.css", "_static/icon.svg"])
async def test_a_browser_keeps_what_has_not_changed(http: httpx.AsyncClient, prefix: str, name: str) -> None:
    """It asks with the tag of what it has, and gets 304 without a body."""
    first = await http.get(f"{prefix}/docs/guide/{name}")
    again = await http.get(f"{prefix}/docs/guide/{name}", headers={"If-None-Match": first.headers["etag"]})

    assert first.text == FILES[name]
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["nothing.html", "secret.txt", "../outside.html", "..%2Foutside.html", "%2e%2e/outside.html", "_static"]
)
async def test_what_is_no_file_of_the_site_is_not_found(http: httpx.AsyncClient, prefix: str, name: str) -> None:
    """Neither a file of another kind, nor one outside of the folder."""
    answer = await http.get(f"{prefix}/docs/guide/{name}")

    assert answer.status_code == 404
    assert "not the guide" not in answer.text


async def test_where_it_was_not_built_it_says_how_to_get_it(
    http: httpx.AsyncClient, prefix: str, tmp_path: Path
) -> None:
    """A page for people, which loads nothing."""
    http._transport.app.state.guide = Guide(tmp_path / "nowhere")  # type: ignore[attr-defined] # noqa: SLF001 - the one way to it

    answer = await http.get(f"{prefix}/docs/guide")

    assert answer.status_code == 200
    assert "make docs" in answer.text
    assert f'href="{prefix}/docs"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
