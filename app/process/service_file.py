"""The file in the data folder that tells commands of this machine where a running service is reached."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

SERVICE_FILE = "service.json"


class ServiceUrls(Struct, frozen=True):
    """The URLs of a running service: for callers, and for operators, who may have a port of their own."""

    url: str
    admin_url: str


@contextmanager
def telling_where(data_dir: Path, urls: ServiceUrls) -> Iterator[None]:
    """Tell where the service is for as long as the context lasts.

    The file is locked meanwhile, and the kernel unlocks it if the service is killed, so that nobody believes what it
    left. Of several services in one folder the first is told. A folder that takes no file costs the service nothing
    else.
    """
    with suppress(OSError):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        opened = (data_dir / SERVICE_FILE).open("ab", buffering=0)  # which keeps what another service has written
    except OSError:
        yield
        return
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield
            return
        with suppress(OSError):
            file.truncate(0)
            file.write(msgspec.json.encode(urls))
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)


def urls_of_service(data_dir: Path) -> ServiceUrls | None:
    """Return where the service of a data folder is reached, None if none runs there or the folder cannot be read."""
    try:
        with (data_dir / SERVICE_FILE).open("rb") as file:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None  # nobody holds it
            return msgspec.json.decode(file.read(), type=ServiceUrls)
    except (OSError, msgspec.DecodeError):
        return None
