"""A guard that hears every statement which a provider sends, and refuses those that a distributed table would not bear.

It judges what Citus would do by plans for the values of a statement, over a table in partitions.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from sqlalchemy import TextClause, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import Pool

from providers.native import analysis_queue, findings, replication_sql, statements
from providers.native.distribution.forms import HOLDINGS, OWNERS, SUMMARIES, distributed_form, distributed_text
from providers.postgres.driver_sql import bound
from tests.support.partitioned import partitions_read, planning_connection

_TABLE = re.compile(r"\b(FROM|JOIN|INTO|UPDATE)\s+ninai_(memories|history)\b")
_OWNER = re.compile(r"\buser_id = (?:ANY \()?(?:CAST\()?\$(\d+)")
_FORBIDDEN = {
    r"\bRECURSIVE\b": "Citus takes no recursive query about all owners",
    r"\bset_config\b": "a volatile function is refused where rows change, and sets nothing on the nodes",
    r"\bMERGE\b": "Citus refuses most of them",
}
_LOCK = re.compile(r"\bFOR (NO KEY )?(UPDATE|SHARE)\b")
_BOUNDED = re.compile(r"\bLIMIT\b|\bcount\(\*\)")

# Statements about all owners: each of their branches has a limit of its own, or brings nothing but a number.
ABOUT_ALL: dict[str, TextClause] = {
    "owners": OWNERS,
    "summaries": SUMMARIES,
    "holdings": HOLDINGS,
    "expired": replication_sql.EXPIRED,
    "expired, further pages": replication_sql.EXPIRED_AFTER,
    "waiting for a vector": statements.WAITING,
    "count of those": statements.COUNT_WAITING,
    "count of those that do not": statements.EMBEDDED,
    "with a former vector": statements.WITH_FORMER,
    "waiting for an analysis": analysis_queue.WAITING,
    "parsed by the database": analysis_queue.PARSED,
    "count for the health": statements.COUNT_UP_TO,
}


class _AnyValue(dict[str, Any]):
    def __missing__(self, name: str) -> None:
        """Stand for every value: the text alone is wanted."""


# Of the doctor, in the driver's own form.
OF_THE_DOCTOR = (findings.OTHER_DIMENSIONS, findings.NEWEST_VERSION)

_TEXTS = {bound(*distributed_form(one, _AnyValue())).text for one in ABOUT_ALL.values()}
_TEXTS |= {distributed_text(sql) for sql in OF_THE_DOCTOR}


class WrongShape(AssertionError):
    """A statement that a distributed table would refuse, or that would ask every node."""


def named_owners(sql: str, values: Sequence[Any]) -> set[str]:
    """Return the owners that a statement names."""
    named: set[str] = set()
    for place in _OWNER.findall(sql):
        value = values[int(place) - 1]
        named |= {value} if isinstance(value, str) else set(value)
    return named


def check_text(sql: str, *, about_all: bool) -> None:
    """Refuse what can be seen in the text of a statement.

    Raises:
        WrongShape: it has something that Citus does not take, or is about all owners without a limit of its own.
    """
    for pattern, why in _FORBIDDEN.items():
        if re.search(pattern, sql):
            raise WrongShape(f"{why}: {sql}")
    if about_all and _LOCK.search(sql):
        raise WrongShape(f"rows of several owners cannot be locked: {sql}")
    if about_all and not all(_BOUNDED.search(branch) for branch in sql.split("UNION ALL") if about_memories(branch)):
        raise WrongShape(f"a branch about all owners has no limit of its own: {sql}")


async def check_statement(connection: asyncpg.Connection, sql: str, values: Sequence[Any]) -> None:
    """Refuse a statement of the wrong shape, in a database with partitions.

    Raises:
        WrongShape: see `check_text`; or it reads more partitions than it names owners, and is not on the list.
    """
    about_all = sql in _TEXTS
    check_text(sql, about_all=about_all)
    if about_all or sql.lstrip().startswith("INSERT"):
        return
    owners = named_owners(sql, values)
    if not owners:
        raise WrongShape(f"it names no owner, and is not on the list of those about all: {sql}")
    read = await partitions_read(connection, sql, tuple(values))
    if len(read) > len(owners):
        raise WrongShape(f"it names {len(owners)} owners and reads {len(read)} partitions: {sql}")


class StatementGuard:
    """Hear what the connections of this process send to one database, and judge each statement once."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._database = make_url(dsn).database
        self._fresh: dict[str, Sequence[Any]] = {}
        self.judged: set[str] = set()
        event.listen(Pool, "connect", self._listen)

    def close(self) -> None:
        """Hear no more."""
        event.remove(Pool, "connect", self._listen)

    async def judge(self) -> None:
        """Judge what was sent since the last time.

        Raises:
            WrongShape: a statement would not be borne.
        """
        fresh, self._fresh = self._fresh, {}
        if not fresh:
            return
        async with planning_connection(self._dsn) as connection:
            for sql, values in fresh.items():
                await check_statement(connection, sql, values)
                self.judged.add(sql)

    def _listen(self, connection: DBAPIConnection, _record: object) -> None:
        connection.driver_connection.add_query_logger(self._heard)

    def _heard(self, query: "asyncpg.connection.LoggedQuery") -> None:
        sent = query.conn_params.database == self._database and query.exception is None
        if sent and about_memories(query.query) and query.query not in self.judged:
            self._fresh.setdefault(query.query, query.args or ())


def about_memories(sql: str) -> bool:
    """Return whether a statement reads or changes the table of memories or that of their versions."""
    return _TABLE.search(sql) is not None


def statements_of(*modules: object) -> Iterator[tuple[str, TextClause]]:
    """Yield the statements about memories that modules have, with their names."""
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, TextClause) and about_memories(value.text):
                yield f"{getattr(module, '__name__', '')}.{name}", value
