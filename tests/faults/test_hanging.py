"""A home that hangs, beside a healthy standby: the real service is stopped and started within seconds."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.process.draining import STOP_SECONDS
from providers.native.embedded import EmbeddedServer, folder_of
from tests.faults.lab import Database
from tests.support.faults import hanging, stop_for_good
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

pytestmark = pytest.mark.soak

HEADERS = {"X-User-ID": "kannan"}
START_SECONDS = 5.0  # beyond what a start takes while nothing hangs
COMPLETE_SECONDS = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account can enter."""
    with reachable_folder() as made:
        yield made


@contextlib.contextmanager
def chain_of(folder: Path, *order: str) -> Iterator[tuple[Service, Database]]:
    """A service over the embedded `native` and the external `second`, both complete, with a memory in it."""
    own = folder / "service"
    own.mkdir()
    second = Database(folder / "second")
    second.start()
    environ = {
        "NINAI__ORDER": ",".join(order),
        "NINAI__PROVIDERS__NATIVE__KIND": "native",
        "NINAI__PROVIDERS__SECOND__KIND": "native",
        "NINAI__PROVIDERS__SECOND__DSN": second.dsn,
    }
    try:
        with running_service(own, environ) as service:
            deadline = time.monotonic() + COMPLETE_SECONDS
            while "filling" in httpx.get(f"{service.url}/admin/providers", trust_env=False).text:
                assert time.monotonic() < deadline, "a provider is still being filled"
                time.sleep(0.2)
            body = {"content": "tea"}
            stored = httpx.post(f"{service.url}/memory/remember", json=body, headers=HEADERS, trust_env=False)
            assert stored.status_code == 200, stored.text
            time.sleep(1.0)  # the standby gets it, too
            yield service, second
    finally:
        second.stop()


def stopped(service: Service) -> float:
    """Stop the service, and return the seconds that it took."""
    began = time.monotonic()
    assert service.terminate() == 0
    return time.monotonic() - began


def started(service: Service) -> float:
    """Start the service, and return the seconds until it was ready."""
    began = time.monotonic()
    service.start()
    return time.monotonic() - began


def recalled(service: Service) -> httpx.Response:
    """List the memories."""
    return httpx.get(f"{service.url}/memory/memories", headers=HEADERS, trust_env=False, timeout=10.0)


def test_a_service_whose_external_home_hangs_is_restarted(folder: Path) -> None:
    """It stops, starts and answers from the standby."""
    with chain_of(folder, "second", "native") as (service, second):
        stopped(service)
        usual = started(service)
        with hanging(second.server):
            stop = stopped(service)
            start = started(service)
            answer = recalled(service)
            stop_again = stopped(service)

    assert max(stop, stop_again) < STOP_SECONDS
    assert start < usual + START_SECONDS
    assert answer.headers["Memory-Provider"] == "native"
    assert [memory["content"] for memory in answer.json()["memories"]] == ["tea"]


def test_a_service_whose_embedded_home_hangs_is_stopped(folder: Path) -> None:
    """It ends its server in good order; one that was killed beside it is ended by the next start."""
    with chain_of(folder, "native", "second") as (service, _):
        native = EmbeddedServer(folder_of(service.data_dir, "native"))
        stop_for_good(native)
        stop = stopped(service)
        usual = started(service)
        stop_for_good(native)
        service.kill_main()
        start = started(service)
        answer = recalled(service)

    assert stop < STOP_SECONDS
    assert start < usual + START_SECONDS
    assert [memory["content"] for memory in answer.json()["memories"]] == ["tea"]
