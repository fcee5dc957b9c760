"""What users say, who they are and what opens doors is in no span, also while providers misbehave."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.canary import CANARY, careless_api, everything_about
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0_spec import SpecServer
from tests.support.openai_server import Behaviour as Embedding
from tests.support.openai_server import OpenAIServer
from tests.support.otlp import Collector

MEM0_KEY, SECRET, OPENAI_KEY = f"key-{CANARY}", f"secret-{CANARY}", f"sk-{CANARY}"
CONTEXT = {
    "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    "tracestate": f"user={CANARY}",
    "baggage": f"user={CANARY}",
    "X-Request-ID": CANARY,
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that takes everything."""
    with Collector() as collector:
        yield collector


@pytest.fixture
async def mem0() -> AsyncIterator[FickleHttp]:
    """A mem0 that asks for a key and a signature, behind a proxy that misbehaves when told to."""
    async with SpecServer(api_key=MEM0_KEY, hmac_secret=SECRET) as server, FickleHttp(server.base_url) as proxy:
        yield proxy


async def tell_everything(http: httpx.AsyncClient) -> list[httpx.Response]:
    """Every operation, with the text wherever a client may put one."""
    api = careless_api(http)
    stored = await Api(http, f"{CANARY}-{fresh_user()}").remember(CANARY)
    memory_id = stored.json().get("memory_id", "none")
    return [
        stored,
        *await everything_about(api),
        await api.request("POST", "/memory/recall", json={"query": CANARY}, headers=CONTEXT),
        await api.request("GET", f"/{CANARY}", params={CANARY: CANARY}),
        await Api(http, CANARY).get(memory_id),
    ]


@pytest.mark.parametrize("behaviour", [Behaviour.OK, Behaviour.STATUS, Behaviour.GARBAGE])
async def test_no_span_tells_what_mem0_is_told(collector: Collector, mem0: FickleHttp, behaviour: Behaviour) -> None:
    """Not while mem0 answers, nor while it fails and quotes what it was sent."""
    environ = {
        "MEMORY_PROVIDER": "http",
        "MEM0_BASE_URL": mem0.base_url,
        "MEM0_API_KEY": MEM0_KEY,
        "MEM0_HMAC_SECRET": SECRET,
        "NINAI__PROVIDERS__MEM0__DIALECT": "spec",
        "NINAI__TRACING__ENDPOINT": collector.base_url,
        "NINAI__TRACING__HEADERS__AUTHORIZATION": f"Bearer {CANARY}",
    }
    await mem0.become(behaviour, status=500, body=f'{{"detail": "{CANARY}"}}'.encode())
    async with running_app(environ) as app, asgi_client(app) as http:
        await tell_everything(http)

    assert {span.name for span in collector.spans} >= {"remember", "recall", "POST /v1/memories/search/"}
    assert CANARY not in collector.everything


async def test_no_span_tells_what_is_stored(collector: Collector, database: str) -> None:
    """Nor do statements, their failures, and an embedder that quotes what it was sent."""
    async with OpenAIServer(api_key=OPENAI_KEY) as embedder:
        environ = {
            "DATABASE_URL": database,
            "OPENAI_API_KEY": OPENAI_KEY,
            "OPENAI_BASE_URL": embedder.base_url,
            "NINAI__TRACING__ENDPOINT": collector.base_url,
        }
        async with running_app(environ) as app, asgi_client(app) as http:
            answers = await tell_everything(http)
            await embedder.become(Embedding.STATUS, status=400)
            answers += await tell_everything(http)

    ids = {answer.json()["memory_id"] for answer in answers if answer.is_success and "memory_id" in answer.json()}
    assert {span.name for span in collector.spans} >= {"INSERT ninai_memories", "SELECT ninai_memories", "embed"}
    embeddings = collector.named("POST /embeddings")
    assert {span.attributes.get("http.response.status_code") for span in embeddings} >= {200, 400}
    assert CANARY not in collector.everything
    assert ids
    assert [memory_id for memory_id in ids if memory_id in collector.everything] == []
