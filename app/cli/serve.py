"""`ninai serve`: run the HTTP API, and the embedded PostgreSQL beside it where no other is configured."""

import errno
import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import click
from granian import Granian
from granian.constants import Interfaces, Loops, RuntimeModes
from granian.errors import FatalError
from granian.log import LogLevels

from app.cli.database import embedded_server_for
from app.cli.loading import load_or_exit
from app.settings import Settings
from app.settings.handing_down import hand_down
from observability.logs import configure_logs
from providers.native.embedded import EmbeddedServer

DRAIN_SECONDS = 20


@click.command()
@click.option("--host", help="Address to listen on; without authentication only a loopback address is taken.")
@click.option("--port", type=int, help="Port to listen on, 8000 by default; 0 takes a free one.")
@click.option("--workers", type=int, help="Worker processes, 1 by default.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the embedded PostgreSQL.")
@click.pass_obj
def serve(
    config_file: Path | None, host: str | None, port: int | None, workers: int | None, data_dir: Path | None
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    overrides: dict[str, object] = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "data_dir": None if data_dir is None else str(data_dir.resolve()),
    }
    settings = load_or_exit(config_file, overrides).settings
    configure_logs(settings.log.format, settings.log.level)
    port = _free_port(settings.server.host, settings.server.port)
    # The workers are processes of their own, and read the same settings from the environment.
    hand_down(config_file, overrides | {"server.port": port})
    with ExitStack() as stack:
        database = stack.enter_context(embedded_server_for(settings))
        host = settings.server.host
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        click.echo(f"ninaivalaigal on {url}  (documentation {url}/docs, metrics {url}/metrics)", err=True)
        lost = _stop_when_lost(database) if database else threading.Event()
        _run(settings, port)
        if lost.is_set():
            log = settings.data_dir / "postgres" / "server.log"
            raise click.ClickException(f"the embedded PostgreSQL ended by itself: {log} tells more")


def _stop_when_lost(database: EmbeddedServer) -> threading.Event:
    """Stop this service when its database ends: whoever started it can start both again, it alone could not."""
    lost = threading.Event()

    def watch() -> None:
        if database.ended_by_itself():
            lost.set()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="embedded PostgreSQL", daemon=True).start()
    return lost


def _run(settings: Settings, port: int) -> None:
    server = Granian(
        "app.worker:application",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.server.host,
        port=port,
        workers=settings.server.workers,
        loop=Loops.uvloop,
        runtime_mode=RuntimeModes.st,  # with one worker a second runtime thread only competes for the interpreter
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
        log_level=LogLevels.warning,
    )
    try:
        server.serve()
    except FatalError as error:
        raise click.ClickException(f"the server stopped: {error}") from error


def _free_port(host: str, wanted: int) -> int:
    """Give the port, or a free one for 0; asked before anything is started, since the server would take long to fail.

    Raises:
        click.ClickException: nobody can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: connections of an earlier one may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"port {wanted} of {host} is taken: stop who listens there, or pass another --port"
            else:
                reason = f"cannot listen on port {wanted} of {host}: {error.strerror}"
            raise click.ClickException(reason) from error
        port: int = probe.getsockname()[1]
    return port
