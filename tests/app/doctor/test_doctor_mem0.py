"""What the doctor finds about a mem0 service."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from providers.examination.outcome import CheckStatus
from tests.app.doctor.examining import found, wrong
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer

CANARY = "canary-7Qx"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SpecServer]:
    """A service that speaks the specification's API to those who have the key."""
    async with SpecServer(api_key=CANARY) as started:
        yield started


def mem0(url: str, **settings: str) -> dict[str, str]:
    """The environment of a mem0 provider of this address."""
    settings = {"kind": "mem0", "base_url": url, "api_key": CANARY} | settings
    return {"NINAI__ORDER": "mem0"} | {
        f"NINAI__PROVIDERS__MEM0__{name.upper()}": value for name, value in settings.items()
    }


@pytest.mark.parametrize("dialect", ["auto", "spec"])
async def test_the_dialect_is_told(server: SpecServer, dialect: str) -> None:
    """Also where it had to be found out; and nothing is stored there."""
    findings = await found(**mem0(server.base_url, dialect=dialect))

    assert wrong(findings) == {}
    assert findings["providers.mem0.health"].found.startswith("healthy, answered in ")
    assert findings["providers.mem0.health"].found.endswith(", speaks the dialect spec")
    assert list(server.memories) == []


async def test_another_dialect_is_found_out() -> None:
    """That of the managed service."""
    async with PlatformServer(api_key=CANARY) as server:
        findings = await found(**mem0(server.base_url))

    assert findings["providers.mem0.health"].found.endswith(", speaks the dialect platform")


async def test_a_wrong_key_is_an_error_and_not_shown(server: SpecServer) -> None:
    """Neither the wrong one nor the right one."""
    findings = await found(**mem0(server.base_url, api_key=f"wrong-{CANARY}"))

    assert wrong(findings) == {"providers.mem0.health": CheckStatus.ERROR}
    assert ".api_key" in (findings["providers.mem0.health"].advice or "")
    assert CANARY not in str(findings)


async def test_a_mem0_that_is_down_is_an_error() -> None:
    """With where to look."""
    findings = await found(**mem0("http://127.0.0.1:1"))

    assert wrong(findings) == {"providers.mem0.health": CheckStatus.ERROR}
    assert "providers.mem0.base_url" in (findings["providers.mem0.health"].advice or "")
