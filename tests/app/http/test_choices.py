"""Whoever names none of a few values is told which there are, in bodies, queries and forms."""

import enum
from typing import Annotated, Any, Literal

import httpx
import pytest
from msgspec import Meta, Struct

from app.http.json.choices import with_choices
from tests.support.api import problem_in

ORIGINS = "must be one of assistant, document, import, tool, user, got 'q'"
WRITTEN = ORIGINS.replace(" import,", "")
HEADERS = {"X-User-ID": "alice"}


class Colour(enum.Enum):
    """A choice as an enumeration."""

    RED = "red"
    BLUE = "blue"


class Part(Struct):
    """A part with a choice."""

    colour: Colour
    size: Annotated[Literal[1, 2], Meta(description="in cm")] | None = None


class Whole(Struct):
    """Parts in all places."""

    one: Part
    many: list[Part] = []
    named: dict[str, Literal["on", "off"]] = {}


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        (".one.colour", "Invalid enum value 'q'", "must be one of red, blue, got 'q'"),
        (".many[7].size", "Invalid enum value 3", "must be one of 1, 2, got 3"),
        (".named[...]", "Invalid enum value 'q'", "must be one of off, on, got 'q'"),
        (".one.colour", "Expected `str`, got `int`", "Expected `str`, got `int`"),
        (".one", "Invalid enum value 'q'", "Invalid enum value 'q'"),
        (".nothing", "Invalid enum value 'q'", "Invalid enum value 'q'"),
    ],
)
def test_the_choices_of_a_place_are_named(path: str, said: str, expected: str) -> None:
    """Whatever leads there; anything else that is said stays."""
    assert with_choices(said, Whole, path) == expected


@pytest.mark.parametrize(
    ("method", "path", "sent", "field", "detail"),
    [
        ("POST", "/memory/remember", {"json": {"content": "tea", "origin": "q"}}, "origin", WRITTEN),
        ("POST", "/memory/remember", {"json": {"content": "tea", "origin": ""}}, "origin", WRITTEN.replace("q", "")),
        ("POST", "/memory/recall", {"json": {"query": "tea", "prefer": "q"}}, "prefer", "must be recent, got 'q'"),
        ("GET", "/admin/usage", {"params": {"by": "q"}}, "by", "must be one of key, tenant, user, got 'q'"),
        ("GET", "/memory/memories", {"params": {"order": "q"}}, "order", "must be one of newest, oldest, got 'q'"),
        ("GET", "/memory/memories", {"params": {"origin": "q"}}, "origin", ORIGINS),
    ],
)
async def test_an_answer_names_the_choices(
    mock_http: httpx.AsyncClient, method: str, path: str, sent: dict[str, Any], field: str, detail: str
) -> None:
    """In the detail of its field."""
    response = await mock_http.request(method, path, headers=HEADERS, **sent)

    assert response.status_code == 422
    assert problem_in(response)["errors"] == [{"field": field, "detail": detail}]


async def test_every_parameter_with_choices_names_them(mock_http: httpx.AsyncClient) -> None:
    """Of every route, in the query or a header."""
    schema = (await mock_http.get("/openapi.json")).json()
    asked = 0
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                choices = chosen(parameter["schema"])
                if choices and parameter["in"] in {"query", "header"}:
                    where = "params" if parameter["in"] == "query" else "headers"
                    sent: dict[str, Any] = {"headers": HEADERS}
                    sent[where] = {**sent.get(where, {}), parameter["name"]: "q"}
                    response = await mock_http.request(method, path.replace("{", "").replace("}", ""), **sent)
                    asked += 1
                    assert "nvalid enum" not in response.text, (method, path, parameter["name"])
                    if response.status_code == 422:
                        assert all(str(choice) in response.json()["detail"] for choice in choices), response.text

    assert asked > 5


def chosen(schema: dict[str, Any]) -> list[Any]:
    """The values that a schema allows, if they are a few."""
    found = list(schema.get("enum", ()))
    for one in schema.get("oneOf", ()):
        found += chosen(one)
    return [value for value in found if value is not None]
