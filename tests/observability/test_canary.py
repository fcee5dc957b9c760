"""What users say and what opens doors is in no line of the log and in no metric, also while mem0 misbehaves."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.canary import CANARY, Log, careless_api, everything_about, logged_into_memory
from tests.support.chains import wait_until_complete
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0_spec import SpecServer
from tests.support.patience import patience_for

MEM0_KEY, SECRET = f"key-{CANARY}", f"secret-{CANARY}"


@pytest.fixture
def log() -> Iterator[Log]:
    """Log everything into memory for the time of one test."""
    with logged_into_memory() as log:
        yield log


@pytest.fixture
async def mem0() -> AsyncIterator[FickleHttp]:
    """A mem0 that asks for a key and a signature, behind a proxy that misbehaves when told to."""
    async with SpecServer(api_key=MEM0_KEY, hmac_secret=SECRET) as server, FickleHttp(server.base_url) as proxy:
        yield proxy


@pytest.fixture
async def http(mem0: FickleHttp, log: Log) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a chain of memory and that mem0, which has received everything."""
    assert log.stream.writable()
    environ = {
        "NINAI__ORDER": "mem0,mock",
        "NINAI__PROVIDERS__MOCK__KIND": "mock",
        "NINAI__PROVIDERS__MEM0__KIND": "mem0",
        "NINAI__PROVIDERS__MEM0__DIALECT": "spec",
        "NINAI__PROVIDERS__MEM0__BASE_URL": mem0.base_url,
        "NINAI__PROVIDERS__MEM0__API_KEY": MEM0_KEY,
        "NINAI__PROVIDERS__MEM0__HMAC_SECRET": SECRET,
        "NINAI__PROVIDERS__MEM0__TIMEOUT": "0.5",
        **patience_for("mem0", deadline=5.0, try_limit=2.0),  # it hangs, and how long is not what this is about
    }
    async with running_app(environ) as app, asgi_client(app) as client:
        await wait_until_complete(client)
        yield client


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour.STATUS,
        Behaviour.STORE_THEN_HANG,
        *(pytest.param(other, marks=pytest.mark.soak) for other in (Behaviour.OK, Behaviour.DOWN, Behaviour.GARBAGE)),
    ],
)
@pytest.mark.thorough
async def test_no_text_key_or_signature_is_told(
    http: httpx.AsyncClient, mem0: FickleHttp, log: Log, behaviour: Behaviour
) -> None:
    """Every operation, with the text in every place that a client and a provider have for one."""
    api = careless_api(http)
    stored = await Api(http, f"{CANARY}-{fresh_user()}").remember(CANARY)
    await mem0.become(behaviour, status=500, body=f'{{"detail": "{CANARY}"}}'.encode())
    answers = await everything_about(api)
    scraped = await http.get("/metrics")

    assert stored.status_code == 200
    assert {answer.status_code for answer in answers} & {200, 202}
    assert len(log.events("request")) >= len(answers)
    assert CANARY not in log.text()
    assert CANARY not in scraped.text
