"""What the console finds out about its own host: servers that are stopped for maintenance, and a disk that is full."""

import asyncio
import shutil
from pathlib import Path

from msgspec import Struct

from app.settings import Settings
from providers.native.embedded import folder_of
from providers.native.embedded.maintenance import is_marked

FULL_BYTES = 16 << 20  # with less than that left, the next write may be one too many
_PATIENCE = 1.0  # seconds


class HostView(Struct, frozen=True, kw_only=True):
    """Hold the providers whose servers are stopped for maintenance, and the folder whose disk is full, if it is."""

    stopped: frozenset[str] = frozenset()
    full: str | None = None


async def host_view(settings: Settings) -> HostView:
    """Look at the data folder; a file system that does not answer says nothing."""
    looking = asyncio.create_task(asyncio.to_thread(_look, settings))
    await asyncio.wait({looking}, timeout=_PATIENCE)
    return looking.result() if looking.done() else HostView()


def _look(settings: Settings) -> HostView:
    folder: Path = settings.data_dir
    embedded = [name for name, provider in settings.providers.items() if provider.embedded]
    try:
        stopped = frozenset(name for name in embedded if is_marked(folder_of(folder, name)))
        full = str(folder) if shutil.disk_usage(folder).free < FULL_BYTES else None
    except OSError:
        return HostView()
    return HostView(stopped=stopped, full=full)
