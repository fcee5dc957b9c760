"""What tests of exports and imports share: both of them over HTTP, and the lines that go through."""

import json
from typing import Any

import httpx

from app.http.json.lines import MEDIA_TYPE
from tests.support.api import Api

LINES = {"Content-Type": MEDIA_TYPE}


async def exported(api: Api, **params: str) -> list[dict[str, Any]]:
    """Export, and return the lines."""
    response = await api.request("GET", "/memory/export", params=params)
    assert (response.status_code, response.headers["content-type"]) == (200, MEDIA_TYPE), response.text
    assert response.text.endswith("\n")
    return lines_in(response)


def lines_in(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the lines of an export."""
    return [json.loads(line) for line in response.content.split(b"\n")[:-1]]


async def imported(api: Api, *lines: Any, name: str | None = None) -> httpx.Response:  # noqa: ANN401 - what JSON has, or text
    """Import lines."""
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    params = {} if name is None else {"name": name}
    return await api.request("POST", "/memory/import", content=body, headers=LINES, params=params)


def of_kind(kind: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a kind."""
    return [line for line in lines if line["kind"] == kind]


def results(response: httpx.Response) -> list[tuple[int, str]]:
    """Return the numbers and outcomes of lines."""
    assert response.status_code == 200, response.text
    return [(result["line"], result["status"]) for result in response.json()["results"]]


def unsourced(memories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return memories without their sources, which an import sets anew."""
    return [{name: value for name, value in memory.items() if name != "source"} for memory in memories]
