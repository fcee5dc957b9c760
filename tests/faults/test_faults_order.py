"""The order of two real databases is switched under load, in a service with several workers."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.lab import NAMES, Lab, running_lab, under_load
from tests.faults.load import Load
from tests.simulation.script import JOURNAL, Act
from tests.support.patience import patience_for

ACTS = 3_000
WORKERS = 2
SWITCHES = 4
WITHIN = 1.0  # seconds until a new order is in force everywhere
LOOKS = 20  # each on a connection of its own, so that no worker is left out


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A laboratory with several workers, and so much time for everything that load refuses nobody."""
    patience = {key: value for name in NAMES for key, value in patience_for(name).items()}
    with running_lab({"NINAI__SERVER__WORKERS": str(WORKERS), **patience}) as opened:
        yield opened


@pytest.mark.soak
async def test_the_order_is_switched_under_load(lab: Lab) -> None:
    """No request fails, and within a second every worker reads from the new home."""
    load = Load(lab.service, 1, NAMES)
    asked: list[float] = []
    switched: list[tuple[float, str]] = []
    seen: list[set[str]] = []
    async with under_load(load, ACTS):
        for turn in range(SWITCHES):
            order = NAMES[::-1] if turn % 2 == 0 else NAMES
            asked.append(time.monotonic())
            response = await _ask(lab, "PUT", "/admin/providers/order", {"order": list(order)})
            assert response.status_code == 200, response.text
            switched.append((time.monotonic(), order[0]))
            await asyncio.sleep(WITHIN)
            answers = [await _ask(lab, "GET", "/admin/providers") for _ in range(LOOKS)]
            seen.append({answer.json()["home"] for answer in answers})
    homes = [home for _, home in switched]
    ends = [*asked[1:], float("inf")]  # it is in force before the answer says so
    elsewhere = [
        event
        for (moment, home), end in zip(switched, ends, strict=True)
        for event in load.events
        if event.act in (Act.GET, Act.LIST, Act.RECALL) and moment + WITHIN <= event.started and event.ended < end
        if not event.degraded and event.provider not in (home, JOURNAL, None)
    ]

    assert len(lab.service.workers()) == WORKERS
    assert seen == [{home} for home in homes]
    assert elsewhere == []
    assert (load.refusals, load.unanswered) == ([], 0), switched
    await lab.prove(load)


async def _ask(lab: Lab, method: str, path: str, body: object = None) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        return await http.request(method, f"{lab.service.url}{path}", json=body)
