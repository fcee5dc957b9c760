"""A real service with two workers: any scrape tells what both have counted, also when one of them is gone."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from observability.recent import SHARED_SECONDS
from tests.support.postgres import reachable_folder
from tests.support.service import Service, ninai, running_service

WORKERS = 2
PATIENCE = 30.0
MOCK = {"MEMORY_PROVIDER": "mock", "NINAI__SERVER__WORKERS": str(WORKERS)}
REMEMBERED = ("ninai_http_request_duration_seconds_count", {"route": "/memory/remember", "status": "200"})


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one service."""
    with reachable_folder() as found:
        yield found


def in_new_connection(service: Service, method: str, path: str, **sent: object) -> httpx.Response:
    """Ask whichever worker takes the connection."""
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as http:
        response = http.request(method, path, **sent)  # type: ignore[arg-type] # what httpx takes
    assert response.status_code == httpx.codes.OK, response.text
    return response


def remember(service: Service, times: int) -> None:
    """Store something."""
    for _ in range(times):
        in_new_connection(service, "POST", "/memory/remember", json={"content": "tea"})


def scraped(service: Service, name: str, labels: Mapping[str, str]) -> float:
    """The sum of the samples with this name and these labels, of a scrape that no worker has made before this."""
    time.sleep(SHARED_SECONDS)
    text = in_new_connection(service, "GET", "/metrics").text
    return sum(
        sample.value
        for family in families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_for_workers(service: Service) -> None:
    """Wait until all are there and known to each other."""
    deadline = time.monotonic() + PATIENCE
    while scraped(service, "ninai_worker_processes", {}) != WORKERS:
        assert time.monotonic() < deadline, service.said()[-1000:]
        time.sleep(0.05)


def kept_in(folder: Path) -> list[Path]:
    """The folders of running services."""
    return [path for path in (folder / "data" / "workers").iterdir() if path.is_dir()]


@pytest.mark.soak
def test_any_scrape_tells_of_all_workers(folder: Path) -> None:
    """Requests on both are counted once each, and those of a killed worker go on being told."""
    with running_service(folder, MOCK) as service:
        wait_for_workers(service)
        remember(service, 40)
        seen = [scraped(service, *REMEMBERED) for _ in range(6)]
        os.kill(min(service.workers()), signal.SIGKILL)
        wait_for_workers(service)
        seen += [scraped(service, *REMEMBERED) for _ in range(4)]
        remember(service, 2)

        assert seen == [40] * 10
        assert scraped(service, *REMEMBERED) == 42
    assert kept_in(folder) == []


@pytest.mark.thorough
def test_a_folder_that_cannot_be_had_is_told(folder: Path) -> None:
    """Before anything is started."""
    (folder / "workers").touch()
    done = ninai("serve", "--port", "0", "--workers", "2", "--data-dir", folder, MEMORY_PROVIDER="mock")

    assert done.returncode == 1
    assert f"several workers need a folder in {folder}: File exists" in done.stderr


@pytest.mark.soak
def test_a_restart_begins_anew(folder: Path) -> None:
    """Also after a service that could clear nothing away."""
    with running_service(folder, MOCK) as service:
        wait_for_workers(service)
        remember(service, 3)
        [before] = kept_in(folder)
        service.kill_everything()
        assert kept_in(folder) == [before]
        service.start()
        wait_for_workers(service)
        assert scraped(service, *REMEMBERED) == 0
        assert before not in kept_in(folder)


@pytest.mark.soak
def test_what_both_workers_see_is_told_once(folder: Path) -> None:
    """A database and a journal for two workers: one backlog, one breaker, and connections of each."""
    variables = {"NINAI__JOURNAL__KIND": "sqlite", "NINAI__SERVER__WORKERS": str(WORKERS)}
    with running_service(folder, variables) as service:
        wait_for_workers(service)
        remember(service, 20)

        assert scraped(service, "ninai_breaker_state", {"state": "closed"}) == 1
        assert scraped(service, "ninai_provider_role", {"role": "home"}) == 1
        assert scraped(service, "ninai_database_pool_size", {"provider": "native"}) == 10 * WORKERS
        assert scraped(service, "ninai_journal_up", {}) == 1
        assert scraped(service, "ninai_config_info", {"order": "native"}) == 1
