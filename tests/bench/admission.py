"""What admission, pricing and hedging cost a request when nothing is wrong: the same with them and without, in turns.

The application does nothing and there is no network, so that the difference is all admission: the head is read, a key
is looked up, units are taken, the exact price is found and charged, and everything is given back. For hedging the same
recalls go through a chain of two stores in memory that hedges, and through one that does not.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from time import monotonic, perf_counter_ns, time

import uvloop
from prometheus_client import CollectorRegistry

from app.auth.keys import hash_key, new_key
from app.http.admission import price
from app.http.admission.admission import AdmissionControl
from app.http.admission.admitted import admission_of
from app.http.schemas import RecallRequest
from app.settings.auth import KeySettings
from app.settings.model import AdmissionSettings
from observability.http import AsgiApp, Message, Receive, Scope, Send
from observability.metrics import Metrics
from observability.notes import Notes, current
from providers.chain.hedging.order import Hedging
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.types import RecallQuery
from tests.bench.load import table
from tests.support.chain_rig import ChainRig, JournalInMemory, link_of, route_of
from tests.support.known_keys import authenticating

ROUNDS = 40
REQUESTS = 1_000
MOST = 50.0  # microseconds at p50
_TEMPLATES = ("/memory/recall", "/memory/memories", "/memory/memories/{memory_id}")
_KEY = new_key("test")
Row = tuple[float, float, float]  # microseconds without it, with it, and the difference
_HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"a client"),
    (b"accept", b"*/*"),
    (b"authorization", b"Bearer " + _KEY.encode()),
    (b"x-user-id", b"kannan"),
    (b"content-type", b"application/json"),
    (b"content-length", b"40"),
]


_QUESTION = RecallRequest(query="which tea did I drink in the morning")


async def _unpriced(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await admission_of(scope).charge(price.of_question(_QUESTION, 10))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _receive() -> Message:
    return {"type": "http.request", "body": b"{}", "more_body": False}


async def _send(message: Message) -> None:
    pass


async def _served(app: AsgiApp) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/memory/recall",
        "headers": _HEADERS,
        "client": ("127.0.0.1", 5),
    }
    await app(scope, _receive, _send)


async def _measure(ask: Callable[[], Awaitable[object]]) -> float:
    """Return the median of one call, in microseconds."""
    took = []
    for _ in range(REQUESTS):
        began = perf_counter_ns()
        await ask()
        took.append(perf_counter_ns() - began)
    return statistics.median(took) / 1_000


async def _cost(without: Callable[[], Awaitable[object]], with_it: Callable[[], Awaitable[object]]) -> Row:
    pairs = []
    for _ in range(ROUNDS):
        pairs.append((await _measure(without), await _measure(with_it)))
        await asyncio.sleep(0)
    before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
    return before, after, statistics.median(last - first for first, last in pairs)


async def _cost_of_admission() -> Row:
    keys = authenticating({"one": KeySettings(hash=hash_key(_KEY))})
    admitting = AdmissionControl(
        _application, AdmissionSettings(), Metrics(CollectorRegistry()), _TEMPLATES, keys.recognize
    )
    current.set(Notes("bench"))
    return await _cost(lambda: _served(_unpriced), lambda: _served(admitting))


async def _cost_of_hedging() -> Row:
    journal = JournalInMemory(time)
    links = tuple(link_of(name, MockMemoryProvider(), monotonic) for name in ("home", "standby"))
    for link in links:
        await journal.join(link.name, link.name)
    rig, route = ChainRig(journal, monotonic, HybridClock()), route_of(links)
    asking, hedging = (rig.chained(route, hedging=Hedging(enabled=enabled)) for enabled in (False, True))
    query = RecallQuery(owner=Owner("kannan"), query="tea")
    cost = await _cost(lambda: asking.find(query), lambda: hedging.find(query))
    await journal.close()
    return cost


async def _run() -> None:
    costs = {"admission": await _cost_of_admission(), "hedging": await _cost_of_hedging()}
    rows: list[tuple[str, ...]] = [("what", "without us", "with us", "cost us", f"<= {MOST:g} together")]
    rows += [(what, *(f"{one:.1f}" for one in cost), "") for what, cost in costs.items()]
    total = sum(cost for _, _, cost in costs.values())
    rows.append(("together", "", "", f"{total:.1f}", "yes" if total <= MOST else "no"))
    table(iter(rows))


def main() -> None:
    """Measure, and print the table."""
    uvloop.run(_run())


if __name__ == "__main__":
    main()
