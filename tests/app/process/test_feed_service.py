"""A stream of changes from the real service: it tells what is written, and does not hold up a stop."""

from pathlib import Path

import httpx
import pytest

from tests.support.service import running_service

EVENTS = {"Accept": "text/event-stream"}


@pytest.mark.thorough
def test_a_stream_tells_what_is_written_and_ends_with_the_service(tmp_path: Path) -> None:
    """The event comes while the stream is open; then the service stops, and the stream ends by itself."""
    with (
        running_service(tmp_path, {"MEMORY_PROVIDER": "mock", "NINAI__SERVER__WORKERS": "1"}) as service,
        httpx.Client(base_url=service.url, trust_env=False, timeout=60) as http,
    ):
        with http.stream("GET", "/memory/changes", params={"after": "now"}, headers=EVENTS) as response:
            lines = response.iter_lines()
            first = next(lines)
            stored = http.post("/memory/remember", json={"content": "masala tea"}).json()["memory_id"]
            event = next(line for line in lines if line.startswith("event"))
            data = next(lines)
            service.main.terminate()
            rest = [*lines]
        code = service.main.wait(60)

    assert (response.status_code, first, event, code) == (200, "retry: 1000", "event: put", 0)
    assert stored in data
    assert not any(line.startswith("event") for line in rest)
