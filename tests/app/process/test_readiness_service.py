"""A real service is ready when it is warm, and not any more from the moment it is told to stop."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from tests.support.postgres import reachable_folder
from tests.support.service import START_SECONDS, Service, running_service

LONG = "60"  # seconds of grace that no test waits for


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


@contextmanager
def silent_port() -> Iterator[int]:
    """A port on which connections are taken, and nothing is ever said."""
    with create_server(("127.0.0.1", 0), backlog=128) as listener:
        port: int = listener.getsockname()[1]
        yield port


class Unready(Service):
    """A service that is not waited for."""

    def wait_until_ready(self) -> None:
        """Do not wait."""

    def ready(self) -> dict[str, Any]:
        """What it says of its readiness, as soon as it listens."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                told: dict[str, Any] = httpx.get(f"{self.url}/readyz", trust_env=False, timeout=30).json()
            except httpx.TransportError:
                assert time.monotonic() < deadline, self.said()[-1000:]
                time.sleep(0.02)
            else:
                return told

    def reasons_until(self, last: str) -> list[str]:
        """Why it was not ready, each reason once in a row, until it says this one."""
        reasons: list[str] = []
        deadline = time.monotonic() + START_SECONDS
        while last not in reasons:
            assert time.monotonic() < deadline, self.said()[-1000:]
            reason = self.ready().get("reason", "ready")
            if reasons[-1:] != [reason]:
                reasons.append(reason)
        return reasons


@pytest.mark.thorough
def test_a_provider_that_hangs_is_waited_for_at_the_start_and_not_when_it_leaves(folder: Path) -> None:
    """Warming, then given up, then leaving: each is said though the provider says nothing."""
    with silent_port() as port:
        service = Unready(
            folder,
            {
                "NINAI__ORDER": "far",
                "NINAI__PROVIDERS__FAR__KIND": "mem0",
                "NINAI__PROVIDERS__FAR__DIALECT": "oss",
                "NINAI__PROVIDERS__FAR__BASE_URL": f"http://127.0.0.1:{port}",
                "NINAI__SERVER__DRAIN": LONG,
            },
        )
        try:
            service.start()
            before = service.reasons_until("unhealthy")
            service.main.terminate()
            after = service.reasons_until("leaving")
            live = httpx.get(f"{service.url}/livez", trust_env=False).status_code
            service.terminate()
        finally:
            service.kill_everything()

    assert before == ["warming", "unhealthy"]
    assert after in (["leaving"], ["unhealthy", "leaving"])
    assert live == 200
    assert '"warming_given_up"' in service.said()


@pytest.mark.thorough
def test_a_ready_service_has_been_through_all_that_a_recall_needs(folder: Path) -> None:
    """Before anybody has asked for anything: a connection is there, a text was embedded, the journal was read."""
    with running_service(folder, {"NINAI__JOURNAL__KIND": "sqlite"}) as service:
        text = httpx.get(f"{service.url}/metrics", trust_env=False).text
        first = httpx.post(f"{service.url}/memory/recall", json={"query": "tea"}, trust_env=False)

    counted = {
        (sample.name, *sample.labels.values()): sample.value for family in families(text) for sample in family.samples
    }
    assert counted["ninai_embedder_duration_seconds_count", "local", "ok"] == 1
    assert counted["ninai_database_connections", "native", "idle"] >= 1
    assert ("ninai_http_request_duration_seconds_count", "POST", "/memory/recall", "200") not in counted
    assert '"parts": ["journal", "native"]' in service.said() or '"parts":["journal","native"]' in service.said()
    assert first.status_code == 200
