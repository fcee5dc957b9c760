"""From what SQLAlchemy, asyncpg and the operating system raise to the errors of a provider, once, at the edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import exc

from providers.errors import Misconfigured, TimedOut, Unavailable

# By SQLSTATE class, or whole code where one differs from its class (PostgreSQL documentation, appendix A).
# True: the statement surely did not happen. False: it may have.
_UNAVAILABLE = {
    "08": False,  # connection exceptions
    "08001": True,  # could not connect
    "08004": True,  # connection refused by the server
    "25006": True,  # read-only: a standby, or a primary on its way down
    "40": True,  # rolled back: serialisation failure, deadlock
    "40003": False,  # statement completion unknown
    "53": True,  # disk full, out of memory, too many connections
    "55": True,  # lock not available, object not in the needed state
    "57": False,  # operator intervention: shutdown in the middle
    "57P03": True,  # cannot connect now: starting up, shutting down
    "58": False,  # system error outside PostgreSQL
    "XX": False,  # internal error, corruption
}
_MISCONFIGURED = {
    "0A",  # feature not supported: PostgreSQL or pgvector too old
    "0L",  # grant not allowed
    "0P",  # no such role
    "28",  # authorisation
    "3D",  # no such database
    "3F",  # no such schema
    "42501",  # no privilege
    "42704",  # no such type: pgvector is missing or too old
    "42883",  # no such function
    "42P01",  # no such table
    "42703",  # no such column
}
_CANCELLED_BY_TIMEOUT = {"57014", "25P03", "25P04"}


class UnexpectedSqlState(RuntimeError):
    """An answer of the database that no working code of ours gets: a bug, told by its SQLSTATE alone."""


@asynccontextmanager
async def translated(seconds: float, *, writes: bool) -> AsyncIterator[None]:
    """Run the body within a time limit and let nothing foreign out but bugs.

    `writes` tells whether an unknown end means that something may have been stored.

    Raises:
        TimedOut: the body took longer than `seconds`.
        Unavailable: the database cannot be reached, is going down, or is out of something.
        Misconfigured: it is there, but lets us not in, or lacks what we need.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TimedOut(f"no answer from the database within {seconds:g} s", ambiguous=writes) from error
    except exc.TimeoutError as error:
        raise Unavailable("every database connection is in use") from error
    except exc.DBAPIError as error:
        translation = _from_sqlstate(error, writes=writes)
        # PostgreSQL's own words may quote the row, so of a bug only the code and the place go on.
        raise translation from (None if isinstance(translation, UnexpectedSqlState) else error)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # While connecting, before SQLAlchemy wraps what asyncpg raises.
        raise _connecting(error) from error
    except OSError as error:
        raise Unavailable(f"cannot reach the database: {type(error).__name__}") from error


def _from_sqlstate(error: exc.DBAPIError, *, writes: bool) -> Exception:
    code = str(getattr(error.orig, "sqlstate", None) or "")
    if code in _CANCELLED_BY_TIMEOUT:
        return TimedOut(f"the database ended the statement ({code})", ambiguous=writes)
    for key in (code, code[:2]):
        if key in _MISCONFIGURED:
            return Misconfigured(f"the database refuses: {_first_line(error.orig)} ({code})")
        if key in _UNAVAILABLE:
            return Unavailable(f"the database is unavailable ({code})", ambiguous=writes and not _UNAVAILABLE[key])
    if error.connection_invalidated or isinstance(error, exc.InterfaceError):
        return Unavailable("the connection to the database was lost", ambiguous=writes)
    return UnexpectedSqlState(code)


def _connecting(error: asyncpg.PostgresError | asyncpg.InterfaceError) -> Exception:
    code = str(getattr(error, "sqlstate", None) or "")
    if code in _MISCONFIGURED or code[:2] in _MISCONFIGURED:
        return Misconfigured(f"the database refuses: {_first_line(error)} ({code})")
    return Unavailable(f"cannot connect to the database ({code or type(error).__name__})")


def _first_line(error: BaseException | None) -> str:
    """What these classes say names roles, databases and tables, never a memory."""
    lines = str(error).splitlines()
    return lines[0].rpartition(">: ")[2] if lines else ""
