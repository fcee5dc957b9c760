"""A real mem0: its library on PostgreSQL, behind the routes of its own REST server, in a process of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx

from tests.support.postgres import libpq_dsn
from tests.support.service import environment

HOST = "127.0.0.1"
NIL = UUID(int=0)
START_SECONDS = 60.0  # loading the library alone takes 2 s of processor time

_ROOT = Path(__file__).parents[2]
_POLL = 0.02


class Mem0Process:
    """mem0 over the database `dsn`, on a port of the loopback, for as long as the context lasts.

    `base_url` is what a client is configured with. The port stays its own: whoever calls while it is killed is
    refused. `api_key` is what must come as `X-API-Key`; without one, nobody is asked. `dsn` may be SQLAlchemy's.
    """

    def __init__(self, dsn: str, *, api_key: str | None = None, port: int = 0) -> None:
        self._dsn = libpq_dsn(dsn)
        self._api_key = api_key
        # Bound, but not listening: it keeps the port from others, and takes no connection itself.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind((HOST, port))
        self._port: int = self._reserved.getsockname()[1]
        self._folder = TemporaryDirectory(prefix="ninai-mem0-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where it answers; the same after every start."""
        return f"http://{HOST}:{self._port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a client must send."""
        return {} if self._api_key is None else {"X-API-Key": self._api_key}

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    async def __aenter__(self) -> Self:
        try:
            await self.start()
            # Its first calls make the tables, and get into each other's way when they come together.
            async with self.client() as client:
                found = await client.get(f"/memories/{NIL}")
            assert found.status_code == httpx.codes.OK, f"mem0 cannot read: {found.text} {self.said()[-2000:]}"
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def client(self) -> httpx.AsyncClient:
        """Return a client that has the key."""
        return httpx.AsyncClient(base_url=self.base_url, headers=self.headers, timeout=START_SECONDS, trust_env=False)

    async def start(self) -> None:
        """Start it, again if it was killed, and wait until it answers; its database is not needed for that."""
        assert self._process is None or self._process.poll() is not None
        folder = self._folder.name
        settings = {"dsn": self._dsn, "api_key": self._api_key, "port": self._port, "folder": folder}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program, and started in a moment
                [sys.executable, "-m", "tests.support.mem0_oss_app", json.dumps(settings)],
                cwd=_ROOT,
                env=environment(MEM0_TELEMETRY="false", MEM0_DIR=folder, HOME=folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._wait_until_it_answers()

    def pause(self) -> None:
        """Stop it where it stands: it takes connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on from where it was stopped."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, and wait until it is gone; calls from now on are refused."""
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """Return its log since it was started."""
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "log"

    async def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        async with self.client() as client:
            while True:
                try:
                    await client.get("/")
                except httpx.TransportError as error:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise AssertionError(f"mem0 does not answer: {self.said()[-2000:]}") from error
                    await asyncio.sleep(_POLL)
                else:
                    return

    def _leave(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reserved.close()
        self._folder.cleanup()


class Asking:
    """One user's calls, over a client that is everybody's."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.user = uuid4().hex

    async def add(
        self,
        content: str = "tea",
        *,
        timeout: float = START_SECONDS,  # noqa: ASYNC109 - the client's own
        **body: Any,  # noqa: ANN401 - a body is any JSON
    ) -> httpx.Response:
        """Store one content as it is, for this user unless another is named; `timeout` in seconds."""
        messages = [{"role": "user", "content": content}]
        asked = {"messages": messages, "user_id": self.user, "infer": False} | body
        return await self.http.post("/memories", json=asked, timeout=timeout)

    async def added(self, content: str = "tea", **body: Any) -> str:  # noqa: ANN401 - as above
        """Store one content, and return its id."""
        memory_id: str = (await self.add(content, **body)).json()["results"][0]["id"]
        return memory_id

    async def get(self, memory_id: object) -> Any:  # noqa: ANN401 - as above
        """Return one memory as mem0 answers it."""
        return (await self.http.get(f"/memories/{memory_id}")).json()

    async def listed(self, **query: str | int) -> list[str]:
        """Return the contents it lists, of this user unless somebody is named."""
        answer = await self.http.get("/memories", params=query or {"user_id": self.user})
        return [memory["memory"] for memory in answer.json()["results"]]

    async def search(self, query: str = "tea", **body: Any) -> httpx.Response:  # noqa: ANN401 - as above
        """Search among this user's memories unless filters are given."""
        return await self.http.post("/search", json={"query": query, "filters": {"user_id": self.user}} | body)

    async def found(self, query: str = "tea", **body: Any) -> list[str]:  # noqa: ANN401 - as above
        """Return the contents a search finds."""
        return [memory["memory"] for memory in (await self.search(query, **body)).json()["results"]]
