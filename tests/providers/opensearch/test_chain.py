"""A service over OpenSearch, whose searches lag behind what the service has answered."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.support.lagging_opensearch import LaggingOpenSearch
from tests.support.opensearch import OpenSearchServer, running_opensearch
from tests.support.service import running_service

pytestmark = pytest.mark.thorough


async def test_the_journal_shows_what_searches_do_not_yet(opensearch_server: OpenSearchServer, tmp_path: Path) -> None:
    """Lists have what was answered, and lack what was deleted, although nothing is ever refreshed for them."""
    settings = opensearch_server.settings()
    with running_opensearch() as shown:
        async with LaggingOpenSearch(opensearch_server.url, shown.url) as proxy:
            environment = {
                "NINAI__ORDER": "search",
                "NINAI__JOURNAL__KIND": "sqlite",
                "NINAI__PROVIDERS__SEARCH__KIND": "opensearch",
                "NINAI__PROVIDERS__SEARCH__URL": proxy.base_url,
                "NINAI__PROVIDERS__SEARCH__INDEX": settings.index,
                "NINAI__PROVIDERS__SEARCH__STALENESS_SECONDS": "60",
            }
            context = running_service(tmp_path, environment)
            service = await asyncio.to_thread(context.__enter__)
            try:
                async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=30) as http:
                    await http.post("/memory/recall", json={"query": "tea"})
                    before, ids = proxy.refreshes, list[str]()
                    for number in range(5):
                        stored = await http.post("/memory/remember", json={"content": f"masala tea {number}"})
                        ids.append(stored.json()["memory_id"])
                        assert stored.status_code == 200, stored.text
                    await http.delete(f"/memory/memories/{ids[0]}")
                    listed = (await http.get("/memory/memories")).json()["memories"]
                    recalled = (await http.post("/memory/recall", json={"query": "masala"})).json()["memories"]
            finally:
                await asyncio.to_thread(context.__exit__, None, None, None)

    assert {memory["id"] for memory in listed} == set(ids[1:])
    assert {memory["id"] for memory in recalled} == set(ids[1:])
    assert proxy.refreshes - before <= 2  # by the first recall of a user, and for the versions of what was deleted
