"""A text that must be seen nowhere, requests that carry it in every place, and the log to look for it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import structlog

from observability.logs import configure_logs
from tests.support.api import ABSENT_ID, Api, fresh_user

CANARY = "canary7f3a"


class Log:
    """All lines that were logged, in JSON."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def text(self) -> str:
        """Return everything that was logged, as it was written."""
        return self.stream.getvalue()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return every event of one name."""
        return [event for event in map(json.loads, self.text().splitlines()) if event["event"] == name]


@contextmanager
def logged_into_memory() -> Iterator[Log]:
    """Log everything, down to the last detail, into memory for as long as the context lasts."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log = Log()
    configure_logs("json", "debug", log.stream)
    # The client is in this process too, and tells of every address that it asks.
    client = logging.getLogger("httpx")
    client.setLevel(logging.WARNING)
    yield log
    client.setLevel(logging.NOTSET)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def everything_about(api: Api) -> list[httpx.Response]:
    """Return one request of every kind, each with a text that must not be seen."""
    metadata = {CANARY: {"a": CANARY}}
    content = {"content": CANARY, "metadata": metadata}
    question = {"query": CANARY, "where": {"op": "eq", "field": CANARY, "value": CANARY}}
    path = f"/memory/memories/{ABSENT_ID}"
    return [
        await api.remember(CANARY, metadata, key=CANARY),
        await api.request("POST", "/memory/remember/batch", json={"memories": [content]}, key=CANARY),
        await api.request("POST", "/memory/recall", json=question),
        await api.request("POST", "/memory/recall/batch", json={"queries": [question]}),
        await api.page(limit=1),
        await api.get(ABSENT_ID),
        await api.request("PATCH", path, json=content, key=CANARY),
        await api.request("DELETE", path, key=CANARY),
    ]


def careless_api(http: httpx.AsyncClient) -> Api:
    """Return a client that puts texts wherever a client may put some."""
    return Api(
        http,
        f"{CANARY}-{fresh_user()}",
        {"Authorization": f"Bearer {CANARY}", "X-API-Key": CANARY, "User-Agent": CANARY, "Cookie": CANARY},
    )
