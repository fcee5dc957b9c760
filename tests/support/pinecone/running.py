"""A fake Pinecone in a thread of its own, for other processes and other loops to ask."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar
from uuid import uuid4

from msgspec.structs import replace

from observability.secret import Secret
from providers.pinecone.settings import PineconeSettings
from tests.support.fickle_http import Behaviour
from tests.support.pinecone.server import KEY, FakePinecone

Done = TypeVar("Done")

DELAY = 0.02  # seconds, by which reads are behind at most
STALENESS = 0.1  # seconds, that are allowed for it here


class PineconeServer:
    """An index that is asked by its URL, and told how to behave from any thread."""

    def __init__(self, fake: FakePinecone, loop: asyncio.AbstractEventLoop) -> None:
        self.fake = fake
        self._loop = loop

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.fake.base_url

    def settings(self, **others: Any) -> PineconeSettings:  # noqa: ANN401 - whatever the settings take
        """The settings of a provider in namespaces that nobody has used before."""
        return pinecone_at(self.url, **others)

    def become(self, behaviour: Behaviour, **how: Any) -> None:  # noqa: ANN401 - see `FickleHttp.become`
        """Behave differently from now on."""
        self.run(self.fake.become(behaviour, **how))

    def run(self, work: Coroutine[Any, Any, Done]) -> Done:
        """Run something in the thread of the server."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def pinecone_at(url: str, **others: Any) -> PineconeSettings:  # noqa: ANN401 - whatever the settings take
    """Return the settings of a provider in namespaces that nobody has used before."""
    prefix = f"t{uuid4().hex}"
    return replace(
        PineconeSettings(host=url, api_key=Secret(KEY), prefix=prefix, staleness_seconds=STALENESS), **others
    )


@contextlib.contextmanager
def running_pinecone(**traits: Any) -> Iterator[PineconeServer]:  # noqa: ANN401 - see `FakePinecone`
    """Yield an index, gone afterwards; every request to it has to be as Pinecone describes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fake = asyncio.run_coroutine_threadsafe(_made(**{"delay": DELAY, **traits}), loop).result()
    server = PineconeServer(fake, loop)
    server.run(fake.__aenter__())
    try:
        yield server
        assert fake.contract.broken == []
    finally:
        server.run(fake.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _made(**traits: Any) -> FakePinecone:  # noqa: ANN401 - see `FakePinecone`
    return FakePinecone(**traits)
