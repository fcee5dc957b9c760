"""The console's view of the process that serves it."""

import asyncio
import os
import socket
import time

from app import __version__
from app.auth.caller import Authenticator
from app.console.ended_sessions import EndedSessions
from app.console.secret import session_secret
from app.console.session import Sessions
from app.settings import Settings
from observability.latency import LatencyHistory


class Console:
    """Hold the state of the console, once per process; the sessions' secret is first read on the first request."""

    def __init__(self, settings: Settings, history: LatencyHistory, authenticator: Authenticator) -> None:
        self.history = history
        self.uses_keys = settings.auth.mode != "none"
        self.version = __version__
        self.process = os.getpid()
        self.host = socket.gethostname()
        self.workers = settings.server.workers
        self._settings, self._authenticator = settings, authenticator
        self._began = time.monotonic()
        self._beginning = asyncio.Lock()
        self._sessions: Sessions | None = None

    @property
    def uptime(self) -> float:
        """Seconds since this process began to serve."""
        return time.monotonic() - self._began

    async def sessions(self) -> Sessions:
        """Return the sessions of this configuration."""
        async with self._beginning:
            if self._sessions is None:
                # In a thread, since a file system that hangs must not block anything else.
                secret = await asyncio.to_thread(session_secret, self._settings)
                self._sessions = Sessions(secret, self._authenticator, EndedSessions(self._settings.data_dir))
            return self._sessions
