"""Tracing in the service as a process: its spans arrive whole, and a collector that is silent holds up nothing."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from observability.otlp.exporting import FLUSH_SECONDS
from tests.support.otlp import HOST, Collector, Tree
from tests.support.patience import patience_for
from tests.support.service import Service, running_service

PARENT = "00f067aa0ba902b7"
Silence = Callable[[], AbstractContextManager[str]]
STOP_SECONDS = 8.0  # of a busy machine, beyond the moment that is given to what has not been sent


def ask(service: Service, method: str, path: str, trace: str, **body: str) -> httpx.Response:
    """Make a request that is a piece of a trace."""
    headers = {"traceparent": f"00-{trace}-{PARENT}-01", "content-type": "application/json"}
    content = json.dumps(body) if body else None
    return httpx.request(method, service.url + path, headers=headers, content=content, trust_env=False, timeout=30)


def leaf(name: str) -> Tree:
    """A span without pieces."""
    return Tree(name, [])


@pytest.mark.thorough
async def test_a_chain_tells_where_its_time_goes(tmp_path: Path, database: str) -> None:
    """A remember and a recall are trees below their caller's spans; what the standby gets is a trace of its own."""
    writing, reading, last = (uuid4().hex for _ in range(3))
    with Collector() as collector:
        environ = {
            "NINAI__ORDER": "native,second",
            "NINAI__PROVIDERS__SECOND__KIND": "mock",
            "DATABASE_URL": database,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base_url,
            "OTEL_SDK_DISABLED": "true",  # which is for others
            **patience_for("native"),
        }
        with running_service(tmp_path, environ) as service:
            assert ask(service, "POST", "/memory/remember", writing, content="tea is best at four").status_code == 200
            assert ask(service, "POST", "/memory/recall", reading, query="when is tea best?").status_code == 200
            collector.wait_for(lambda collector: bool(collector.named("deliver second")))
            ask(service, "GET", "/memory/memories", last)
            assert service.terminate() == 0

        assert collector.trees(writing) == [
            Tree(
                "POST /memory/remember",
                [
                    Tree(
                        "remember",
                        [
                            leaf("journal append"),
                            Tree("remember native", [leaf("embed"), leaf("INSERT ninai_memories")]),
                            leaf("journal settle"),
                        ],
                    )
                ],
            )
        ]
        search = Tree("recall native", [leaf("embed"), leaf("SELECT ninai_memories")])
        assert collector.trees(reading) == [
            Tree("POST /memory/recall", [Tree("recall", [leaf("journal look"), search])])
        ]
        assert {collector.trace(trace)[0].parent for trace in (writing, reading, last)} == {PARENT}
        delivery = collector.named("deliver second")[0]
        assert delivery.parent == ""
        delivered = [leaf("replay second"), leaf("journal settle")]
        assert collector.trees(delivery.trace) == [Tree("deliver second", delivered)]
        assert {span.error for span in collector.trace(writing) + collector.trace(reading)} == {False}
        assert "four" not in collector.everything


@contextmanager
def nobody() -> Iterator[str]:
    """The address of a collector that is down."""
    with socket.socket() as reserved:
        reserved.bind((HOST, 0))
        yield f"http://{HOST}:{reserved.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """The address of one that takes requests and never answers."""
    with socket.create_server((HOST, 0)) as listening:
        yield f"http://{HOST}:{listening.getsockname()[1]}"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("collector", "seconds", "expected"), [(nobody, 2.2, ["spans_not_exported"]), (silent, 0.2, [])]
)
def test_a_collector_that_does_not_answer_holds_up_nothing(
    tmp_path: Path, collector: Silence, seconds: float, expected: list[str]
) -> None:
    """Requests are served as ever, the log tells of it once, and the service stops in time."""
    with collector() as endpoint:
        environ = {"MEMORY_PROVIDER": "mock", "NINAI__TRACING__ENDPOINT": endpoint}
        with running_service(tmp_path, environ) as service:
            ends_at = time.monotonic() + seconds
            while time.monotonic() < ends_at:
                assert ask(service, "POST", "/memory/recall", uuid4().hex, query="tea").status_code == 200
                time.sleep(0.1)
            ask(service, "GET", "/memory/memories", uuid4().hex)
            started = time.monotonic()
            assert service.terminate() == 0
            stopped = time.monotonic() - started

        events = [json.loads(line) for line in service.said().splitlines() if line.startswith("{")]
        told = [event["event"] for event in events if event["level"] not in {"debug", "info"}]
        assert told == expected
        assert stopped < FLUSH_SECONDS + STOP_SECONDS
