"""`ninai serve`: run the HTTP API, and embedded PostgreSQL beside it where no other is configured."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.errors import FatalError
from granian.log import LogLevels
from msgspec import structs

from app.cli import options
from app.cli.databases import Databases
from app.cli.key_warnings import warn_of_keys
from app.cli.loading import ConfigProblem, exit_on, load_or_exit
from app.cli.rehearsal import rehearse
from app.http.connections.limits import connections_per_worker, http1
from app.process.draining import STOP_SECONDS, drain_on_sigterm
from app.process.further_listener import CannotListen
from app.process.listening import announcing
from app.process.service_file import ServiceUrls, telling_where
from app.process.stopping import StopReason
from app.process.unix_socket import make_room
from app.process.workers_folder import workers_folder
from app.reloading.source import Configuration, Source
from app.settings import ConfigError, Settings, load
from app.settings.handing_down import hand_down, hand_down_folder
from observability.logs import configure_logs

_LOST = "the embedded PostgreSQL ended by itself"

_log = structlog.get_logger("ninai")


@click.command()
@click.option("--host", help="Address to listen on; without authentication only a loopback address is allowed.")
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
        **options.in_data_dir(data_dir),
    }
    settings = load_or_exit(config_file, overrides).settings
    configure_logs(settings.log.format, settings.log.level)
    port = _free_port(settings.server.host, settings.server.port)
    if settings.admin.port is not None:
        _free_port(settings.admin.host, settings.admin.port, instead="configure another admin.port")
    if settings.server.socket is not None:
        with exit_on(CannotListen):
            make_room(settings.server.socket)
    # The workers are processes of their own, and read the same settings from the environment.
    hand_down(config_file, overrides | {"server.port": port})
    source, configuration = _followed()
    databases = Databases(source, configuration)
    databases.handle_sighup()
    stopping = StopReason()
    with stopping.logged(), databases.running(), _metrics_together(settings):
        rehearse(configuration.settings)
        warn_of_keys(configuration.settings)
        if (override := configuration.override) is not None:
            _log.warning("order_override_in_force", **structs.asdict(override), file=str(source.overrides.path))
        urls = _urls(settings, port)
        with (
            telling_where(settings.data_dir, _from_here(urls)),
            announcing(settings.server.host, port, lambda: click.echo(_address(urls), err=True)),
        ):
            _run(settings, port, databases, stopping)
        if databases.lost is not None:
            raise click.ClickException(f"{_LOST}: see {databases.lost / 'server.log'}")


@contextmanager
def _metrics_together(settings: Settings) -> Iterator[None]:
    """Have several workers expose their metrics as one."""
    if settings.server.workers == 1:
        yield
        return
    with ExitStack() as stack:
        try:
            hand_down_folder(stack.enter_context(workers_folder(settings.data_dir)))
        except OSError as error:
            reason = f"several workers need a folder in {settings.data_dir}: {error.strerror}"
            raise click.ClickException(reason) from error
        yield


def _address(urls: ServiceUrls) -> str:
    """Return the line with the URLs of the service."""
    url = urls.url
    return (
        f"ninaivalaigal on {url}  (console {urls.admin_url}/console, documentation {url}/docs, metrics {url}/metrics)"
    )


def _urls(settings: Settings, port: int) -> ServiceUrls:
    url, admin = _url(settings.server.host, port), settings.admin
    return ServiceUrls(url, url if admin.port is None else _url(admin.host, admin.port))


def _from_here(urls: ServiceUrls) -> ServiceUrls:
    """Return the URLs for this machine: nobody can call the address that stands for all of a host's."""
    return ServiceUrls(
        *(
            url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
            for url in (urls.url, urls.admin_url)
        )
    )


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _followed() -> tuple[Source, Configuration]:
    """Return the source that the workers will follow, and its present configuration; `ConfigProblem` if unusable."""
    source = Source(lambda: load(None))
    with exit_on(ConfigError, problem=ConfigProblem):
        return source, source.read()


def _run(settings: Settings, port: int, databases: Databases, stopping: StopReason) -> None:
    server = Granian(
        "app.process.worker:application",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.server.host,
        port=port,
        workers=settings.server.workers,
        loop=Loops.uvloop,
        runtime_mode=RuntimeModes.st,  # with one worker a second runtime thread only competes for the interpreter
        websockets=False,
        # The server would wait without a limit to detect HTTP/2, and keep a connection that sends nothing for ever.
        http=HTTPModes.http1,
        http1_settings=http1(settings.server),
        backpressure=connections_per_worker(settings.server),
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.warning,
    )
    # The server's own handler of SIGHUP would replace the workers, also where the configuration is broken.
    server.on_startup(databases.handle_sighup)
    server.on_startup(lambda: drain_on_sigterm(server.signal_handler_interrupt, settings.server.drain))
    server.on_startup(lambda: stopping.record_signals(lambda: None if databases.lost is None else _LOST))
    try:
        with stopping.serving():
            server.serve()
    except FatalError as error:
        raise click.ClickException(f"the server stopped: {error}") from error


def _free_port(host: str, wanted: int, *, instead: str = "pass another --port") -> int:
    """Return the port, or a free one for 0; `ClickException` if it cannot be listened on.

    Checked before anything is started, since the server would fail late.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: connections of an earlier process may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"port {wanted} of {host} is taken: stop the process that listens there, or {instead}"
            else:
                reason = f"cannot listen on port {wanted} of {host}: {error.strerror}"
            raise click.ClickException(reason) from error
        port: int = probe.getsockname()[1]
    return port
