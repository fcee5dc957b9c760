"""What every answer of the console says to browsers, whatever is asked and whoever asks."""

import httpx
import pytest

from tests.support.document import openapi_document
from tests.support.pages import Visitor

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
FILES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
PATHS = [
    "/console",
    "/console/configuration",
    "/console/order",
    "/console/breaker?provider=a&state=open",
    "/console/breaker?provider=nobody&state=open",
    "/console/login",
    "/console/nothing/here",
    *(f"/console/files/{name}" for name in FILES),
    "/console/files/nothing.js",
]


def policy_of(response: httpx.Response) -> dict[str, str]:
    """The content security policy."""
    parts = (part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_foreign_gets_into_a_page(visitor: Visitor, stranger: Visitor, path: str) -> None:
    """Nothing is loaded but from here, nothing stands in a frame, and nothing is guessed about what an answer is."""
    for who in (visitor, stranger):
        response = await who.http.get(path)
        assert policy_of(response) == POLICY
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "same-origin"
        assert response.headers["cache-control"] == (
            "no-cache" if response.headers["content-type"] in FILES.values() else "no-store"
        )


@pytest.mark.parametrize("path", ["/console", "/console/order", "/console/configuration"])
async def test_pages_load_files_of_our_own(visitor: Visitor, path: str) -> None:
    """Whatever a page names is there, of the type that its place asks for."""
    page = await visitor.look(path)
    named = [given[name] for _, given in page.tags for name in ("src", "href") if given.get(name, "#")[0] != "#"]

    assert {name for name in named if name.startswith("/console/files/")} >= {"/console/files/console.css"}
    for name in named:
        response = await visitor.http.get(name)
        assert (name, response.status_code) == (name, 200)


@pytest.mark.parametrize(("name", "content_type"), FILES.items())
async def test_files_are_for_everybody(stranger: Visitor, name: str, content_type: str) -> None:
    """The form to log in needs them as well."""
    response = await stranger.http.get(f"/console/files/{name}")

    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    assert "set-cookie" not in response.headers


def test_the_api_is_documented_without_the_console() -> None:
    """It is for people."""
    paths = openapi_document()["paths"]

    assert [path for path in paths if path.startswith("/memory")]
    assert not [path for path in paths if path.startswith("/console")]


async def test_a_problem_is_a_page(visitor: Visitor) -> None:
    """With the id under which the log knows the request, and a way back."""
    page = await visitor.look("/console/nothing")

    assert page.status == 404
    assert page.response.headers["x-request-id"] in page.text
    assert "Back to the overview" in page.text
