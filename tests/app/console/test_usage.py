"""What keys, users and tenants ask and hold as the console shows it."""

import html
import re

import pytest

from app.console.usage_view import in_bytes_of
from tests.support.api import Api, asgi_client, running_app
from tests.support.pages import Visitor

ENVIRON = {"MEMORY_PROVIDER": "mock", "NINAI__QUOTAS__USER__MEMORIES": "2", "NINAI__QUOTAS__USER__BYTES": "100"}


async def test_users_are_shown_with_what_they_hold_of_their_quota() -> None:
    """And what was refused; names are shown as they are, whatever is in them."""
    async with running_app(ENVIRON) as app, asgi_client(app) as http:
        for text in ("tea", "coffee", "cocoa"):
            await Api(http, "<b>alice").remember(text)
        await Api(http, "bob").remember("tea")
        page = await Visitor(http).look("/console/usage")

    assert "<b>alice 3 1 2 2 of 2 9 B of 100 B" in page.text
    assert "bob 1 0 1 1 of 2 3 B of 100 B" in page.text
    assert "What users hold is counted by mock now." in page.text


async def test_keys_and_tenants_have_pages_of_their_own() -> None:
    """What a tenant holds is counted when its page is looked at."""
    async with running_app(ENVIRON) as app, asgi_client(app) as http:
        await Api(http, "alice").remember("tea")
        visitor = Visitor(http)
        keys = await visitor.look("/console/usage?by=key")
        before = await visitor.look("/console/usage?by=tenant")
        await app.state.quotas.tenants.count(lambda: 1.0)
        tenants = await visitor.look("/console/usage?by=tenant")
        refused = await visitor.look("/console/usage?by=nobody")

    assert "anonymous 1 0 1" in keys.text
    assert "default 1 0 1 - -" in before.text
    assert "What tenants hold is being counted now." in before.text
    assert "default 1 0 1 1 3 B" in tenants.text
    assert refused.status == 422


async def test_a_page_leads_to_the_next_one() -> None:
    """The last one leads nowhere."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as app, asgi_client(app) as http:
        for number in range(51):
            await Api(http, f"user {number:02} & more").remember("tea")
        visitor = Visitor(http)
        first = await visitor.look("/console/usage")
        [link] = re.findall(r'href="([^"]*after=[^"]*)"', first.response.text)
        second = await visitor.look(html.unescape(link))

    assert "Next page" in first.text
    assert "user 50 & more" in second.text
    assert "Next page" not in second.text


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_250_000, "1.2 MB"), (10**18, "1000.0 PB")]
)
def test_bytes_are_said_in_the_unit_that_fits(number: int, said: str) -> None:
    """To a tenth."""
    assert in_bytes_of(number) == said
