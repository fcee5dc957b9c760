"""An outage, as whoever has nothing but the log can read it."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.keys import hash_key
from providers.chain.reporting.backlog import LONG_BACKLOG
from providers.journal.operations import MemberState
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.support.native import host_for
from tests.support.postgres import reachable_folder
from tests.support.service import STOP_SECONDS, Service, ninai, running_service

MEMORY = "a memory of the outage"
USER = "kannan"
KEY = "ninai_drill_key_that_is_long_enough"
BATCH = 600
PATIENCE = 30.0  # seconds
_POLL = 0.1
_WELL = 10  # reads in a row that home answers


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


def chain_in(folder: Path) -> dict[str, str]:
    """An embedded database and a standby, both complete from the start, and a breaker that looks again soon."""
    path = folder / "journal.sqlite3"

    async def complete() -> None:
        async with SqliteJournalSettings(path=path).open(host_for()) as journal:
            for name in ("home", "standby"):
                await journal.join(name, None)
                await journal.mark(name, MemberState.COMPLETE)

    asyncio.run(complete())
    return {
        "NINAI__ORDER": "home,standby",
        "NINAI__PROVIDERS__HOME__KIND": "native",
        "NINAI__PROVIDERS__STANDBY__KIND": "mock",
        "NINAI__JOURNAL__KIND": "sqlite",
        "NINAI__JOURNAL__PATH": str(path),
        "NINAI__CHAIN__BREAKER__FIRST_PAUSE": "1",
        "NINAI__CHAIN__BREAKER__LONGEST_PAUSE": "1",
        "NINAI__CHAIN__DELIVERIES__LONGEST_WAIT": "0.5",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__DRILL__HASH": hash_key(KEY),
        "NINAI__AUTH__KEYS__DRILL__USER": USER,
    }


class Log:
    """What a service has written."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._begins = 0

    def begin(self) -> None:
        """Leave out what was told so far."""
        self._begins += len(self.lines())

    def lines(self) -> list[dict[str, Any]]:
        """Give every event since the beginning."""
        told = [json.loads(line) for line in self._service.said().splitlines() if line.startswith("{")]
        return told[self._begins :]

    def wait_for(self, event: str, act: Callable[[], object] = lambda: None) -> None:
        """Do something again and again until it is told."""
        deadline = time.monotonic() + PATIENCE
        while not any(line["event"] == event for line in self.lines()):
            assert time.monotonic() < deadline, (event, [line["event"] for line in self.lines()])
            act()
            time.sleep(_POLL)


def wait_for_home(http: httpx.Client) -> None:
    """Read until home answers, and goes on doing so: on a busy machine it may be late at the start."""
    deadline = time.monotonic() + PATIENCE
    by_home = 0
    while by_home < _WELL:
        assert time.monotonic() < deadline
        by_home = by_home + 1 if http.get("/memory/memories").headers["memory-provider"] == "home" else 0
        time.sleep(_POLL)


def told(lines: list[dict[str, Any]], *events: str) -> list[str]:
    """Give these events in the order in which they were told first."""
    first = {line["event"]: None for line in lines}
    return [event for event in first if event in events]


