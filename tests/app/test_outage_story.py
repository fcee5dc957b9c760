"""An outage, as whoever has nothing but the log can read it."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.chain.telling.backlog import LONG_BACKLOG
from tests.support.postgres import reachable_folder
from tests.support.service import Service, ninai, running_service

SECRETS = ("a memory of the outage", "kannan")
BATCH = 600
PATIENCE = 30.0  # seconds
# A breaker that looks again soon, so that the outage is a short one.
CHAIN = {
    "NINAI__ORDER": "home,standby",
    "NINAI__PROVIDERS__HOME__KIND": "native",
    "NINAI__PROVIDERS__STANDBY__KIND": "mock",
    "NINAI__CHAIN__BREAKER__FIRST_PAUSE": "1",
    "NINAI__CHAIN__BREAKER__LONGEST_PAUSE": "1",
    "NINAI__CHAIN__DELIVERIES__LONGEST_WAIT": "0.5",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


class Log:
    """What a service has written."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def lines(self) -> list[dict[str, Any]]:
        """Give every event so far."""
        return [json.loads(line) for line in self._service.said().splitlines() if line.startswith("{")]

    def first(self, event: str, **fields: object) -> dict[str, Any] | None:
        """Give the first event of that name with these fields."""
        found = (line for line in self.lines() if line["event"] == event and fields.items() <= line.items())
        return next(found, None)

    def wait_for(self, event: str, act: Callable[[], object] = lambda: None, **fields: object) -> None:
        """Do something again and again until it is told."""
        deadline = time.monotonic() + PATIENCE
        while self.first(event, **fields) is None:
            assert time.monotonic() < deadline, (event, [line["event"] for line in self.lines()])
            act()
            time.sleep(0.05)


def test_an_outage_is_read_from_the_log_alone(folder: Path) -> None:
    """What was lost and why, what served meanwhile, when everything was well again, and why the service ended."""
    with running_service(folder, CHAIN) as service:
        log = Log(service)
        log.wait_for("complete_providers", complete=["home", "standby"])
        with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as http:

            def read() -> None:
                assert http.get("/memory/memories", headers={"X-User-Id": SECRETS[1]}).status_code == 200

            read()
            stopped = ninai("db", "stop", "home", "--data-dir", str(service.data_dir), **CHAIN)
            assert stopped.returncode == 0, stopped.stderr
            log.wait_for("reads_moved", read)
            log.wait_for("breaker_opened", read)
            memories = [{"content": f"{SECRETS[0]} {number}"} for number in range(BATCH)]
            for _ in range(1 + LONG_BACKLOG // BATCH):
                assert http.post("/memory/remember/batch", json={"memories": memories}).status_code in {200, 202}
            log.wait_for("backlog_grew", read)
            started = ninai("db", "start", "home", "--data-dir", str(service.data_dir), **CHAIN)
            assert started.returncode == 0, started.stderr
            log.wait_for("reads_moved_back", read)
            log.wait_for("backlog_drained")
        service.terminate()
        said = service.said()
    print(said)
