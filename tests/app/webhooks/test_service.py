"""Webhooks of the running service: what callers do is told, by one process at a time."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from app.webhooks.notes import place_of
from app.webhooks.service import LOOK_SECONDS, Webhooks
from observability.metrics import Metrics
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.chains import two_providers
from tests.support.following import eventually
from tests.support.webhook_receiver import SECRET, Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with running_receiver() as running:
        yield running


async def test_what_callers_do_is_told_once_by_two_senders(tmp_path: Path, receiver: Receiver) -> None:
    """The senders of two processes share a journal: one sends, and the other goes on when that one ends."""
    environ = {
        **two_providers(tmp_path),
        "NINAI__WEBHOOKS__CRM__URL": receiver.url,
        "NINAI__WEBHOOKS__CRM__SECRET": SECRET,
    }

    async def told(count: int) -> None:
        async with asyncio.timeout(4 * LOOK_SECONDS):
            while len(receiver.received) < count:  # noqa: ASYNC110 - the receiver is in a thread of its own
                await asyncio.sleep(0.05)

    async with running_app(environ) as app, asgi_client(app) as http:
        chain, settings = app.state.chain, app.state.settings
        api = Api(http, fresh_user())

        async def begun() -> bool:
            return (await place_of(chain.journal, "crm")).position is not None

        async def noted() -> bool:
            position = (await place_of(chain.journal, "crm")).position
            return position is not None and position.seq == (await http.get("/admin/journal")).json()["last_seq"]

        await eventually(begun)
        async with Webhooks.open(
            chain, Metrics(CollectorRegistry()), app.state.quarantines.known, look_every=0.1
        ) as elsewhere:
            elsewhere.configure(settings.webhooks, settings.chain.retention.keep)
            stored = await api.stored("masala tea")
            await told(1)
            await api.delete(stored)
            await told(2)
            await eventually(noted)  # whoever is stopped before that has it told again
            app.state.webhooks.configure({}, settings.chain.retention.keep)
            other = await api.stored("green tea")
            await told(3)

    assert receiver.told == [("memory.put", stored), ("memory.deleted", stored), ("memory.put", other)]
    assert receiver.received[0].body["data"]["user_id"] == api.user
    assert "tea" not in str(receiver.received)


async def test_what_is_in_quarantine_is_told_without_its_text(tmp_path: Path, receiver: Receiver) -> None:
    """Its receiver learns that no reader sees it any more; a deletion is one as before."""
    environ = {
        **two_providers(tmp_path),
        "NINAI__WEBHOOKS__CRM__URL": receiver.url,
        "NINAI__WEBHOOKS__CRM__SECRET": SECRET,
        "NINAI__WEBHOOKS__CRM__CONTENT": "true",
    }
    async with running_app(environ) as app, asgi_client(app) as http:
        api = Api(http, fresh_user())

        async def begun() -> bool:
            return (await place_of(app.state.chain.journal, "crm")).position is not None

        async def told(count: int) -> None:
            async def enough() -> bool:
                return len(receiver.received) >= count

            await eventually(enough)

        await eventually(begun)
        shown = await api.stored("masala tea")
        await told(1)
        rule = {"caller": "anonymous", "since": "2026-01-01T00:00:00Z", "user": api.user}
        quarantine = (await http.post("/admin/quarantines", json=rule)).json()["id"]
        hidden = await api.stored("poisoned tea")
        await told(2)
        await api.delete(shown)
        await told(3)

    assert receiver.told == [("memory.put", shown), ("memory.quarantined", hidden), ("memory.deleted", shown)]
    assert receiver.received[0].body["data"]["memory"]["content"] == "masala tea"
    assert receiver.received[1].body["data"]["quarantine"] == quarantine
    assert "poisoned" not in str(receiver.received)
