"""One server: a bounded number of connections to it, each examined when it is made."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct
from redis import exceptions
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from providers.redis.acknowledging import Command
from providers.redis.failures import Sending, refusal_of, translated
from providers.redis.scripts import DROP_VERSIONS, FEED, LOOK, PURGE, PUT, PUT_FENCES, REPLACE
from providers.redis.server_check import SECTIONS, Demands, check_server, read_info
from providers.redis.vector_scripts import VECTOR_SCRIPTS
from providers.timing.time_limit import seconds_left

_SCRIPTS = (PUT, LOOK, FEED, REPLACE, PURGE, PUT_FENCES, DROP_VERSIONS, *VECTOR_SCRIPTS)
_LOADS: list[Command] = [("SCRIPT", "LOAD", script.text) for script in _SCRIPTS]


class Connecting(Struct, frozen=True, kw_only=True):
    """How servers are connected to; `timeout` and `connect_timeout` are seconds."""

    connections: int
    timeout: float
    connect_timeout: float
    demands: Demands


class Node:
    """Run commands on one server, several in one trip; nothing is tried twice, but for scripts that it has not seen."""

    def __init__(self, make: Callable[[], AbstractConnection], connecting: Connecting) -> None:
        self._make = make
        self._connecting = connecting
        self._turns = asyncio.Semaphore(connecting.connections)
        self._idle: list[AbstractConnection] = []
        self._closed = False

    async def run(self, commands: Sequence[Command], *, writes: bool = False, asking: bool = False) -> list[Any]:
        """Return the answers to commands on one connection; `asking` says that a cluster has sent us here for once.

        Raises:
            ProviderError: see `translated`; what was refused of the first command did not happen.
            AskError: the cluster keeps these keys elsewhere.
        """
        progress = Sending(writes=writes)
        with translated(progress):
            async with asyncio.timeout(seconds_left(self._connecting.timeout)), self._turns, self._lent() as connection:
                progress.sent = True
                return await _answers(connection, commands, progress, asking=asking)

    async def ping(self) -> dict[str, str]:
        """Return what the server tells of itself over a connection of its own, past those that wait for one."""
        with translated(Sending(writes=False)):
            async with asyncio.timeout(seconds_left(self._connecting.timeout)):
                connection = self._make()
                try:
                    return await self._examined(connection)
                finally:
                    await connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Close the connections that nobody uses now, and each other one once nobody does."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[AbstractConnection]:
        """Lend a connection; one that somebody gave up in the middle of an answer is closed."""
        connection = await self._usable() or self._make()
        try:
            if not connection.is_connected:
                await self._examined(connection)
            yield connection
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        if self._closed:
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(connection)

    async def _usable(self) -> AbstractConnection | None:
        """Return an idle connection that the server has not closed meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            try:
                if not await connection.can_read():
                    return connection
            except (exceptions.ConnectionError, OSError):
                pass  # as good as closed
            await connection.disconnect(nowait=True)
        return None

    async def _examined(self, connection: AbstractConnection) -> dict[str, str]:
        async with asyncio.timeout(self._connecting.connect_timeout):
            await connection.connect()  # type: ignore[no-untyped-call] # the client has few types
            await connection.send_command("INFO", *SECTIONS)
            info = read_info(await connection.read_response())
        check_server(info, self._connecting.demands)
        return info


def maker_of(url: str, **options: Any) -> Callable[[], AbstractConnection]:  # noqa: ANN401 - of the client, which has no types
    """Return what makes connections to the server at a URL; `options` come before those in the URL."""
    pool = ConnectionPool.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
        socket_timeout=None,
    )
    pool.connection_kwargs.update(options)
    return pool.make_connection


async def _answers(
    connection: AbstractConnection, commands: Sequence[Command], progress: Sending, *, asking: bool
) -> list[Any]:
    answers = await _exchanged(connection, commands, asking=asking)
    if isinstance(answers[0], exceptions.NoScriptError):
        answers = (await _exchanged(connection, [*_LOADS, *commands], asking=asking))[len(_LOADS) :]
    for place, answer in enumerate(answers):
        if isinstance(answer, exceptions.AskError):
            raise answer
        if isinstance(answer, exceptions.RedisError):
            failure = refusal_of(answer)
            failure.ambiguous = progress.ambiguous and place > 0
            raise failure
    return answers


async def _exchanged(connection: AbstractConnection, commands: Sequence[Command], *, asking: bool) -> list[Any]:
    """Send commands and read all answers, refusals as values: the connection can be used again afterwards."""
    sent = [part for command in commands for part in ((("ASKING",), command) if asking else (command,))]
    await connection.send_packed_command(connection.pack_commands(sent), check_health=False)
    answers = [await _answer(connection) for _ in sent]
    return answers[1::2] if asking else answers


async def _answer(connection: AbstractConnection) -> Any:  # noqa: ANN401 - whatever the server says
    try:
        return await connection.read_response(disconnect_on_error=False)
    except exceptions.ResponseError as refusal:
        return refusal
