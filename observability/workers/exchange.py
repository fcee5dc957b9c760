"""The exchange of figures between workers, so that any of them can show what all have counted."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry

from observability.workers.figures import Family, Figures, decode, encode, figures_of, registry_of
from observability.workers.folder import SOCKET, Folder
from observability.workers.merging import merged

SAVE_SECONDS = 5.0  # between two saves while no scrape comes
ANSWER_SECONDS = 1.0  # for another worker; after that its last save stands for it


class _Answer(Struct, frozen=True):
    """Hold another worker's answer: nothing if it was too slow; it never answers again if it is dead."""

    data: bytes | None = None
    dead: bool = False

    def figures(self) -> Figures | None:
        """Return the figures in it, None if the answer is incomplete."""
        with suppress(msgspec.MsgspecError):
            return None if self.data is None else decode(self.data)
        return None


class MetricsSource(Protocol):
    """Gather the metrics that a scrape shows."""

    async def gathered(self) -> CollectorRegistry:
        """Return all metrics of the service."""


class SingleProcess(MetricsSource):
    """Gather the metrics of a single process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def gathered(self) -> CollectorRegistry:
        """Return its own."""
        return self._registry


class Exchange(MetricsSource):
    """Gather the metrics of one worker among several that share a folder."""

    def __init__(self, registry: CollectorRegistry, folder: Path) -> None:
        self._registry = registry
        self._folder = Folder(folder)
        self._name = f"{os.getpid()}-{token_hex(4)}"
        # By the descriptor of the folder, since the name of a socket may have no more than 107 bytes.
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._saving = asyncio.Lock()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer the others for as long as the context lasts; afterwards this worker is among the departed."""
        server = await self._listen()
        saving = asyncio.create_task(self._keep_saving(), name="save metrics")
        try:
            yield
        finally:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            await self._saved()  # before it refuses to answer, and its saved figures are shown
            server.close()
            await server.wait_closed()
            os.close(self._descriptor)

    async def _listen(self) -> asyncio.Server:
        # Renamed to its own name only once it listens: in between it would refuse connections, as a dead worker does.
        draft, address = f"{self._address(self._name)}.draft", self._address(self._name)
        server = await asyncio.start_unix_server(self._answer, draft)
        await asyncio.to_thread(os.rename, draft, address)
        return server

    async def gathered(self) -> CollectorRegistry:
        """Return what all workers have counted."""
        others = await asyncio.to_thread(self._folder.others, self._name)
        own, answers_of_others = await asyncio.gather(self._saved(), asyncio.gather(*map(self._ask, others)))
        # In a thread, since reading the figures of many workers would hold up every request of this one.
        families = await asyncio.to_thread(self._together, own, dict(zip(others, answers_of_others, strict=True)))
        return registry_of(families)

    def _together(self, own: bytes, answers_of_others: Mapping[str, _Answer]) -> list[Family]:
        dead = [name for name, answer in answers_of_others.items() if answer.dead]
        with suppress(OSError):
            self._folder.retire(dead)
        answers = {name: answer.figures() for name, answer in answers_of_others.items()}
        saved = self._folder.saved(name for name, figures in answers.items() if figures is None)
        received = {name: figures for name, figures in answers.items() if figures is not None}
        # A worker that has answered but is among the departed by now counts as departed.
        living = {
            name: figures for name, figures in (received | saved.of).items() if name not in {*saved.departed.of, *dead}
        }
        unretired = [figures for name, figures in saved.of.items() if name in dead]
        return merged([decode(own), *living.values()], [saved.departed, *unretired])

    async def _ask(self, other: str) -> _Answer:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._address(other))
                try:
                    return _Answer(await reader.read())
                finally:
                    writer.close()
        except (ConnectionRefusedError, FileNotFoundError):
            return _Answer(dead=True)
        except (OSError, TimeoutError):  # stopped, or ended in the middle of its answer
            return _Answer()

    async def _answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(await self._saved())
            await writer.drain()
        writer.close()

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self._saved()

    async def _saved(self) -> bytes:
        """Return what this worker has counted, after saving it; in turn, so that no older save follows a newer."""
        async with self._saving:
            return await asyncio.to_thread(self._save)

    def _save(self) -> bytes:
        data = encode(figures_of(self._registry))
        with suppress(OSError):  # Other metrics show a full disk; shown but unsaved counts are better than none.
            self._folder.save(self._name, data)
        return data

    def _address(self, worker: str) -> str:
        return f"/proc/self/fd/{self._descriptor}/{worker}{SOCKET}"
