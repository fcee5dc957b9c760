"""`ninai providers test` tells what is wrong with a mem0 service, and leaves nothing behind there."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio

from providers.mem0.names import name_of
from providers.owners import Owner
from tests.app.cli.trying import CANARY, OPERATIONS, outcomes, report, tried
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0_spec import SpecServer
from tests.support.service import NINAI, environment


def mem0(url: str, **settings: str) -> dict[str, str]:
    """The environment of a mem0 provider of this address."""
    others = {f"NINAI__PROVIDERS__MEM0__{name.upper()}": value for name, value in settings.items()}
    return {
        "NINAI__ORDER": "mem0",
        "NINAI__PROVIDERS__MEM0__KIND": "mem0",
        "NINAI__PROVIDERS__MEM0__BASE_URL": url,
        "NINAI__PROVIDERS__MEM0__DIALECT": "spec",
        "NINAI__PROVIDERS__MEM0__API_KEY": CANARY,
    } | others


def searches(received: Received) -> bool:
    """Whether this looks for the nearest memories."""
    return received.path == "/v1/memories/search/"


def deletes(received: Received) -> bool:
    """Whether this deletes a memory."""
    return received.method == "DELETE"


def left_of(user: str, server: SpecServer) -> list[str]:
    """The texts that a server still has of a user."""
    return [memory.text for memory in server.memories if memory.scope["user_id"] == name_of(Owner(user))]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SpecServer]:
    """A service that speaks the specification's API to those who have the key."""
    async with SpecServer(api_key=CANARY) as started:
        yield started


@pytest_asyncio.fixture
async def proxy(server: SpecServer) -> AsyncIterator[FickleHttp]:
    """That service behind a proxy that misbehaves when told to."""
    async with FickleHttp(server.base_url) as started:
        yield started


@pytest.mark.parametrize("dialect", ["spec", "auto"])
async def test_mem0_is_tried_and_its_dialect_told(server: SpecServer, dialect: str) -> None:
    """All is well, also where the dialect had to be found out."""
    result = await tried("mem0", **mem0(server.base_url, dialect=dialect))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-3:-1] == ["mem0 does all that it should", "mem0 speaks the dialect spec"]


async def test_a_wrong_key_is_told_once(server: SpecServer) -> None:
    """The error, what had it, and where to look; what needs a memory is skipped, and no key is shown."""
    result = await tried("mem0", **mem0(server.base_url, api_key="wrong-" + CANARY))

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert [line.split()[1] for line in lines[1:5]] == ["ok", "ok", "misconfigured", "skipped"]
    assert lines[-3:-1] == [
        "remember, identity: mem0 refuses the key (HTTP 401)",
        "  look at providers.mem0.base_url, .dialect, .api_key and .hmac_secret",
    ]
    assert lines[-1].startswith("no memories of the user ")
    assert CANARY not in result.output
    assert list(server.memories) == []


async def test_what_depends_on_a_failure_is_skipped(server: SpecServer, proxy: FickleHttp) -> None:
    """A search that fails keeps nothing else from being tried, and the memories are deleted nevertheless."""
    await proxy.become(Behaviour.STATUS, status=500, only=searches)

    told = await report("mem0", **mem0(proxy.base_url))

    failed = {"recall", "recall updated", "recall_many"}
    assert told["ok"] is False
    assert outcomes(told) == {name: "unavailable" if name in failed else "ok" for name in OPERATIONS}
    assert [failure["operations"] for failure in told["failures"]] == [["recall", "recall updated", "recall_many"]]
    assert (told["left_behind"], left_of(told["user"], server)) == (None, [])


async def test_a_deletion_that_fails_once_is_made_up_for(server: SpecServer, proxy: FickleHttp) -> None:
    """An update leaves the former text behind it there; the step has failed, but at the end nothing is left."""
    await proxy.become(Behaviour.STATUS, status=500, only=deletes, times=1)

    told = await report("mem0", **mem0(proxy.base_url))

    assert outcomes(told) == dict.fromkeys(OPERATIONS, "ok") | {
        "update": "unavailable",
        "recall updated": "skipped",
    }
    assert (told["left_behind"], left_of(told["user"], server)) == (None, [])


async def test_what_could_not_be_deleted_is_said(server: SpecServer, proxy: FickleHttp) -> None:
    """The user is named, so that somebody can see to it."""
    await proxy.become(Behaviour.STATUS, status=500, only=deletes)

    result = await tried("mem0", **mem0(proxy.base_url))

    left = result.stdout.splitlines()[-1]
    user = left.removeprefix("memories of the user ").partition(" ")[0]
    assert result.exit_code == 1
    assert left == f"memories of the user {user} may be left at mem0: mem0 fails (HTTP 500)"
    assert len(left_of(user, server)) > 0


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Have commands that begin meanwhile heed Ctrl-C, which they ignore if a shell began this run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def interrupted(proxy: FickleHttp, hangs: Callable[[Received], bool], times: int) -> tuple[int, list[str]]:
    """Press Ctrl-C whenever the next request that hangs has come; the exit code, and the lines on standard error."""
    await proxy.become(Behaviour.HANG, only=hangs)
    environ = environment(**mem0(proxy.base_url))
    with heeding_interrupts():
        command = await asyncio.create_subprocess_exec(
            NINAI, "providers", "test", "mem0", env=environ, stderr=asyncio.subprocess.PIPE
        )
    for presses in range(1, times + 1):
        while sum(map(hangs, proxy.requests)) < presses:
            assert command.returncode is None
            await asyncio.sleep(0.05)
        command.send_signal(signal.SIGINT)
    _, said = await command.communicate()
    assert command.returncode is not None
    return command.returncode, said.decode().split("\n")


async def test_who_interrupts_it_leaves_nothing(server: SpecServer, proxy: FickleHttp) -> None:
    """Ctrl-C in the middle: the memories are deleted, that is said, and the exit code is 1."""
    code, said = await interrupted(proxy, searches, times=1)

    user = said[0].removeprefix("no memories of the user ").partition(" ")[0]
    assert (code, said) == (1, [f"no memories of the user {user} are left at mem0", "", "Aborted!", ""])
    assert left_of(user, server) == []


async def test_who_interrupts_the_deletion_is_told_what_is_left(server: SpecServer, proxy: FickleHttp) -> None:
    """A second Ctrl-C ends it at once; the user is named."""
    code, said = await interrupted(proxy, lambda received: searches(received) or deletes(received), times=2)

    user = said[0].removeprefix("memories of the user ").partition(" ")[0]
    remains = f"memories of the user {user} may be left at mem0: their deletion was broken off"
    assert (code, said) == (1, [remains, "", "Aborted!", ""])
    assert len(left_of(user, server)) == 1
