"""The state of the process that the console shows."""

import asyncio
import os
import socket
import time
from datetime import UTC, datetime, timedelta

from app import __version__
from app.console.secret import session_secret
from app.console.session import Sessions
from app.settings import Settings
from observability.latency import LatencyHistory


class Console:
    """One for each process; sessions begin when the console is first asked for, so that others need no secret."""

    def __init__(self, settings: Settings, history: LatencyHistory) -> None:
        self.history = history
        self.auth = settings.auth
        self.version = __version__
        self.process = os.getpid()
        self.host = socket.gethostname()
        self.workers = settings.server.workers
        self._settings = settings
        self._began = time.monotonic()
        self._beginning = asyncio.Lock()
        self._sessions: Sessions | None = None

    @property
    def uptime(self) -> float:
        """Seconds since this process began to serve."""
        return time.monotonic() - self._began

    @property
    def since(self) -> datetime:
        """When this process began to serve."""
        return datetime.now(UTC) - timedelta(seconds=self.uptime)

    async def sessions(self) -> Sessions:
        """Return the sessions of this configuration."""
        async with self._beginning:
            if self._sessions is None:
                # In a thread, since a file system that hangs must hold up nobody else.
                secret = await asyncio.to_thread(session_secret, self._settings)
                self._sessions = Sessions(secret, self.auth.keys)
            return self._sessions
