"""A chain of two providers in memory, with its journal in a file: what is needed to start one, and to look at it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

FILL_SECONDS = 30.0  # a newcomer waits for some seconds before it is filled
_POLL = 0.1


def two_providers(folder: Path) -> dict[str, str]:
    """Return the environment of a service over `a`, which is home, and `b`; its data is in the folder."""
    return {
        "NINAI__ORDER": '["a", "b"]',
        "NINAI__PROVIDERS__A__KIND": "mock",
        "NINAI__PROVIDERS__B__KIND": "mock",
        "NINAI__DATA_DIR": str(folder),
    }


async def wait_until_complete(http: httpx.AsyncClient) -> None:
    """Wait until every provider has received everything."""
    deadline = time.monotonic() + FILL_SECONDS
    while "filling" in {provider["role"] for provider in (await status_of(http))["providers"]}:
        assert time.monotonic() < deadline, "a provider is still being filled"
        await asyncio.sleep(_POLL)


async def status_of(http: httpx.AsyncClient) -> dict[str, Any]:
    """Return the status of the chain."""
    response = await http.get("/admin/providers")
    assert response.status_code == 200, response.text
    status: dict[str, Any] = response.json()
    return status
