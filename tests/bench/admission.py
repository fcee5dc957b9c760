"""What admission costs a request when nothing is wrong: the same requests with it and without, in turns.

The application does nothing and there is no network, so that the difference is all admission: the head is read, a key
is looked up, units are taken, the exact price is charged, and everything is given back.
"""

import asyncio
import statistics
from time import perf_counter_ns

import uvloop
from prometheus_client import CollectorRegistry

from app.auth.keys import hash_key, new_key
from app.http.admission.admission import AdmissionControl
from app.http.admission.admitted import admission_of
from app.settings.auth import KeySettings
from app.settings.model import AdmissionSettings
from observability.http import AsgiApp, Message, Receive, Scope, Send
from observability.metrics import Metrics
from tests.bench.load import table
from tests.support.known_keys import authenticating

ROUNDS = 40
REQUESTS = 1_000
MOST = 50.0  # microseconds at p50
_TEMPLATES = ("/memory/recall", "/memory/memories", "/memory/memories/{memory_id}")
_KEY = new_key("test")
_HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"a client"),
    (b"accept", b"*/*"),
    (b"authorization", b"Bearer " + _KEY.encode()),
    (b"x-user-id", b"kannan"),
    (b"content-type", b"application/json"),
    (b"content-length", b"40"),
]


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await admission_of(scope).charge(3.2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _receive() -> Message:
    return {"type": "http.request", "body": b"{}", "more_body": False}


async def _send(message: Message) -> None:
    pass


async def _measure(app: AsgiApp) -> float:
    """Return the median of one request, in microseconds."""
    took = []
    for _ in range(REQUESTS):
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/memory/recall",
            "headers": _HEADERS,
            "client": ("127.0.0.1", 5),
        }
        began = perf_counter_ns()
        await app(scope, _receive, _send)
        took.append(perf_counter_ns() - began)
    return statistics.median(took) / 1_000


async def _run() -> None:
    keys = authenticating({"one": KeySettings(hash=hash_key(_KEY))})
    admitting = AdmissionControl(
        _application, AdmissionSettings(), Metrics(CollectorRegistry()), _TEMPLATES, keys.recognize
    )
    pairs = []
    for _ in range(ROUNDS):
        pairs.append((await _measure(_application), await _measure(admitting)))
        await asyncio.sleep(0)
    without, with_it = (statistics.median(column) for column in zip(*pairs, strict=True))
    cost = statistics.median(admitted - bare for bare, admitted in pairs)
    rows = [
        ("without us", "with us", "cost us", f"<= {MOST:g}"),
        (f"{without:.1f}", f"{with_it:.1f}", f"{cost:.1f}", "yes" if cost <= MOST else "no"),
    ]
    table(iter(rows))


def main() -> None:
    """Measure, and print the table."""
    uvloop.run(_run())


if __name__ == "__main__":
    main()
