"""Translation of the errors of SQLAlchemy, asyncpg and the operating system into those of a provider, at the edge."""

import asyncio
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from types import TracebackType
from typing import NoReturn

import asyncpg
from sqlalchemy import exc

from providers.errors import Misconfigured, ProviderError, TimedOut, Unavailable, Unreachable
from providers.postgres.sqlstates import DISTRIBUTED, MISCONFIGURED, OF_CITUS, TIMED_OUT, UNAVAILABLE, entry_of

_CLOSED = "connection is closed"
_DISK_FULL = "53100"
_NOT_SUPPORTED = "0A000"
_STARTING = "57P03"  # or shutting down


class PossibleWrites(Enum):
    """What the body may have written when its outcome is unknown."""

    NOTHING = auto()  # the body only reads
    PERHAPS = auto()  # the body writes, in one statement
    BEFORE = auto()  # an earlier statement has written already, so even a certain failure leaves the outcome unknown


# The reason of an `Unavailable`: there is no room for what was to be written, while reads go on.
DISK_FULL = "the disk of the database is full (53100)"


class UnexpectedSqlState(RuntimeError):
    """A bug of ours, named by the SQLSTATE or class of the error alone: no working code causes it."""


class TimeLimit:
    """A limit of `seconds` from now, for all that one operation does in the database."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends_at = asyncio.get_running_loop().time() + seconds


class Translation(AbstractAsyncContextManager[None]):
    """Run the body within a time limit, and translate every foreign error that is no bug.

    This is a plain class and no generator, because it stands twice in the path of every statement.
    """

    __slots__ = ("_clock", "_limit", "_writes")

    def __init__(self, limit: TimeLimit, writes: PossibleWrites) -> None:
        self._limit = limit
        self._writes = writes

    def begins(self, writes: PossibleWrites) -> None:
        """Learn that something is sent now, of which nothing is known until it is answered."""
        self._writes = writes

    async def __aenter__(self) -> None:
        self._clock = asyncio.timeout_at(self._limit.ends_at)
        await self._clock.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._clock.__aexit__(kind, error, traceback)
            if error is not None:
                self._raise(error)
        except TimeoutError as late:
            self._raise(late)
        finally:
            error = None  # otherwise it and this frame would refer to each other

    def _raise(self, error: BaseException) -> None:
        """Raise what a foreign error means; return where it passes as it is."""
        unsure, before = self._writes is not PossibleWrites.NOTHING, self._writes is PossibleWrites.BEFORE
        match error:
            case TimeoutError() if self._clock.expired():
                late = f"no answer from the database within {self._limit.seconds:g} s"
                raise TimedOut(late, ambiguous=unsure) from error
            case TimeoutError():
                raise TimedOut("no connection to the database in time", ambiguous=before) from error
            case exc.TimeoutError():
                raise Unavailable("every database connection is in use", ambiguous=before) from error
            case exc.DBAPIError():
                raise_meaning(_driver_error(error), error, self._writes)
            case asyncpg.PostgresError() | asyncpg.InterfaceError() | asyncpg.InternalClientError():
                # While connecting, before SQLAlchemy wraps asyncpg's errors.
                raise translation_of(error, PossibleWrites.BEFORE if before else PossibleWrites.NOTHING) from error
            case OSError():
                reason = f"cannot reach the database: {type(error).__name__}"
                raise (Unavailable(reason, ambiguous=True) if unsure else Unreachable(reason)) from error


def translated(limit: TimeLimit, writes: PossibleWrites) -> Translation:
    """Return the context in which foreign errors are translated.

    Raises:
        TimedOut: the time was up before the body ended.
        Unavailable: the database cannot be reached, is shutting down, or has run out of a resource.
        Misconfigured: the database refuses the login, or lacks something that we need.
    """
    return Translation(limit, writes)


def raise_meaning(error: BaseException, cause: BaseException, writes: PossibleWrites) -> NoReturn:
    """Raise what an error of asyncpg means, with its cause.

    PostgreSQL's message may quote the row, so of a bug only the code and the place are passed on.
    """
    translation = translation_of(error, writes)
    raise translation from (None if isinstance(translation, UnexpectedSqlState) else cause)


def is_full(error: BaseException) -> bool:
    """Return whether the database refuses further connections."""
    driver = _driver_error(error) if isinstance(error, exc.DBAPIError) else error
    return isinstance(driver, asyncpg.TooManyConnectionsError)


def translation_of(error: BaseException, writes: PossibleWrites) -> ProviderError | UnexpectedSqlState:
    """Return the meaning of an error of asyncpg to a caller, which may be that it is a bug."""
    if isinstance(error, asyncpg.PostgresError):
        return _from_sqlstate(error, writes)
    unsure = writes is not PossibleWrites.NOTHING
    answer: ProviderError
    match error:
        case asyncpg.exceptions.ClientConfigurationError() | asyncpg.exceptions.UnsupportedServerFeatureError():
            answer = Misconfigured(f"no connection is possible as configured: {_first_line(error)}")
        case asyncpg.exceptions.TargetServerAttributeNotMatched():
            answer = Unavailable("no server of the wanted kind was found")
        case asyncpg.InternalClientError():  # a protocol error, a type that changed: answered, but not understood
            answer = Unavailable(f"the database was not understood: {type(error).__name__}", ambiguous=unsure)
        case asyncpg.InterfaceError() if _CLOSED in str(error):
            # Found before anything was sent: a pooled connection that was lost while it was idle.
            answer = Unavailable("the connection to the database was lost", ambiguous=writes is PossibleWrites.BEFORE)
        case OSError():
            answer = Unavailable("the connection to the database was lost", ambiguous=unsure)
        case _:
            return UnexpectedSqlState(type(error).__name__)
    return answer


def _from_sqlstate(error: asyncpg.PostgresError, writes: PossibleWrites) -> ProviderError | UnexpectedSqlState:
    code = str(error.sqlstate or "")
    before = writes is PossibleWrites.BEFORE
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return Unavailable("the schema changed meanwhile", ambiguous=before)  # its code is that of a missing feature
    if code == _STARTING:
        return Unreachable(f"the database takes no connections now ({code})", ambiguous=before)
    if code in TIMED_OUT:
        return TimedOut(f"the database ended the statement ({code})", ambiguous=before)
    if advice := _advice(code, _first_line(error)):
        return Misconfigured(f"the database refuses: {_first_line(error)} ({code}); {advice}", ambiguous=before)
    if surely_not := entry_of(code, UNAVAILABLE):
        unsure = writes is PossibleWrites.PERHAPS and not surely_not.value
        reason = DISK_FULL if code == _DISK_FULL else f"the database is unavailable ({code})"
        return Unavailable(reason, ambiguous=before or unsure)
    return UnexpectedSqlState(code)


def _advice(code: str, message: str) -> str | None:
    """Return what to do about a refusal; None if it is not one of those that an operator can do something about."""
    of_citus = code == _NOT_SUPPORTED and OF_CITUS.search(message)
    return DISTRIBUTED if of_citus else entry_of(code, MISCONFIGURED)


def _driver_error(error: exc.DBAPIError) -> BaseException:
    """Return the error of asyncpg; SQLAlchemy wraps it twice, and keeps only the cause for every class."""
    wrapped = error.orig or error
    return wrapped.__cause__ or wrapped


def _first_line(error: BaseException) -> str:
    """Return the first line of a message; those of these classes name roles, databases and tables, never a memory."""
    lines = str(error).splitlines()
    return lines[0].rpartition(">: ")[2] if lines else ""