@pytest.mark.thorough
def test_an_outage_is_read_from_the_log_alone(folder: Path) -> None:
    """What was lost and why, what served meanwhile, when everything was well again, and why the service ended."""
    variables = chain_in(folder)
    with running_service(folder, variables) as service:
        log = Log(service)
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=30) as http:

            def read() -> None:
                assert http.get("/memory/memories").status_code == 200

            wait_for_home(http)
            log.begin()
            assert ninai("db", "stop", "home", "--data-dir", service.data_dir, **variables).returncode == 0
            log.wait_for("reads_moved", read)
            log.wait_for("breaker_opened", read)
            memories = [{"content": f"{MEMORY} {number}"} for number in range(BATCH)]
            for _ in range(1 + LONG_BACKLOG // BATCH):
                assert http.post("/memory/remember/batch", json={"memories": memories}).status_code == 202
            log.wait_for("backlog_grew", read)
            assert ninai("db", "start", "home", "--data-dir", service.data_dir, **variables).returncode == 0
            log.wait_for("reads_moved_back", read)
            log.wait_for("backlog_drained")
        assert service.terminate() == 0
    lines = log.lines()
    by_name = {line["event"]: line for line in reversed(lines)}
    ways = ("provider_lost", "reads_moved", "breaker_opened")
    lost, moved, opened = (by_name[event] for event in ways)
    again, closed, back = (by_name[event] for event in ("provider_answers_again", "breaker_closed", "reads_moved_back"))
    grew, drained, stopped = (by_name[event] for event in ("backlog_grew", "backlog_drained", "stopped"))

    assert told(lines, *ways)[0] == "provider_lost"
    # Whoever watches the server and whoever asks it tell what they see, each in its own time.
    for story in (
        ("embedded_server_stopped_for_maintenance", "embedded_server_started", "stopping", "stopped"),
        ("reads_moved", "provider_answers_again", "reads_moved_back", "stopping"),
        ("breaker_opened", "breaker_closed", "stopping"),
        ("reads_moved", "backlog_grew", "backlog_drained", "stopping"),
    ):
        assert told(lines, *story) == [*story]
    assert (lost["provider"], lost["reads"], lost["writes"]) == ("home", "standby", "accepted")
    assert lost["reason"].startswith("cannot reach the database") or "connection" in lost["reason"]
    assert opened["reason"].endswith("it did not answer a probe either") or "Unreachable" in opened["reason"]
    assert (moved["provider"], moved["instead_of"], moved["reason"]) == ("standby", "home", "unavailable")
    assert (grew["provider"], grew["pending"]) == ("home", BATCH * (1 + LONG_BACKLOG // BATCH))
    assert grew["reason"].startswith("home does not answer: ")
    # The look at a store may find that it answers before its breaker lets anybody through.
    assert (again["provider"], again["reads"], again["writes"]) in [
        ("home", "home", "stored"),
        ("home", "standby", "accepted"),
    ]
    # On a busy machine it may be lost for a moment once more.
    assert again["since"] in {line["since"] for line in lines if line["event"] == "provider_lost"}
    assert (closed["provider"], closed["reason"]) == ("home", "a probe succeeded")
    assert (back["provider"], back["instead_of"]) == ("home", "standby")
    assert (drained["provider"], drained["most"]) == ("home", grew["pending"])
    assert (by_name["stopping"]["reason"], stopped["reason"]) == ("SIGTERM", "SIGTERM")
    turns = [line for line in lines if "since" in line]
    assert [line for line in turns if line["seconds"] < 0 or line["since"] > line["timestamp"]] == []
    # Each turn was told once, however many requests there were.
    for event in ("provider_lost", "reads_moved", "backlog_grew", "provider_answers_again", "reads_moved_back"):
        assert [line["provider"] for line in lines if line["event"] == event] == [by_name[event]["provider"]]
    assert not {line["level"] for line in lines} & {"error", "critical"}
    assert [secret for secret in (MEMORY, USER, KEY) if secret in service.said()] == []


@pytest.mark.thorough
def test_a_start_without_home_is_told(folder: Path) -> None:
    """Which database does not answer and why, and who serves meanwhile; and a stop from the keyboard."""
    variables = chain_in(folder) | {
        "NINAI__PROVIDERS__HOME__DSN": "postgresql+asyncpg://127.0.0.1:1/none",
    }
    with running_service(folder, variables) as service:
        service.main.send_signal(signal.SIGINT)
        assert service.main.wait(STOP_SECONDS) == 0
    lines = Log(service).lines()
    [silent] = [line for line in lines if line["event"] == "provider_not_reached"]

    assert (silent["level"], silent["provider"], silent["reads"]) == ("warning", "home", "standby")
    assert silent["reason"].startswith("cannot reach the database")
    assert (lines[-1]["event"], lines[-1]["reason"]) == ("stopped", "SIGINT")
