"""Sending entries to a syslog: a socket of this host, or a server by UDP."""

import logging
from logging.handlers import SysLogHandler

_IDENT = "ninai-audit: "


class NotShipped(Exception):
    """Signal that the syslog cannot be reached."""


class _Handler(SysLogHandler):
    """Raise what cannot be sent; the handler itself would print it."""

    ident = _IDENT
    append_nul = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the library's signature
        """Raise what was caught."""
        raise  # noqa: PLE0704 - called while an error is handled


class Syslog:
    """Send lines to an address as the settings have it; connected at the first line, and again after a failure."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = address if address.startswith("/") else (host.strip("[]"), int(port))
        self._handler: _Handler | None = None

    def send(self, line: bytes) -> None:
        """Send one line.

        Raises:
            NotShipped: it cannot be sent.
        """
        record = logging.LogRecord("audit", logging.INFO, "", 0, line.decode().rstrip("\n"), None, None)
        try:
            if self._handler is None:
                self._handler = _Handler(self._address, SysLogHandler.LOG_AUTH)
            self._handler.emit(record)
        except OSError as error:
            self.close()
            raise NotShipped(error.strerror or type(error).__name__) from error

    def close(self) -> None:
        """Close the socket."""
        if self._handler is not None:
            self._handler.close()
            self._handler = None
