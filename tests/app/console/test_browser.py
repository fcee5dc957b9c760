"""The console in a real browser, from a real service: nothing is refused that belongs there, nothing foreign works."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.support.chains import two_providers
from tests.support.chromium import browse, needs_chromium
from tests.support.devtools import driven
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

PHONE = 390  # pixels
PAGES = (
    "/console/configuration",
    "/console/order?order=b,a",
    "/console/breaker?provider=a&state=open",
    "/console/breaker?provider=%3Cscript%3Ealert(1)%3C/script%3E&state=open",
    "/console/users",
    "/console/memories?user=anna",
    "/console/memories?user=anna&query=%3Cscript%3Ealert(1)%3C/script%3E",
    "/console/memory?user=anna&id={memory}",
    "/console/forget?user=anna&id={memory}",
    "/console/usage",
)

pytestmark = [pytest.mark.soak, needs_chromium]

SENDS_A_FORM = """<!doctype html><title>elsewhere</title>
<form method="post" action="{url}/console/order"><input name="order" value="b,a"></form>
<script>document.forms[0].submit()</script>"""
FRAMES_IT = """<!doctype html><title>elsewhere</title><iframe src="{url}/console"></iframe>"""


class Silent(SimpleHTTPRequestHandler):
    """Another site, which tells nobody of its visitors."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Log nothing."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A live service over two providers."""
    # An open page that looks after itself is logged at no higher level.
    with reachable_folder() as folder:
        variables = two_providers(folder / "data") | {"NINAI__LOG__LEVEL": "debug"}
        with running_service(folder, variables) as started:
            yield started


@pytest.fixture(scope="module")
def memory(service: Service) -> str:
    """The id of a memory of `anna`, with markup in it and in its metadata."""
    hostile = "<script>document.title='taken'</script><img src=x onerror=alert(1)> likes tea \u202egnp.exe"
    stored = {"user_id": "anna", "content": hostile, "metadata": {hostile: hostile}, "speaker": hostile}
    answer = httpx.post(f"{service.url}/memory/remember", json=stored, trust_env=False)
    memory_id: str = answer.json()["memory_id"]
    return memory_id


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """Where another site serves what lies in the folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def requests_of(service: Service, route: str) -> int:
    """How often the service was asked for a route so far."""
    lines = (json.loads(line) for line in service.said().splitlines() if line.startswith("{"))
    return sum(line["event"] == "request" and line["route"] == route for line in lines)


def test_the_overview_keeps_itself_up_to_date(service: Service, tmp_path: Path) -> None:
    """Style and script are loaded and taken, and the browser finds nothing to complain of."""
    before = requests_of(service, "/console")

    seen = browse(f"{service.url}/console", tmp_path / "profile")

    assert seen.complaints == []
    assert '<button id="pause" type="button" aria-pressed="false">Pause</button>' in seen.dom
    assert '<span class="name">a</span>' in seen.dom
    assert requests_of(service, "/console") - before >= 2


@pytest.mark.parametrize("path", PAGES)
def test_no_page_breaks_its_own_policy(service: Service, memory: str, tmp_path: Path, path: str) -> None:
    """No style, script, picture or form of a page is refused by what its header says."""
    seen = browse(service.url + path.format(memory=memory), tmp_path / "profile")

    assert [line for line in seen.complaints if "404 (Not Found)" not in line] == []
    assert "</main>" in seen.dom
    assert "<script>" not in seen.dom


@pytest.mark.parametrize("width", [PHONE, 1_200])
def test_nothing_is_wider_than_the_window(service: Service, memory: str, tmp_path: Path, width: int) -> None:
    """Long words wrap, and tables scroll by themselves; on a small phone as well."""
    with driven(tmp_path / "profile") as page:
        page.open(f"{service.url}/console")
        page.resize(width, 844)
        for path in PAGES:
            there = path.format(memory=memory)
            page.go(service.url + there)
            page.until(f"location.href.endsWith({json.dumps(there)}) && document.readyState === 'complete'")

            assert page.run("document.documentElement.scrollWidth") <= width, path


def test_a_memory_is_text_in_a_browser(service: Service, memory: str, tmp_path: Path) -> None:
    """Its bars have their lengths, and nothing of its text has become a part of the page."""
    seen = browse(f"{service.url}/console/memories?user=anna&query=tea", tmp_path / "profile")

    assert memory in seen.dom
    assert "<title>Memories · ninaivalaigal</title>" in seen.dom
    assert "<img" not in seen.dom
    assert '<span class="unseen">U+202E</span>gnp.exe' in seen.dom
    assert '<rect class="bar-part" width="' in seen.dom
    assert seen.complaints == []


def test_a_form_on_another_site_does_nothing(service: Service, elsewhere: str, tmp_path: Path) -> None:
    """The browser sends it, and the service does not do what it says."""
    (tmp_path / "page.html").write_text(SENDS_A_FORM.format(url=service.url))

    seen = browse(f"{elsewhere}/page.html", tmp_path / "profile")

    assert "This was sent from a page of another site, so nothing was done" in seen.dom
    assert httpx.get(f"{service.url}/admin/providers", trust_env=False).json()["order"] == ["a", "b"]


def test_no_other_site_frames_the_console(service: Service, elsewhere: str, tmp_path: Path) -> None:
    """Nobody presses its buttons without seeing them."""
    (tmp_path / "page.html").write_text(FRAMES_IT.format(url=service.url))

    seen = browse(f"{elsewhere}/page.html", tmp_path / "profile")

    assert any("frame-ancestors" in line for line in seen.complaints), seen.complaints
