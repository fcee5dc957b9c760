"""A provider that is slow is waited for, as long as its caller wants and the operator allows."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from tests.support.api import Api, asgi_client, fresh_user, problem_in, served
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.following import eventually
from tests.support.mem0_spec import SpecServer
from tests.support.service import STOP_SECONDS, running_service

KEY = "m0-key"
SLOW = 0.5  # seconds
LOWER = {"X-Request-Timeout-Ms": "100"}
HIGHER = {"X-Request-Timeout-Ms": "20000"}
IN_VAIN = "NINAI__CHAIN__ATTEMPTS__MEM0__RECALL__DEADLINE"


def environ(proxy: FickleHttp, more: Mapping[str, str]) -> dict[str, str]:
    """A service over a mem0 alone, behind a proxy."""
    return {"MEMORY_PROVIDER": "http", "MEM0_BASE_URL": proxy.base_url, "MEM0_API_KEY": KEY, **more}


@asynccontextmanager
async def slow_mem0(
    folder: Path, more: Mapping[str, str] | None = None, *, stored: bool = True
) -> AsyncIterator[tuple[Api, FickleHttp]]:
    """The API over a mem0 each of whose answers takes its time; the limits are what they are without this test."""
    async with SpecServer(api_key=KEY) as server, FickleHttp(server.base_url) as proxy:
        settings = load(None, environ=environ(proxy, {"NINAI__DATA_DIR": str(folder), **(more or {})})).settings
        app = create_app(settings, CollectorRegistry())
        async with served(app), asgi_client(app) as http:
            api = Api(http, fresh_user())
            if stored:
                await api.stored("tea")
            await proxy.become(Behaviour.SLOW, delay=SLOW)
            yield api, proxy


async def test_a_slow_answer_is_an_answer(tmp_path: Path) -> None:
    """Several at once, too."""
    async with slow_mem0(tmp_path) as (api, _):
        answers = await asyncio.gather(*(api.recalled("tea") for _ in range(4)))

    assert answers == [["tea"]] * 4


async def test_a_caller_may_want_to_wait_for_less(tmp_path: Path) -> None:
    """It is told no, in words that are true of a read."""
    async with slow_mem0(tmp_path) as (api, _):
        refused = await api.request("POST", "/memory/recall", json={"query": "tea"}, headers=LOWER)

    problem = problem_in(refused)
    assert (problem["status"], problem["detail"]) == (503, "No answer in time.")
    assert refused.headers["retry-after"] == "1"


async def test_a_write_without_an_answer_may_have_been_done(tmp_path: Path) -> None:
    """Which it is told, with what to do about it."""
    async with slow_mem0(tmp_path) as (api, _):
        refused = await api.request("POST", "/memory/remember", json={"content": "tea"}, headers=LOWER)

    assert problem_in(refused)["detail"] == (
        "No answer in time. The operation may or may not have happened; the same request can be repeated."
    )


async def test_a_caller_may_want_to_wait_for_more(tmp_path: Path) -> None:
    """More than the configured deadline, up to the longest request."""
    async with slow_mem0(tmp_path, {IN_VAIN: "0.1"}) as (api, _):
        usual = await api.recall("tea")
        longer = await api.request("POST", "/memory/recall", json={"query": "tea"}, headers=HIGHER)

    assert (usual.status_code, longer.status_code) == (503, 200)


async def test_nobody_waits_for_more_than_the_longest_request(tmp_path: Path) -> None:
    """Whatever it asks for."""
    longest = {"NINAI__CHAIN__LONGEST_REQUEST": "0.1"}
    async with slow_mem0(tmp_path, longest, stored=False) as (api, _):
        refused = await api.request("POST", "/memory/recall", json={"query": "tea"}, headers=HIGHER)

    assert refused.status_code == 503


@pytest.mark.parametrize("milliseconds", ["0", "600001", "-1", "1.5", "soon", ""])
async def test_what_is_no_such_time_is_refused(tmp_path: Path, milliseconds: str) -> None:
    """Under the name of the header."""
    async with slow_mem0(tmp_path) as (api, _):
        headers = {"X-Request-Timeout-Ms": milliseconds}
        refused = await api.request("POST", "/memory/recall", json={"query": "tea"}, headers=headers)

    assert problem_in(refused)["status"] == 422
    assert problem_in(refused)["errors"][0]["field"] == "X-Request-Timeout-Ms"


async def test_whoever_hangs_up_is_served_no_more(tmp_path: Path) -> None:
    """Its read is given up, although mem0 has not answered; the one that stays is still waited for."""
    async with SpecServer(api_key=KEY) as server, FickleHttp(server.base_url) as proxy:
        stack = ExitStack()  # entered and left aside, since mem0 answers in this loop
        started = running_service(tmp_path, environ(proxy, {IN_VAIN: "30"}))
        service = await asyncio.to_thread(stack.enter_context, started)
        await proxy.become(Behaviour.HANG)
        async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as staying:
            stays = asyncio.create_task(staying.post("/memory/recall", json={"query": "tea"}))
            for _ in range(3):
                with pytest.raises(httpx.ReadTimeout):
                    async with httpx.AsyncClient(base_url=service.url, timeout=0.5, trust_env=False) as leaving:
                        await leaving.post("/memory/recall", json={"query": "tea"})

            async def given_up() -> bool:
                return service.said().count('"status":499') == 3

            await eventually(given_up)
            assert not stays.done()
            stays.cancel()
            await asyncio.gather(stays, return_exceptions=True)
        await asyncio.to_thread(stack.close)


@pytest.mark.soak
async def test_a_stop_answers_whoever_still_waits(tmp_path: Path) -> None:
    """A read that has half a minute is told no before the process ends, which then ends by itself."""
    async with SpecServer(api_key=KEY) as server, FickleHttp(server.base_url) as proxy:
        stack = ExitStack()  # entered and left aside, since mem0 answers in this loop
        started = running_service(tmp_path, environ(proxy, {IN_VAIN: "30"}))
        service = await asyncio.to_thread(stack.enter_context, started)
        async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as http:
            await http.post("/memory/remember", json={"content": "tea"})
            await proxy.become(Behaviour.HANG)
            recall = asyncio.create_task(http.post("/memory/recall", json={"query": "tea"}))
            await asyncio.sleep(1)
            service.main.send_signal(signal.SIGTERM)
            answer = await recall
        code = await asyncio.to_thread(service.main.wait, STOP_SECONDS)
        await asyncio.to_thread(stack.close)

    assert (answer.status_code, code) == (503, 0)
