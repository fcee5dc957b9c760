"""What the console tells of an index of Pinecone: as of every other store, its kind, its role and what fails there."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from providers.chain.errors import OrderRefused
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.following import eventually
from tests.support.native import host_for
from tests.support.pages import Visitor
from tests.support.pinecone.environment import NAME, pinecone_alone
from tests.support.pinecone.running import PineconeServer
from tests.support.pinecone.server import KEY


@pytest.fixture
def prefix() -> str:
    """The prefix of an installation that nobody has used before."""
    return f"t{uuid4().hex}"


async def test_an_index_is_shown_with_its_kind(pinecone_server: PineconeServer, prefix: str, tmp_path: Path) -> None:
    """And all is well."""
    async with running_app(pinecone_alone(pinecone_server.url, prefix, tmp_path)) as app, asgi_client(app) as http:
        await Api(http, fresh_user()).stored("tea")
        page = await Visitor(http).look()

    assert f"1 {NAME} home pinecone Breaker closed for" in page.text
    assert "All is well" in page.text


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"code": 16, "message": "canary", "details": []}', "Pinecone refuses the key"),
        (200, b"<html>canary", "what answers there is no index of Pinecone: is host right?"),
    ],
)
async def test_what_fails_there_stands_out(
    pinecone_server: PineconeServer, prefix: str, tmp_path: Path, status: int, body: bytes, said: str
) -> None:
    """A key that is not taken any more, or another server in the place of the index; nothing of the key is shown."""
    async with FickleHttp(pinecone_server.url) as proxy:
        variables = pinecone_alone(proxy.base_url, prefix, tmp_path)
        async with running_app(variables) as app, asgi_client(app) as http:
            api = Api(http, fresh_user())
            await api.stored("tea")
            await proxy.become(Behaviour.STATUS, status=status, body=body)
            listed = await http.get("/memory/memories")
            page = await Visitor(http).look()

    assert listed.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "Last error 0." in page.text
    assert said in page.text
    assert KEY not in page.text
    assert "canary" not in page.text


async def test_the_namespaces_of_another_installation_are_refused(
    pinecone_server: PineconeServer, prefix: str, tmp_path: Path
) -> None:
    """Where an order of several would take them over unasked, with the way on."""
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
    first, second = (pinecone_alone(pinecone_server.url, prefix, folder) for folder in folders)
    async with (
        running_app(first) as app,
        asgi_client(app) as http,
        pinecone_server.settings(prefix=prefix).open(host_for()) as store,
    ):
        await Api(http, fresh_user()).stored("tea")

        async def is_marked() -> bool:
            return (await store.introduce()).mark is not None

        await eventually(is_marked)
    several = {"NINAI__ORDER": f"mock,{NAME}", "NINAI__PROVIDERS__MOCK__KIND": "mock"}

    refused = pytest.RaisesExc(OrderRefused, match="ninai journal adopt")
    with pytest.RaisesGroup(refused, flatten_subgroups=True):
        async with running_app(second | several):
            pass
