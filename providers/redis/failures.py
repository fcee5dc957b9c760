"""The translation of what Redis refuses, and of its silences: foreign errors become ours here, and nowhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import exceptions

from providers.errors import ASK_AGAIN, Misconfigured, ProviderError, TimedOut, Unavailable, Unreachable

_LOADING_SECONDS = 1.0


class Sending:
    """How far a call has come: whether anything was sent that may have changed something."""

    def __init__(self, *, writes: bool) -> None:
        self._writes = writes
        self.sent = False

    @property
    def ambiguous(self) -> bool:
        """Whether a write may have happened."""
        return self._writes and self.sent


# The first that an error is an instance of counts. What is refused did not happen.
_REFUSALS: list[tuple[type[exceptions.RedisError], Callable[[str], Unavailable]]] = [
    (
        exceptions.BusyLoadingError,
        lambda said: Unavailable(f"Redis loads its data ({said})", retry_after=_LOADING_SECONDS),
    ),
    (exceptions.AuthenticationError, lambda said: Misconfigured(f"Redis refuses user or password ({said})")),
    (exceptions.AuthorizationError, lambda said: Misconfigured(f"Redis refuses the user ({said})")),
    (exceptions.NoPermissionError, lambda said: Misconfigured(f"the user may not do that in Redis ({said})")),
    (exceptions.OutOfMemoryError, lambda _: Unavailable("Redis has no memory left (OOM)")),
    (exceptions.ReadOnlyError, lambda _: Unavailable("this Redis is a replica (READONLY)", retry_after=ASK_AGAIN)),
    (exceptions.AskError, lambda _: Misconfigured("this Redis is one of a cluster (MOVED): set cluster = true")),
    (
        exceptions.ClusterDownError,
        lambda said: Unavailable(f"the cluster does not serve ({said})", retry_after=ASK_AGAIN),
    ),
    (exceptions.TryAgainError, lambda _: Unavailable("the cluster moves these keys (TRYAGAIN)", retry_after=ASK_AGAIN)),
    (exceptions.InvalidResponse, lambda _: Misconfigured("what answers there is no Redis: is url right?")),
]

# What the client counts as failures of a connection, although a server has said it.
_SAID = (
    exceptions.BusyLoadingError,
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.ResponseError,
)

# What servers say at the beginning of errors that have no class of their own: they refuse for now.
_FOR_NOW = ("BUSY", "MISCONF", "NOREPLICAS", "UNBLOCKED", "INPROG", "max number of clients")


def refusal_of(error: exceptions.RedisError) -> Unavailable:
    """Return the error that a refusal means; it may name keys of a configuration, but no memory."""
    for kind, failure in _REFUSALS:
        if isinstance(error, kind):
            return failure(_word(error))
    if str(error).startswith(_FOR_NOW):
        return Unavailable(f"Redis refuses for now ({_word(error)})", retry_after=ASK_AGAIN)
    return Misconfigured(f"Redis refuses a command ({_word(error)}): is it 7.2 or newer, and are its keys ours alone?")


@contextmanager
def translated(progress: Sending) -> Iterator[None]:
    """Translate the errors of the client and an overall time limit to ours.

    Raises:
        Unreachable: no connection could be made.
        TimedOut: no connection or no answer in time.
        Unavailable: the connection broke, or the server refuses for now.
        Misconfigured: the server refuses us, or is none.
        AskError: the server is one of a cluster, and another one keeps these keys.
    """
    try:
        yield
    except (ProviderError, exceptions.AskError):
        raise  # the latter is for whoever knows the other servers
    except (exceptions.TimeoutError, TimeoutError) as error:
        raise TimedOut("no answer from Redis in time", ambiguous=progress.ambiguous) from error
    except exceptions.ConnectionError as error:
        # While a connection is made, the client hides what the server has said to it.
        said = error.__cause__ if isinstance(error.__cause__, exceptions.RedisError) else error
        if isinstance(said, _SAID):
            raise refusal_of(said) from error
        if not progress.sent:
            raise Unreachable(f"no connection to Redis: {error}") from error
        raise Unavailable("the connection to Redis broke", ambiguous=progress.ambiguous) from error
    except OSError as error:
        raise Unavailable("the connection to Redis broke", ambiguous=progress.ambiguous) from error
    except exceptions.RedisError as error:
        raise refusal_of(error) from error


def _word(error: exceptions.RedisError) -> str:
    """Return the code of an error, which is its first word; the rest may quote what was sent."""
    code = error.status_code or str(error).partition(" ")[0]
    return code if code.isalpha() and code.isupper() else type(error).__name__
