"""The page at `/docs` in a real browser: each operation can be sent as it is prefilled, and succeeds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.http.test_examples import TWO_PROVIDERS
from tests.support.chromium import needs_chromium
from tests.support.devtools import Page, driven
from tests.support.document import openapi_document
from tests.support.postgres import reachable_folder
from tests.support.prefilled import NEEDS_WHAT_IS_NOT_THERE, Prefilled, prefilled
from tests.support.service import Service, running_service

pytestmark = [pytest.mark.soak, needs_chromium]

# Clicks the first button that is shown and whose words are as they should be; true if there is one.
_CLICK = """(() => {
    const words = (button) => button.innerText.trim().replace(/\\s+/g, " ");
    const found = [...document.querySelectorAll("button")].find((button) => button.offsetParent && (%s)(words(button)));
    if (found) { found.scrollIntoView(); found.click(); }
    return found !== undefined;
})()"""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A live service over two providers."""
    with reachable_folder() as folder, running_service(folder, TWO_PROVIDERS) as started:
        yield started


def status_after_send(page: Page, url: str, request: Prefilled) -> int:
    """Open an operation on the page, press "Send", and return what the service answered."""
    page.go("about:blank")
    page.go(f"{url}/docs#tag/{request.tag}/{request.method.upper()}{request.template}")
    button = json.dumps(f"Test Request ({request.method} {request.template})")
    page.until(_CLICK % f"(words) => words === {button}")
    before = len(page.responses)
    template = json.dumps(request.template)
    page.until(_CLICK % f"(words) => words.startsWith('Send') && words.endsWith({template})")
    [(method, address, status)] = page.answered(before + 1)[before:]
    assert (method, address.removeprefix(url).partition("?")[0]) == (request.method.upper(), request.path)
    return status


def test_every_operation_can_be_sent_from_the_page(service: Service, tmp_path: Path) -> None:
    """One after another, with nothing typed; what the page sends is what the examples say."""
    with driven(tmp_path / "profile") as page:
        page.open("about:blank")
        statuses = {one.operation: status_after_send(page, service.url, one) for one in prefilled(openapi_document())}

    assert {operation for operation, status in statuses.items() if status != 200} == NEEDS_WHAT_IS_NOT_THERE, statuses
