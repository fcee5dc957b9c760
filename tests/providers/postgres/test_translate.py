"""Every error of the driver has a meaning to a caller."""

import inspect
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi

from providers.errors import Misconfigured, ProviderError, TimedOut, Unavailable, Unreachable
from providers.postgres.sqlstates import BUGS, MISCONFIGURED, TIMED_OUT, UNAVAILABLE, entry_of
from providers.postgres.translate import PossibleWrites, TimeLimit, UnexpectedSqlState, translated, translation_of

TABLES: dict[type[Exception], Mapping[str, object]] = {
    Misconfigured: MISCONFIGURED,
    TimedOut: TIMED_OUT,
    Unavailable: UNAVAILABLE,
    Unreachable: UNAVAILABLE,
    UnexpectedSqlState: BUGS,
}

CLASSES: list[Any] = sorted(
    {
        found
        for _, found in inspect.getmembers(asyncpg.exceptions, inspect.isclass)
        if issubclass(found, BaseException) and not issubclass(found, Warning)
    },
    key=lambda found: found.__name__,
)
WITH_CODE = [found for found in CLASSES if issubclass(found, asyncpg.PostgresError) and found.sqlstate]
CODES = sorted({str(found.sqlstate) for found in WITH_CODE})

# What asyncpg raises on its own account, without an answer of the server.
WITHOUT_CODE: dict[str, type[Exception]] = {
    "ClientConfigurationError": Misconfigured,
    "FatalPostgresError": UnexpectedSqlState,
    "InterfaceError": UnexpectedSqlState,
    "InternalClientError": Unavailable,
    "OutdatedSchemaCacheError": Unavailable,
    "PostgresError": UnexpectedSqlState,
    "ProtocolError": Unavailable,
    "TargetServerAttributeNotMatched": Unavailable,
    "UnknownPostgresError": UnexpectedSqlState,
    "UnsupportedClientFeatureError": UnexpectedSqlState,
    "UnsupportedServerFeatureError": Misconfigured,
}

# Codes whose meaning a retry depends on, with whether a single write may have happened.
TOLD_APART = [
    ("08006", Unavailable, True),
    ("08001", Unavailable, False),
    ("25006", Unavailable, False),
    ("40001", Unavailable, False),
    ("40P01", Unavailable, False),
    ("40003", Unavailable, True),
    ("42501", Misconfigured, False),
    ("53100", Unavailable, False),
    ("53300", Unavailable, False),
    ("55P03", Unavailable, False),
    ("57014", TimedOut, False),
    ("57P01", Unavailable, True),
    ("57P02", Unavailable, True),
    ("57P03", Unreachable, False),
    ("57P05", Unavailable, False),
    ("58030", Unavailable, True),
    ("58P01", Misconfigured, False),
    ("26000", Misconfigured, False),
    ("3D000", Misconfigured, False),
    ("XX000", Unavailable, True),
]


def answer_of(code: str) -> asyncpg.PostgresError:
    """Return asyncpg's error for an answer with this code."""
    return asyncpg.PostgresError.new({"C": code, "M": "said by the server", "S": "ERROR", "V": "ERROR"})


def as_wrapped(error: BaseException) -> exc.DBAPIError:
    """Return the error as SQLAlchemy raises it, wrapped twice."""
    adapted = AsyncAdapt_asyncpg_dbapi.Error("wrapped")  # type: ignore[no-untyped-call] # SQLAlchemy has no types here
    adapted.__cause__ = error
    return exc.DBAPIError("SELECT", None, adapted)


async def outcome_of(error: BaseException, writes: PossibleWrites = PossibleWrites.PERHAPS) -> Exception:
    """Return the error that the translation raises for one inside it."""
    try:
        async with translated(TimeLimit(60), writes):
            raise error
    except (ProviderError, UnexpectedSqlState) as translation:
        return translation


@pytest.mark.parametrize("code", CODES)
def test_every_sqlstate_stands_in_a_table(code: str) -> None:
    """Each code that asyncpg knows has one documented meaning."""
    translation = translation_of(answer_of(code), PossibleWrites.PERHAPS)

    assert entry_of(code, TABLES[type(translation)]) is not None


