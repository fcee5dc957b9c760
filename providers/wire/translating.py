"""The translation of httpx's errors to ours, alike for every service that is spoken to over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from providers.errors import Misconfigured, TimedOut, Unavailable, Unreachable


@contextmanager
def translated(server: str, address: str, *, writes: bool) -> Iterator[None]:
    """Translate httpx's errors and an overall time limit to ours.

    `server` is whom we speak to, `address` the setting that says where; `writes` says that something may have been done
    although no answer came.

    Raises:
        TimedOut: no connection or no answer in time.
        Unavailable: no server answers, or it closed the connection.
        Misconfigured: what is configured is no address of a server, or no key that can be sent.
    """
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise TimedOut(f"no connection to {server} in time ({type(error).__name__})") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise TimedOut(f"no answer from {server} in time", ambiguous=writes) from error
    except httpx.ConnectError as error:
        raise Unreachable(f"no connection to {server}: {error}") from error
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # Not `from error`, which may quote a header, and thereby the key.
        raise Misconfigured(f"what is configured cannot be sent to {server}: is the key plain ASCII?") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Misconfigured(f"{address} is no address of a server: {error}") from error
    except httpx.HTTPError as error:
        raise Unavailable(f"the connection to {server} broke ({type(error).__name__})", ambiguous=writes) from error
