"""The number of connections that the server holds, and its settings for connections and request heads."""

import resource

import structlog
from granian.http import HTTP1Settings

from app.settings.model import ServerSettings

# Open files of a process besides connections of clients: those of the admin port, pools, the journal, logs.
RESERVED_FILES = 512
# Only operators and Prometheus use the admin port.
ADMIN_CONNECTIONS = 128
# Half of them: one operator's script must not keep the others out.
ADMIN_CONNECTIONS_PER_PEER = 64
# Read ahead of the application, and so what one connection can make the server buffer: the head of a request, which is
# refused with 431 beyond that (at twice that for certain, since it reads more at once), or the next part of a body.
BUFFER_BYTES = 64 * 1024

_log = structlog.get_logger(__name__)


def http1(settings: ServerSettings) -> HTTP1Settings:
    """Return the server's settings for HTTP/1.1.

    Its timer begins with the connection, and again with each answer that was handed over: so it is the limit for the
    first byte, for a whole head, for an idle connection, and for the last piece of an answer.
    """
    return HTTP1Settings(header_read_timeout=round(settings.header_timeout * 1000), max_buffer_size=BUFFER_BYTES)


def share(number: int, workers: int) -> int:
    """Return each worker's share: the kernel distributes connections among them by chance, and evenly."""
    return -(-number // workers)


def connections_per_worker(settings: ServerSettings) -> int:
    """Return how many connections a worker holds at once; further ones wait in the kernel's queue.

    Fewer than configured where the process may not have as many files open, which the log then says. Without a
    connection left the server at least waits; without a file left it would try in vain, over and over.
    """
    wanted = share(settings.connections, settings.workers)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most == resource.RLIM_INFINITY or wanted + RESERVED_FILES <= most:
        return wanted
    limited = max(most - RESERVED_FILES, most // 2)
    _log.warning("connections_limited", connections=limited * settings.workers, open_files=most)
    return limited


def allow_files(settings: ServerSettings) -> None:
    """Raise this process's limit on open files to what that takes, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = share(settings.connections, settings.workers) + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