def test_asyncpg_knows_no_other_error() -> None:
    """Every error of asyncpg either carries a code or is in the list of those that do not."""
    coded = {found.__name__ for found in WITH_CODE}

    assert {found.__name__ for found in CLASSES} - coded == set(WITHOUT_CODE)


@pytest.mark.parametrize("name", WITHOUT_CODE)
async def test_errors_without_a_code_are_translated(name: str) -> None:
    """An error of asyncpg itself has a meaning too, raw while connecting or wrapped later."""
    error: BaseException = getattr(asyncpg.exceptions, name)("said by asyncpg")

    assert type(await outcome_of(error)) is WITHOUT_CODE[name]
    assert type(await outcome_of(as_wrapped(error))) is WITHOUT_CODE[name]


@pytest.mark.parametrize("code", CODES)
async def test_wrapping_changes_no_meaning(code: str) -> None:
    """An answer means the same whether SQLAlchemy has wrapped it or not."""
    raw, wrapped = await outcome_of(answer_of(code)), await outcome_of(as_wrapped(answer_of(code)))

    assert type(raw) is type(wrapped)


@pytest.mark.parametrize(("code", "kind", "ambiguous"), TOLD_APART)
async def test_an_error_tells_whether_a_write_may_have_happened(
    code: str,
    kind: type[Unavailable],
    ambiguous: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A write that surely did not happen may be retried; the outcome of a read is never in doubt."""
    translation = await outcome_of(as_wrapped(answer_of(code)))
    reading = await outcome_of(as_wrapped(answer_of(code)), PossibleWrites.NOTHING)
    later = await outcome_of(as_wrapped(answer_of(code)), PossibleWrites.BEFORE)

    assert isinstance(translation, Unavailable)
    assert (type(translation), translation.ambiguous) == (kind, ambiguous)
    assert isinstance(reading, Unavailable)
    assert reading.ambiguous is False
    assert isinstance(later, Unavailable)
    assert later.ambiguous is True


async def test_a_connection_found_dead_has_sent_nothing() -> None:
    """A pooled connection lost while idle fails the write surely; one lost during the statement leaves doubt."""
    idle = await outcome_of(as_wrapped(asyncpg.InterfaceError("connection is closed")))
    midway = await outcome_of(as_wrapped(asyncpg.ConnectionDoesNotExistError("closed in the middle of operation")))

    assert isinstance(idle, Unavailable)
    assert idle.ambiguous is False
    assert isinstance(midway, Unavailable)
    assert midway.ambiguous is True


async def test_a_changed_schema_is_passing() -> None:
    """A prepared statement that a migration outdated is unavailable for once, whatever its code says."""
    adapted = AsyncAdapt_asyncpg_dbapi.InvalidCachedStatementError("outdated")  # type: ignore[no-untyped-call] # as above
    adapted.__cause__ = asyncpg.InvalidCachedStatementError("outdated")

    translation = await outcome_of(exc.NotSupportedError("SELECT", None, adapted))
    assert type(translation) is Unavailable


@pytest.mark.parametrize("error", [ConnectionRefusedError(), FileNotFoundError(), ConnectionResetError(), OSError()])
async def test_an_error_of_the_system_is_unavailable(error: OSError) -> None:
    """An error of the operating system about a socket is an outage."""
    assert type(await outcome_of(error)) is Unavailable


async def test_a_full_pool_is_unavailable() -> None:
    """A timeout in the queue for a connection is an outage, in which nothing was sent."""
    translation = await outcome_of(exc.TimeoutError("QueuePool limit"), PossibleWrites.NOTHING)

    assert type(translation) is Unavailable
    assert translation.ambiguous is False


async def test_a_bug_says_nothing_of_the_row() -> None:
    """Of an unexplained answer only the code is passed on: its text may quote a memory."""
    translation = await outcome_of(as_wrapped(answer_of("22001")))

    assert isinstance(translation, UnexpectedSqlState)
    assert translation.args == ("22001",)
    assert translation.__cause__ is None
    assert translation.__suppress_context__
